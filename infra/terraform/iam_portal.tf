# The portal: starts and watches the pipeline, takes extracts in, reads gold and what was measured. Rows that tell who
# a patient is, loaded or refused, it reads by the review role alone, in a session that carries the person's name.

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
  # Athena's engine asks the catalog for partitions by any of these.
  partition_reads = ["glue:BatchGetPartition", "glue:GetPartition", "glue:GetPartitions"]

  # Athena writes results, and S3A's committers write tables, in parts: parts are listed, and given up where they fail.
  part_writes = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]

  # Of the quality bucket all but the refused rows, which are as they were received.
  measured_tables = ["rule_result", "reconciliation"]
  measured_places = ["audits/*", "reconciliation/*", "releases/*", "results/*", "review_anchor.json", "reviews/*", "runs/*"]
}

data "aws_iam_policy_document" "portal" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [for zone in ["bronze", "gold", "quality"] : local.bucket_arns[zone]]
  }

  statement {
    sid       = "Answers"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arns["results"]]
  }

  statement {
    sid       = "AnswersInParts"
    actions   = local.part_writes
    resources = ["${local.bucket_arns["results"]}/athena/*"]
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = concat(
      [
        "${local.bucket_arns["bronze"]}/_manifests/*",
        "${local.bucket_arns["gold"]}/*",
        "${local.bucket_arns["results"]}/athena/*",
        "${local.bucket_arns["code"]}/sign-in/keys.json",
      ],
      [for place in local.measured_places : "${local.bucket_arns["quality"]}/${place}"],
    )
  }

  statement {
    sid       = "BringIn"
    actions   = concat(["s3:PutObject"], local.part_writes)
    resources = ["${local.bucket_arns["bronze"]}/*"]
  }

  # Deliveries of SFTP gateways become batches; what cannot be read is reported.
  statement {
    sid       = "Receive"
    actions   = ["s3:GetObject", "s3:DeleteObject"]
    resources = ["${local.bucket_arns["bronze"]}/incoming/*"]
  }

  statement {
    sid       = "ReportRefused"
    actions   = ["sns:Publish"]
    resources = [local.topic_arns["failed"]]
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
    actions   = ["glue:GetJobRuns"]
    resources = local.pipeline_job_arns
  }

  statement {
    sid       = "StopJobs"
    actions   = ["glue:BatchStopJobRun"]
    resources = local.job_arns
  }

  statement {
    sid       = "Sample"
    actions   = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns"]
    resources = ["arn:${local.partition}:glue:${var.region}:${local.account}:job/${var.name}-generate-sample"]
  }

  statement {
    sid       = "DefaultDatabase"
    actions   = ["glue:GetDatabase"]
    resources = [local.catalog_arn, local.default_database_arn]
  }

  statement {
    sid     = "Catalog"
    actions = ["glue:GetDatabase", "glue:GetTable"]
    resources = concat(
      [local.catalog_arn],
      [for name in ["gold_releases", "gold", "quality"] : local.database_arns[name]],
      [for name in ["gold_releases", "gold"] : "${local.table_arns[name]}/*"],
      [for table in local.measured_tables : "${local.table_arns["quality"]}/${table}"],
    )
  }

  statement {
    sid     = "Partitions"
    actions = local.partition_reads
    resources = concat(
      [local.catalog_arn, local.database_arns["gold_releases"], local.database_arns["quality"]],
      ["${local.table_arns["gold_releases"]}/*"],
      [for table in local.measured_tables : "${local.table_arns["quality"]}/${table}"],
    )
  }

  statement {
    sid       = "PointViews"
    actions   = ["glue:CreateTable", "glue:UpdateTable"]
    resources = [local.catalog_arn, local.database_arns["gold"], "${local.table_arns["gold"]}/*"]
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
    actions   = ["logs:DescribeLogStreams", "logs:GetLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:${local.job_logs}/*"]
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
    sid       = "Review"
    actions   = ["sts:AssumeRole"]
    resources = [local.arns.review]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"] # Scheduler wants all three of who changes a schedule
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "portal" {
  name   = "work"
  role   = aws_iam_role.portal.id
  policy = data.aws_iam_policy_document.portal.json
}

# The review role: rows of silver and refused rows, by Athena.

data "aws_iam_policy_document" "review_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = [local.portal_role_arn]
    }
  }
}

resource "aws_iam_role" "review" {
  name                 = "${var.name}-review"
  assume_role_policy   = data.aws_iam_policy_document.review_trust.json
  permissions_boundary = local.boundary_arn
  max_session_duration = 3600
}

data "aws_iam_policy_document" "review" {
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns["silver"], local.bucket_arns["quality"]]
  }

  statement {
    sid     = "Read"
    actions = ["s3:GetObject"]
    resources = [
      "${local.bucket_arns["silver"]}/*",
      "${local.bucket_arns["quality"]}/quarantine/*",
      "${local.bucket_arns["quality"]}/results/*", # the keys of failing rows
    ]
  }

  statement {
    sid       = "DefaultDatabase"
    actions   = ["glue:GetDatabase"]
    resources = [local.catalog_arn, local.default_database_arn]
  }

  statement {
    sid     = "Catalog"
    actions = concat(["glue:GetDatabase", "glue:GetTable"], local.partition_reads)
    resources = concat(
      [local.catalog_arn, local.database_arns["silver"], local.database_arns["quality"]],
      ["${local.table_arns["silver"]}/*", "${local.table_arns["quality"]}/quarantine_*", "${local.table_arns["quality"]}/rule_result"],
    )
  }

  statement {
    sid       = "Ask"
    actions   = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup"]
    resources = [local.review_group]
  }

  statement {
    sid       = "Answers"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arns["results"]]
  }

  statement {
    sid       = "ReadAnswers"
    actions   = concat(["s3:GetObject", "s3:PutObject"], local.part_writes)
    resources = ["${local.bucket_arns["results"]}/review/*"]
  }

  statement {
    sid       = "Key"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "review" {
  name   = "read"
  role   = aws_iam_role.review.id
  policy = data.aws_iam_policy_document.review.json
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
