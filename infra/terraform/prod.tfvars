name        = "hdp-prod"
environment = "prod"
alert_email = "data-team@example.org"
