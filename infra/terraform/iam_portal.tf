# The portal: starts and watches the pipeline, takes extracts in, reads gold and quality; identified rows of silver
# only on behalf of a reviewer, and each such look is an event of the review log.

data "aws_iam_policy_document" "tasks_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_iam_role" "portal" {
  name               = "${var.name}-portal"
  assume_role_policy = data.aws_iam_policy_document.tasks_trust.json

  permissions_boundary = local.boundary_arn
}

locals {
  portal_databases = ["silver", "gold_releases", "gold", "quality"]
}

data "aws_iam_policy_document" "portal" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [for zone in ["bronze", "silver", "gold", "quality", "results"] : local.bucket_arns[zone]]
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = [
      "${local.bucket_arns["bronze"]}/_manifests/*",
      "${local.bucket_arns["silver"]}/*",
      "${local.bucket_arns["gold"]}/*",
      "${local.bucket_arns["quality"]}/*",
      "${local.bucket_arns["results"]}/athena/*",
    ]
  }

  statement {
    sid       = "BringIn"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload"]
    resources = ["${local.bucket_arns["bronze"]}/*"]
  }

  statement {
    sid     = "PublishAndReview"
    actions = ["s3:PutObject"]
    resources = [
      "${local.bucket_arns["quality"]}/releases/current.json",
      "${local.bucket_arns["quality"]}/reviews/*",
      "${local.bucket_arns["quality"]}/review_anchor.json",
      "${local.bucket_arns["results"]}/athena/*",
    ]
  }

  # Each event is locked for six years; who may look past a lock (s3:BypassGovernanceRetention) is no role of ours.
  statement {
    sid       = "KeepReviews"
    actions   = ["s3:PutObjectRetention"]
    resources = ["${local.bucket_arns["quality"]}/reviews/*"]
  }

  statement {
    sid       = "Runs"
    actions   = ["states:StartExecution", "states:ListExecutions"]
    resources = [local.machine_arn]
  }

  statement {
    sid       = "Run"
    actions   = ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"]
    resources = [local.run_arns]
  }

  statement {
    sid       = "Jobs"
    actions   = ["glue:GetJobRun", "glue:GetJobRuns", "glue:BatchStopJobRun"]
    resources = local.job_arns
  }

  statement {
    sid       = "Sample"
    actions   = ["glue:StartJobRun"]
    resources = ["arn:${local.partition}:glue:${var.region}:${local.account}:job/${var.name}-generate-sample"]
  }

  statement {
    sid     = "Catalog"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartitions"]
    resources = concat(
      [local.catalog_arn],
      [for name in local.portal_databases : "arn:${local.partition}:glue:${var.region}:${local.account}:database/${local.databases[name]}"],
      [for name in local.portal_databases : "arn:${local.partition}:glue:${var.region}:${local.account}:table/${local.databases[name]}/*"],
    )
  }

  statement {
    sid     = "PointViews"
    actions = ["glue:CreateTable", "glue:UpdateTable"]
    resources = [
      local.catalog_arn,
      "arn:${local.partition}:glue:${var.region}:${local.account}:database/${local.databases["gold"]}",
      "arn:${local.partition}:glue:${var.region}:${local.account}:table/${local.databases["gold"]}/*",
    ]
  }

  statement {
    sid = "Ask"
    actions = [
      "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution",
      "athena:GetQueryResults", "athena:GetWorkGroup",
      "athena:ListQueryExecutions", "athena:BatchGetQueryExecution", "athena:ListNamedQueries",
      "athena:BatchGetNamedQuery", "athena:CreateNamedQuery", "athena:DeleteNamedQuery",
    ]
    resources = [local.athena_group]
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:GetLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws-glue/jobs/*"]
  }

  statement {
    sid       = "Schedule"
    actions   = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    resources = [local.arns.schedule]
  }

  statement {
    sid       = "ScheduleKeepsItsRole"
    actions   = ["iam:PassRole"]
    resources = [local.arns.scheduler]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }

  statement {
    sid       = "Subscriptions"
    actions   = ["sns:ListSubscriptionsByTopic"]
    resources = values(local.topic_arns)
  }

  statement {
    sid       = "SubscribeByMail"
    actions   = ["sns:Subscribe"]
    resources = values(local.topic_arns)

    condition {
      test     = "StringEquals"
      variable = "sns:Protocol"
      values   = ["email"]
    }
  }

  statement {
    sid       = "Notify"
    actions   = ["lambda:InvokeFunction"]
    resources = ["arn:${local.partition}:lambda:${var.region}:${local.account}:function:${var.name}-sns-notify-success"]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "portal" {
  name   = "work"
  role   = aws_iam_role.portal.id
  policy = data.aws_iam_policy_document.portal.json
}

# Starts the tasks: image, secret, log streams.

resource "aws_iam_role" "execution" {
  name               = "${var.name}-portal-execution"
  assume_role_policy = data.aws_iam_policy_document.tasks_trust.json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "execution" {
  # This action knows no resource.
  statement {
    sid       = "SignIn"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.arns.image]
  }

  statement {
    sid       = "Logs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.arns.portal_log}:*"]
  }

  statement {
    sid       = "Secret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.arns.cookie]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}
