resource "aws_sqs_queue" "dead_letters" {
  name                      = "${var.name}-schedule-dead-letters"
  kms_master_key_id         = aws_kms_key.data.id
  message_retention_seconds = 1209600
}

resource "aws_scheduler_schedule" "nightly" {
  name                         = "${var.name}-nightly"
  schedule_expression          = var.schedule_expression
  schedule_expression_timezone = "UTC"
  state                        = var.schedule_enabled ? "ENABLED" : "DISABLED"
  kms_key_arn                  = aws_kms_key.data.arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = aws_sfn_state_machine.pipeline.arn
    role_arn = aws_iam_role.scheduler.arn
    input    = jsonencode({ batch_ids = [] })

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }

    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 3600
    }
  }

  # The portal's Alerts page sets these.
  lifecycle {
    ignore_changes = [schedule_expression, schedule_expression_timezone, state]
  }
}

# Functions that run on a schedule.

resource "aws_scheduler_schedule" "timed" {
  for_each = local.timed_functions

  name                         = "${var.name}-${replace(each.key, "_", "-")}"
  schedule_expression          = each.value
  schedule_expression_timezone = "UTC"
  kms_key_arn                  = aws_kms_key.data.arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = local.function_arns[each.key]
    role_arn = aws_iam_role.scheduler.arn

    dead_letter_config {
      arn = aws_sqs_queue.dead_letters.arn
    }
  }
}

# The portal needs the sign-in keys as soon as it starts.
resource "aws_lambda_invocation" "sign_in_keys" {
  function_name = module.lambda["refresh_sign_in_keys"].name
  input         = "{}"
  triggers      = { keys = local.sign_in_keys }
}

# Start a run when the manifest of a batch is written, if var.start_on_arrival is set.

resource "aws_s3_bucket_notification" "zone" {
  for_each = local.zones

  bucket      = aws_s3_bucket.zone[each.key].id
  eventbridge = true
}

resource "aws_cloudwatch_event_rule" "arrival" {
  name        = "${var.name}-arrival"
  description = "A batch's manifest was written to bronze."
  state       = var.start_on_arrival ? "ENABLED" : "DISABLED"

  event_pattern = jsonencode({
    source        = ["aws.s3"]
    "detail-type" = ["Object Created"]
    detail = {
      bucket = { name = [aws_s3_bucket.zone["bronze"].id] }
      object = { key = [{ wildcard = "_manifests/*.json" }] }
    }
  })
}

resource "aws_cloudwatch_event_target" "arrival" {
  rule     = aws_cloudwatch_event_rule.arrival.name
  arn      = aws_sfn_state_machine.pipeline.arn
  role_arn = aws_iam_role.arrival.arn
  input    = jsonencode({ batch_ids = [], started_by = "the arrival of a batch" })

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

data "aws_iam_policy_document" "arrival_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "arrival" {
  name               = "${var.name}-arrival"
  assume_role_policy = data.aws_iam_policy_document.arrival_trust.json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "arrival" {
  statement {
    sid       = "StartRuns"
    actions   = ["states:StartExecution"]
    resources = [local.machine_arn]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "arrival" {
  name   = "start"
  role   = aws_iam_role.arrival.id
  policy = data.aws_iam_policy_document.arrival.json
}

data "aws_iam_policy_document" "dead_letters" {
  statement {
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.dead_letters.arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = concat([aws_cloudwatch_event_rule.arrival.arn], [for rule in aws_cloudwatch_event_rule.told : rule.arn])
    }
  }
}

resource "aws_sqs_queue_policy" "dead_letters" {
  queue_url = aws_sqs_queue.dead_letters.id
  policy    = data.aws_iam_policy_document.dead_letters.json
}
