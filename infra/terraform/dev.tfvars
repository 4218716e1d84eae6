name        = "hdp-dev"
region      = "us-east-1"
environment = "dev"

# Replace by your own address: nobody reads mail at example.org.
alert_email = "data-team@example.org"

log_retention_days = 30

# Created by bootstrap/: GitHub's role can only create roles with this boundary.
permissions_boundary = "hdp-boundary"
