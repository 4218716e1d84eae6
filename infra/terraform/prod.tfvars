name            = "hdp-prod"
environment     = "prod"
alert_email     = "data-team@example.org"
certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/00000000-0000-0000-0000-000000000000"

# Of bootstrap/: GitHub's role makes no role without it.
permissions_boundary = "hdp-boundary"
