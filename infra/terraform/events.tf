# Forward AWS events for which there is no metric to the topic of failed runs.

locals {
  forwarded_events = {
    "job-slow" = {
      description = "A Glue job has run for longer than half of its timeout."
      source      = "aws.glue"
      detail_type = "Glue Job Run Status"
      detail      = { jobName = [for job in aws_glue_job.job : job.name], notificationCondition = { NotifyDelayAfter = [{ exists = true }] } }
    }
    "deployment-failed" = {
      description = "A new version of the portal did not become healthy, so ECS keeps the previous one."
      source      = "aws.ecs"
      detail_type = "ECS Deployment State Change"
      detail      = { eventName = ["SERVICE_DEPLOYMENT_FAILED"] }
    }
  }
}

resource "aws_cloudwatch_event_rule" "told" {
  for_each = local.forwarded_events

  name        = "${var.name}-${each.key}"
  description = each.value.description

  event_pattern = jsonencode({
    source        = [each.value.source]
    "detail-type" = [each.value.detail_type]
    detail        = each.value.detail
  })
}

resource "aws_cloudwatch_event_target" "told" {
  for_each = local.forwarded_events

  rule = aws_cloudwatch_event_rule.told[each.key].name
  arn  = aws_sns_topic.run["failed"].arn

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

# Allow EventBridge to publish, in addition to the account itself, which a topic allows by default.
data "aws_iam_policy_document" "failed_topic_trust" {
  statement {
    sid       = "ManageAndPublishFromAccount"
    actions   = ["sns:GetTopicAttributes", "sns:ListSubscriptionsByTopic", "sns:Publish", "sns:SetTopicAttributes", "sns:Subscribe"]
    resources = [aws_sns_topic.run["failed"].arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceOwner"
      values   = [local.account]
    }
  }

  statement {
    sid       = "PublishFromEventBridge"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.run["failed"].arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_sns_topic_policy" "failed" {
  arn    = aws_sns_topic.run["failed"].arn
  policy = data.aws_iam_policy_document.failed_topic_trust.json
}
