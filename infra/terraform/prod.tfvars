name        = "hdp-prod"
region      = "us-east-1"
environment = "prod"

# Yours: nobody reads mail at example.org.
alert_email = "data-team@example.org"

# Yours, as far as you have them: domain with zone_id or certificate_arn, and allowed_cidrs.

# Of bootstrap/: GitHub's role makes no role without it.
permissions_boundary = "hdp-boundary"
