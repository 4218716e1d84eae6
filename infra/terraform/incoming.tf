# What SFTP gateways write to incoming/ of the bronze bucket: a task of the portal's image imports it, on the event of a
# marker, and by the hour for deliveries without one (portal/batches/incoming.py).

locals {
  incoming_rules = {
    "incoming-marker" = {
      description = "A delivery in incoming/ is complete: its marker was written."
      schedule    = null
      pattern = jsonencode({
        source        = ["aws.s3"]
        "detail-type" = ["Object Created"]
        detail = {
          bucket = { name = [aws_s3_bucket.zone["bronze"].bucket] }
          object = { key = [{ wildcard = "incoming/*/_COMPLETE" }] }
        }
      })
    }
    "incoming-hourly" = {
      description = "Deliveries in incoming/ without a marker are complete when nothing was written to them for a while."
      schedule    = "rate(1 hour)"
      pattern     = null
    }
  }

  # Where the arrival of a batch starts a run by itself, a second start would load nothing.
  incoming_command = concat(
    ["python", "-m", "portal.batches.incoming"],
    var.start_on_arrival ? ["--no-start-run"] : []
  )
}

resource "aws_cloudwatch_event_rule" "incoming" {
  for_each = local.incoming_rules

  name                = "${var.name}-${each.key}"
  description         = each.value.description
  event_pattern       = each.value.pattern
  schedule_expression = each.value.schedule
  state               = var.incoming_enabled ? "ENABLED" : "DISABLED"
}

resource "aws_cloudwatch_event_target" "incoming" {
  for_each = local.incoming_rules

  rule     = aws_cloudwatch_event_rule.incoming[each.key].name
  arn      = aws_ecs_cluster.main.arn
  role_arn = aws_iam_role.incoming.arn
  input    = jsonencode({ containerOverrides = [{ name = "portal", command = local.incoming_command }] })

  ecs_target {
    # The newest revision: the release workflow registers them.
    task_definition_arn = aws_ecs_task_definition.portal.arn_without_revision
    launch_type         = "FARGATE"
    task_count          = 1

    network_configuration {
      subnets          = aws_subnet.private[*].id
      security_groups  = [aws_security_group.portal.id]
      assign_public_ip = false
    }
  }

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }
}

resource "aws_iam_role" "incoming" {
  name               = "${var.name}-incoming"
  assume_role_policy = data.aws_iam_policy_document.arrival_trust.json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "incoming" {
  statement {
    sid       = "RunPortalTask"
    actions   = ["ecs:RunTask"]
    resources = ["arn:${local.partition}:ecs:${var.region}:${local.account}:task-definition/${var.name}-portal:*"]

    condition {
      test     = "ArnEquals"
      variable = "ecs:cluster"
      values   = ["arn:${local.partition}:ecs:${var.region}:${local.account}:cluster/${var.name}"]
    }
  }

  statement {
    sid     = "PassPortalRoles"
    actions = ["iam:PassRole"]
    resources = [
      for role in ["portal", "portal-execution"] : "arn:${local.partition}:iam::${local.account}:role/${var.name}-${role}"
    ]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
}

resource "aws_iam_role_policy" "incoming" {
  name   = "run"
  role   = aws_iam_role.incoming.id
  policy = data.aws_iam_policy_document.incoming.json
}
