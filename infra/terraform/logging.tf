locals {
  job_logs = "/${var.name}/jobs"
}

# Log groups of the jobs, created here so that they have the key and a retention; jobs get their prefix as an argument.
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

# Saved queries for on-call engineers: CloudWatch > Logs Insights > Saved queries.
locals {
  saved_queries = {
    "failed-jobs" = {
      groups = [for group in aws_cloudwatch_log_group.jobs : group.name]
      query  = "fields @timestamp, @logStream, @message | filter @message like /(ERROR|JobError|ContractError|Traceback)/ | sort @timestamp desc | limit 200"
    }
    "one-job-run" = {
      groups = [for group in aws_cloudwatch_log_group.jobs : group.name]
      query  = "fields @timestamp, @logStream, @message | filter @logStream like /^jr_PUT_THE_ID_HERE/ | sort @timestamp asc | limit 10000"
    }
    "failed-functions" = {
      groups = [for function in module.lambda : function.log_group_name]
      query  = "fields @timestamp, @log, @message | filter @message like /(ERROR|Task timed out|Exception)/ | sort @timestamp desc | limit 200"
    }
    "portal-errors" = {
      groups = [aws_cloudwatch_log_group.portal.name]
      query  = "fields @timestamp, @logStream, @message | filter @message like /(ERROR|Traceback)/ | sort @timestamp desc | limit 200"
    }
    "run-steps" = {
      groups = [aws_cloudwatch_log_group.states.name]
      query  = "fields @timestamp, execution_arn, type, details.name | filter type like /(Failed|TimedOut|Aborted)/ | sort @timestamp desc | limit 200"
    }
    "refused-connections" = {
      groups = [aws_cloudwatch_log_group.flow.name]
      query  = "fields @timestamp, srcAddr, dstAddr, dstPort | filter action = \"REJECT\" | stats count(*) as times by srcAddr, dstAddr, dstPort | sort times desc | limit 50"
    }
  }
}

resource "aws_cloudwatch_query_definition" "saved" {
  for_each = local.saved_queries

  name            = "${var.name}/${each.key}"
  log_group_names = each.value.groups
  query_string    = each.value.query
}
