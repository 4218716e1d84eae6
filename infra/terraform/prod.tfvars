name        = "hdp-prod"
region      = "us-east-1"
environment = "prod"

# Replace by your own address: nobody reads mail at example.org.
alert_email = "data-team@example.org"

# Add your own if you have them: domain with zone_id or certificate_arn, and allowed_cidrs.

# Created by bootstrap/: GitHub's role can only create roles with this boundary.
permissions_boundary = "hdp-boundary"
