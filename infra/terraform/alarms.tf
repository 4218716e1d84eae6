# Each alarm notifies the topic of failed runs. Missing data is treated as `missing` says. The watch_schedule Lambda
# reports runs that are late or have not started, by the same rule as the portal.

locals {
  alarms = {
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
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
    }
    "release-held" = {
      description = "A release is held for a clinician's review."
      namespace   = var.name
      metric      = "ReleasesHeld"
      statistic   = "Sum"
      seconds     = 300
      periods     = 1
      threshold   = 0
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      dimensions  = {}
    }
    "portal-unhealthy" = {
      description = "A portal task fails its health check."
      namespace   = "AWS/ApplicationELB"
      metric      = "UnHealthyHostCount"
      statistic   = "Maximum"
      seconds     = 60
      periods     = 5
      threshold   = 0
      compare     = "GreaterThanThreshold"
      missing     = "breaching"
      dimensions  = { LoadBalancer = aws_lb.portal.arn_suffix, TargetGroup = aws_lb_target_group.portal.arn_suffix }
    }
    "portal-slow" = {
      description = "The portal's response time exceeds two seconds."
      namespace   = "AWS/ApplicationELB"
      metric      = "TargetResponseTime"
      statistic   = "Average"
      seconds     = 300
      periods     = 3
      threshold   = 2
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      dimensions  = { LoadBalancer = aws_lb.portal.arn_suffix, TargetGroup = aws_lb_target_group.portal.arn_suffix }
    }
    "certificate-expires" = {
      description = "The portal's certificate expires within 30 days."
      namespace   = "AWS/CertificateManager"
      metric      = "DaysToExpiry"
      statistic   = "Minimum"
      seconds     = 86400
      periods     = 1
      threshold   = 30
      compare     = "LessThanThreshold"
      missing     = "notBreaching"
      dimensions  = { CertificateArn = local.certificate_arn }
    }
    "athena-fails" = {
      description = "More than five queries failed within five minutes."
      namespace   = "AWS/Athena"
      metric      = "TotalExecutionTime"
      statistic   = "SampleCount"
      seconds     = 300
      periods     = 1
      threshold   = 5
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      dimensions  = { WorkGroup = aws_athena_workgroup.group["portal"].name, QueryState = "FAILED", QueryType = "DML" }
    }
    "athena-bytes" = {
      description = "Queries scanned a terabyte within an hour, which costs about 5 dollars."
      namespace   = "AWS/Athena"
      metric      = "ProcessedBytes"
      statistic   = "Sum"
      seconds     = 3600
      periods     = 1
      threshold   = 1099511627776
      compare     = "GreaterThanThreshold"
      missing     = "notBreaching"
      dimensions  = { WorkGroup = aws_athena_workgroup.group["portal"].name }
    }
  }
}

# Alarms on counts within five minutes; `most` is the highest count without an alarm.
locals {
  counted = {
    for name, event in merge(
      {
        for outcome, words in { Failed = "failed", TimedOut = "timed out", Aborted = "was stopped" } : "run-${lower(outcome)}" => {
          description                  = "A run of the pipeline ${words}. Open the portal's Runs page."
          namespace                    = "AWS/States"
          metric                       = "Executions${outcome}"
          most                         = 0
          dimensions                   = { StateMachineArn = aws_sfn_state_machine.pipeline.arn }
        }
      },
      {
        for whose, words in { Target = "The portal", ELB = "The load balancer" } : "portal-${lower(whose)}-5xx" => {
          description                = "${words} returns server errors (5xx)."
          namespace                  = "AWS/ApplicationELB"
          metric                     = "HTTPCode_${whose}_5XX_Count"
          most                       = 5
          dimensions                 = { LoadBalancer = aws_lb.portal.arn_suffix }
        }
      },
      {
        for function in keys(local.timed_functions) : "${replace(function, "_", "-")}-fails" => {
          description = "The function ${function} fails. See its log."
          namespace   = "AWS/Lambda"
          metric      = "Errors"
          most        = 0
          dimensions  = { FunctionName = module.lambda[function].name }
        }
      },
      {
        for function in keys(local.functions) : "${replace(function, "_", "-")}-throttled" => {
          description = "The function ${function} is throttled, because the account's concurrency quota is exhausted."
          namespace   = "AWS/Lambda"
          metric      = "Throttles"
          most        = 0
          dimensions  = { FunctionName = module.lambda[function].name }
        }
      },
      ) : name => merge(event, {
        statistic = "Sum"
        seconds   = 300
        periods   = 1
        threshold = event.most
        compare   = "GreaterThanThreshold"
        missing   = "notBreaching"
    })
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.alarms, local.counted)

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

# publish_release logs the outcome of each release as one JSON line.
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
