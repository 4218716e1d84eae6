name        = "hdp-dev"
region      = "us-east-1"
environment = "dev"

# Yours: nobody reads mail at example.org.
alert_email = "data-team@example.org"

log_retention_days = 30

# Of bootstrap/: GitHub's role makes no role without it.
permissions_boundary = "hdp-boundary"
