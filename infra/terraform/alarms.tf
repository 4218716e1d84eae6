# Each alarm tells the topic of failed runs. Silence is good news unless `missing` says otherwise.

locals {
  alarms = {
    "run-failed" = {
      description = "A run of the pipeline failed: open the portal's Runs page."
      namespace   = "AWS/States"
      metric      = "ExecutionsFailed"
      statistic   = "Sum"
      seconds     = 300
      periods     = 1
      threshold   = 0
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      enabled     = true
      dimensions  = { StateMachineArn = aws_sfn_state_machine.pipeline.arn }
    }
    "schedule-dead-letters" = {
      description = "A scheduled run could not be started."
      namespace   = "AWS/SQS"
      metric      = "ApproximateNumberOfMessagesVisible"
      statistic   = "Maximum"
      seconds     = 300
      periods     = 1
      threshold   = 0
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      enabled     = true
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
    }
    "run-late" = {
      description = "No run has succeeded for a day."
      namespace   = "AWS/States"
      metric      = "ExecutionsSucceeded"
      statistic   = "Sum"
      seconds     = 86400
      periods     = 1
      threshold   = 1
      compare     = "LessThanThreshold"
      missing     = "breaching"
      enabled     = var.schedule_enabled
      dimensions  = { StateMachineArn = aws_sfn_state_machine.pipeline.arn }
    }
    "release-held" = {
      description = "A release waits for a clinician's review."
      namespace   = var.name
      metric      = "ReleasesHeld"
      statistic   = "Sum"
      seconds     = 300
      periods     = 1
      threshold   = 0
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      enabled     = true
      dimensions  = {}
    }
    "portal-5xx" = {
      description = "The portal answers with errors."
      namespace   = "AWS/ApplicationELB"
      metric      = "HTTPCode_Target_5XX_Count"
      statistic   = "Sum"
      seconds     = 300
      periods     = 1
      threshold   = 5
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      enabled     = true
      dimensions  = { LoadBalancer = aws_lb.portal.arn_suffix }
    }
    "portal-unhealthy" = {
      description = "A portal task does not answer its health check."
      namespace   = "AWS/ApplicationELB"
      metric      = "UnHealthyHostCount"
      statistic   = "Maximum"
      seconds     = 60
      periods     = 5
      threshold   = 0
      compare     = "GreaterThanThreshold"
      missing     = "breaching"
      enabled     = true
      dimensions  = { LoadBalancer = aws_lb.portal.arn_suffix, TargetGroup = aws_lb_target_group.portal.arn_suffix }
    }
    "athena-bytes" = {
      description = "Queries have scanned a terabyte within an hour: about 5 dollars."
      namespace   = "AWS/Athena"
      metric      = "ProcessedBytes"
      statistic   = "Sum"
      seconds     = 3600
      periods     = 1
      threshold   = 1099511627776
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      enabled     = true
      dimensions  = { WorkGroup = aws_athena_workgroup.group["portal"].name }
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => alarm if alarm.enabled }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  statistic           = each.value.statistic
  period              = each.value.seconds
  evaluation_periods  = each.value.periods
  threshold           = each.value.threshold
  comparison_operator = each.value.compare
  treat_missing_data  = each.value.missing
  dimensions          = each.value.dimensions
  alarm_actions       = [local.topic_arns["failed"]]
}

# publish_release says on one structured line what became of a release.
resource "aws_cloudwatch_log_metric_filter" "held" {
  name           = "${var.name}-release-held"
  log_group_name = module.lambda["publish_release"].log_group_name
  pattern        = "{ $.decision = \"hold\" }"

  metric_transformation {
    name      = "ReleasesHeld"
    namespace = var.name
    value     = "1"
  }
}
