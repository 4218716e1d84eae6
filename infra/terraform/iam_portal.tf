# The portal: start and watch runs, import extracts, read gold and rule results. It reads identified rows (silver and
# quarantine) only through the review role, in a session named after the user.

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
  # Athena reads partitions from the catalog with any of these actions.
  partition_reads = ["glue:BatchGetPartition", "glue:GetPartition", "glue:GetPartitions"]

  # Athena writes results and S3A writes tables as multipart uploads, whose parts are listed, or aborted on failure.
  part_writes = ["s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]

  # All of the quality bucket except quarantined rows, which contain identifiers.
  measured_tables   = ["rule_result", "reconciliation"]
  measured_prefixes = ["audit_log/*", "audits/*", "notes/*", "numbers/*", "people/roles.json", "reconciliation/*", "releases/*", "results/*", "reviews/*", "runs/*"]
}

data "aws_iam_policy_document" "portal" {
  statement {
    sid       = "ListBuckets"
    actions   = ["s3:ListBucket"]
    resources = [for zone in ["bronze", "code", "gold", "quality"] : local.bucket_arns[zone]]
  }

  statement {
    sid       = "ListQueryResults"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arns["results"]]
  }

  statement {
    sid       = "UploadQueryResultsInParts"
    actions   = local.part_writes
    resources = ["${local.bucket_arns["results"]}/athena/*"]
  }

  statement {
    sid     = "ReadGoldAndRunRecords"
    actions = ["s3:GetObject"]
    resources = concat(
      [
        "${local.bucket_arns["bronze"]}/_manifests/*",
        "${local.bucket_arns["bronze"]}/_mappings/*",
        "${local.bucket_arns["gold"]}/*",
        "${local.bucket_arns["results"]}/athena/*",
        "${local.bucket_arns["code"]}/sign-in/*",
      ],
      [for place in local.measured_prefixes : "${local.bucket_arns["quality"]}/${place}"],
    )
  }

  statement {
    sid       = "ImportBatches"
    actions   = concat(["s3:PutObject"], local.part_writes)
    resources = ["${local.bucket_arns["bronze"]}/*"]
  }

  # Deliveries of SFTP gateways and uploads of the page Data become batches; what cannot be read is reported.
  statement {
    sid       = "ReceiveDeliveriesAndUploads"
    actions   = ["s3:GetObject", "s3:DeleteObject"]
    resources = [for place in ["_uploads", "incoming"] : "${local.bucket_arns["bronze"]}/${place}/*"]
  }

  statement {
    sid       = "ReportRefusedDeliveriesAndSendTestMessages"
    actions   = ["sns:Publish"]
    resources = values(local.topic_arns)
  }

  statement {
    sid     = "PublishReviewAndWriteQueryResults"
    actions = ["s3:PutObject"]
    resources = [
      "${local.bucket_arns["quality"]}/notes/*",
      "${local.bucket_arns["quality"]}/numbers/*",
      "${local.bucket_arns["quality"]}/people/roles.json",
      "${local.bucket_arns["quality"]}/releases/current.json",
      "${local.bucket_arns["quality"]}/reviews/*",
      "${local.bucket_arns["results"]}/athena/*",
    ]
  }

  # S3 refuses a write without If-None-Match, so an event of the audit log is appended and never overwritten.
  statement {
    sid       = "AppendToAuditLog"
    actions   = ["s3:PutObject"]
    resources = ["${local.bucket_arns["quality"]}/audit_log/*"]

    condition {
      test     = "Null"
      variable = "s3:if-none-match"
      values   = ["false"]
    }
  }

  # Each event is locked for six years; no role of this system may bypass the lock (s3:BypassGovernanceRetention).
  statement {
    sid       = "LockEvents"
    actions   = ["s3:PutObjectRetention"]
    resources = [for place in ["audit_log/*", "reviews/*"] : "${local.bucket_arns["quality"]}/${place}"]
  }

  statement {
    sid       = "StartAndListRuns"
    actions   = ["states:StartExecution", "states:ListExecutions"]
    resources = [local.machine_arn]
  }

  statement {
    sid       = "WatchAndStopRuns"
    actions   = ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"]
    resources = [local.run_arns]
  }

  statement {
    sid       = "ListJobRuns"
    actions   = ["glue:GetJobRuns"]
    resources = local.pipeline_job_arns
  }

  statement {
    sid       = "StopJobRuns"
    actions   = ["glue:BatchStopJobRun"]
    resources = local.job_arns
  }

  statement {
    sid       = "GenerateSamples"
    actions   = ["glue:StartJobRun", "glue:GetJobRun", "glue:GetJobRuns"]
    resources = ["arn:${local.partition}:glue:${var.region}:${local.account}:job/${var.name}-generate-sample"]
  }

  statement {
    sid       = "ReadDefaultDatabase"
    actions   = ["glue:GetDatabase"]
    resources = [local.catalog_arn, local.default_database_arn]
  }

  statement {
    sid     = "ReadTables"
    actions = ["glue:GetDatabase", "glue:GetTable"]
    resources = concat(
      [local.catalog_arn],
      [for name in ["gold_releases", "gold", "quality"] : local.database_arns[name]],
      [for name in ["gold_releases", "gold"] : "${local.table_arns[name]}/*"],
      [for table in local.measured_tables : "${local.table_arns["quality"]}/${table}"],
    )
  }

  statement {
    sid     = "ReadPartitions"
    actions = local.partition_reads
    resources = concat(
      [local.catalog_arn, local.database_arns["gold_releases"], local.database_arns["quality"]],
      ["${local.table_arns["gold_releases"]}/*"],
      [for table in local.measured_tables : "${local.table_arns["quality"]}/${table}"],
    )
  }

  statement {
    sid       = "UpdateGoldViews"
    actions   = ["glue:CreateTable", "glue:UpdateTable"]
    resources = [local.catalog_arn, local.database_arns["gold"], "${local.table_arns["gold"]}/*"]
  }

  statement {
    sid = "RunAndSaveQueries"
    actions = [
      "athena:StartQueryExecution", "athena:StopQueryExecution", "athena:GetQueryExecution",
      "athena:GetQueryResults", "athena:GetWorkGroup",
      "athena:ListQueryExecutions", "athena:BatchGetQueryExecution", "athena:ListNamedQueries",
      "athena:BatchGetNamedQuery", "athena:CreateNamedQuery", "athena:DeleteNamedQuery",
    ]
    resources = [local.athena_group]
  }

  statement {
    sid       = "ReadJobLogs"
    actions   = ["logs:DescribeLogStreams", "logs:GetLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:${local.job_logs}/*"]
  }

  statement {
    sid       = "ReadAndChangeSchedule"
    actions   = ["scheduler:GetSchedule", "scheduler:UpdateSchedule"]
    resources = [local.arns.schedule]
  }

  statement {
    sid       = "PassSchedulerRole"
    actions   = ["iam:PassRole"]
    resources = [local.arns.scheduler]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["scheduler.amazonaws.com"]
    }
  }

  statement {
    sid       = "ListSubscriptions"
    actions   = ["sns:ListSubscriptionsByTopic"]
    resources = values(local.topic_arns)
  }

  # Unsubscribe knows no resource; the portal ends subscriptions of its own topics only.
  statement {
    sid       = "Unsubscribe"
    actions   = ["sns:Unsubscribe"]
    resources = ["*"]
  }

  statement {
    sid       = "SubscribeByEmail"
    actions   = ["sns:Subscribe"]
    resources = values(local.topic_arns)

    condition {
      test     = "StringEquals"
      variable = "sns:Protocol"
      values   = ["email"]
    }
  }

  statement {
    sid     = "NotifySubscribersAndFetchSignInKeys"
    actions = ["lambda:InvokeFunction"]
    resources = [
      for name in ["sns-notify-success", "refresh-sign-in-keys"] :
      "arn:${local.partition}:lambda:${var.region}:${local.account}:function:${var.name}-${name}"
    ]
  }

  # Labels of records whose keys a person may not see: portal/core/pseudonyms.py.
  statement {
    sid       = "Pseudonyms"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.arns.pseudonyms]
  }

  statement {
    sid       = "AssumeReviewRole"
    actions   = ["sts:AssumeRole"]
    resources = [local.arns.review]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey"] # EventBridge Scheduler requires all three to change a schedule
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "portal" {
  name   = "work"
  role   = aws_iam_role.portal.id
  policy = data.aws_iam_policy_document.portal.json
}

# The review role: read identified rows (silver and quarantine) through Athena.

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
    sid       = "ListSilverAndQuality"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arns["silver"], local.bucket_arns["quality"]]
  }

  statement {
    sid     = "ReadIdentifiedRows"
    actions = ["s3:GetObject"]
    resources = [
      "${local.bucket_arns["silver"]}/*",
      "${local.bucket_arns["quality"]}/quarantine/*",
      "${local.bucket_arns["quality"]}/results/*", # the keys of failing rows
    ]
  }

  statement {
    sid       = "ReadDefaultDatabase"
    actions   = ["glue:GetDatabase"]
    resources = [local.catalog_arn, local.default_database_arn]
  }

  statement {
    sid     = "ReadTablesAndPartitions"
    actions = concat(["glue:GetDatabase", "glue:GetTable"], local.partition_reads)
    resources = concat(
      [local.catalog_arn, local.database_arns["silver"], local.database_arns["quality"]],
      ["${local.table_arns["silver"]}/*", "${local.table_arns["quality"]}/quarantine_*", "${local.table_arns["quality"]}/rule_result"],
    )
  }

  statement {
    sid       = "RunReviewQueries"
    actions   = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:GetWorkGroup"]
    resources = [local.review_group]
  }

  statement {
    sid       = "ListQueryResults"
    actions   = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]
    resources = [local.bucket_arns["results"]]
  }

  statement {
    sid       = "ReadAndWriteReviewResults"
    actions   = concat(["s3:GetObject", "s3:PutObject"], local.part_writes)
    resources = ["${local.bucket_arns["results"]}/review/*"]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "review" {
  name   = "read"
  role   = aws_iam_role.review.id
  policy = data.aws_iam_policy_document.review.json
}

# The execution role, with which ECS starts tasks: image, secret, log streams.

resource "aws_iam_role" "execution" {
  name               = "${var.name}-portal-execution"
  assume_role_policy = data.aws_iam_policy_document.tasks_trust.json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "execution" {
  # This action does not support resources.
  statement {
    sid       = "GetRegistryToken"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "PullImage"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [local.arns.image]
  }

  statement {
    sid       = "WritePortalLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.arns.portal_log}:*"]
  }

  statement {
    sid       = "ReadCookieSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.arns.cookie]
  }

  statement {
    sid       = "DecryptWithDataKey"
    actions   = ["kms:Decrypt"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "start"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}
