locals {
  job_logs = "/${var.name}/jobs"
}

# Jobs write into these two, below the prefix that each job is told: made here, with the key and a retention.
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
