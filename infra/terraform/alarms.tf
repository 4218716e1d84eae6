resource "aws_cloudwatch_metric_alarm" "run_failed" {
  alarm_name          = "${var.name}-run-failed"
  alarm_description   = "A run of the pipeline failed: open the portal's Runs page."
  namespace           = "AWS/States"
  metric_name         = "ExecutionsFailed"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  dimensions          = { StateMachineArn = aws_sfn_state_machine.pipeline.arn }
  alarm_actions       = [aws_sns_topic.run["failed"].arn]
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  alarm_name          = "${var.name}-schedule-dead-letters"
  alarm_description   = "A scheduled run could not be started."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters.name }
  alarm_actions       = [aws_sns_topic.run["failed"].arn]
}

# A run that never started, or has not ended, shows as no success in a day while the schedule is on.
resource "aws_cloudwatch_metric_alarm" "run_late" {
  alarm_name          = "${var.name}-run-late"
  alarm_description   = "No run has succeeded for a day."
  namespace           = "AWS/States"
  metric_name         = "ExecutionsSucceeded"
  statistic           = "Sum"
  period              = 86400
  evaluation_periods  = 1
  threshold           = 1
  comparison_operator = "LessThanThreshold"
  treat_missing_data  = "breaching"
  actions_enabled     = var.schedule_enabled
  dimensions          = { StateMachineArn = aws_sfn_state_machine.pipeline.arn }
  alarm_actions       = [aws_sns_topic.run["failed"].arn]
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

resource "aws_cloudwatch_metric_alarm" "held" {
  alarm_name          = "${var.name}-release-held"
  alarm_description   = "A release waits for a clinician's review."
  namespace           = var.name
  metric_name         = "ReleasesHeld"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.run["failed"].arn]
}

resource "aws_cloudwatch_metric_alarm" "portal_errors" {
  alarm_name          = "${var.name}-portal-5xx"
  alarm_description   = "The portal answers with errors."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "HTTPCode_Target_5XX_Count"
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  threshold           = 5
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  dimensions          = { LoadBalancer = aws_lb.portal.arn_suffix }
  alarm_actions       = [aws_sns_topic.run["failed"].arn]
}

resource "aws_cloudwatch_metric_alarm" "portal_unhealthy" {
  alarm_name          = "${var.name}-portal-unhealthy"
  alarm_description   = "A portal task does not answer its health check."
  namespace           = "AWS/ApplicationELB"
  metric_name         = "UnHealthyHostCount"
  statistic           = "Maximum"
  period              = 60
  evaluation_periods  = 5
  threshold           = 0
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "breaching"
  dimensions = {
    LoadBalancer = aws_lb.portal.arn_suffix
    TargetGroup  = aws_lb_target_group.portal.arn_suffix
  }
  alarm_actions = [aws_sns_topic.run["failed"].arn]
}

resource "aws_cloudwatch_metric_alarm" "athena_bytes" {
  alarm_name          = "${var.name}-athena-bytes"
  alarm_description   = "Queries have scanned a terabyte within an hour: about 5 dollars."
  namespace           = "AWS/Athena"
  metric_name         = "ProcessedBytes"
  statistic           = "Sum"
  period              = 3600
  evaluation_periods  = 1
  threshold           = 1099511627776
  comparison_operator = "GreaterThanThreshold"
  treat_missing_data  = "notBreaching"
  dimensions          = { WorkGroup = aws_athena_workgroup.portal.name }
  alarm_actions       = [aws_sns_topic.run["failed"].arn]
}
