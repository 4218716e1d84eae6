name        = "hdp-dev"
environment = "dev"
alert_email = "data-team@example.org"

log_retention_days = 30
