locals {
  job_logs = "/aws-glue/jobs-${var.name}-glue-${var.name}-jobs"
}

# Jobs write into these two; named as Glue names the groups of a role and a security configuration.
resource "aws_cloudwatch_log_group" "jobs" {
  for_each = toset(["output", "error"])

  name              = "${local.job_logs}/${each.key}"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_cloudwatch_log_group" "states" {
  name              = "/aws/vendedlogs/states/${var.name}-pipeline"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}
