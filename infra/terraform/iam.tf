data "aws_iam_policy_document" "trust" {
  for_each = toset(["glue", "lambda", "states", "scheduler"])

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.key}.amazonaws.com"]
    }
  }
}

locals {
  bucket_arns   = { for zone, bucket in aws_s3_bucket.zone : zone => bucket.arn }
  function_arns = { for name, function in module.lambda : name => function.arn }
  topic_arns    = { for name, topic in aws_sns_topic.run : name => topic.arn }

  arns = {
    key          = aws_kms_key.data.arn
    dead_letters = aws_sqs_queue.dead_letters.arn
    schedule     = "arn:${local.partition}:scheduler:${var.region}:${local.account}:schedule/default/${var.name}-nightly"
    scheduler    = aws_iam_role.scheduler.arn
    review       = aws_iam_role.review.arn
    image        = aws_ecr_repository.portal.arn
    portal_log   = aws_cloudwatch_log_group.portal.arn
    flow_log     = aws_cloudwatch_log_group.flow.arn
    cookie       = aws_secretsmanager_secret.cookie.arn
    pseudonyms   = aws_secretsmanager_secret.pseudonyms.arn
  }

  portal_role_arn = aws_iam_role.portal.arn

  # All jobs: those of the pipeline, and the one that generates samples for the portal.
  all_job_arns      = { for job in local.jobs : job.name => "arn:${local.partition}:glue:${var.region}:${local.account}:job/${var.name}-${replace(job.name, "_", "-")}" }
  job_arns          = values(local.all_job_arns)
  pipeline_job_arns = [for job in local.jobs : local.all_job_arns[job.name] if job.stage != "generate"]

  catalog_arn  = "arn:${local.partition}:glue:${var.region}:${local.account}:catalog"
  machine_arn  = "arn:${local.partition}:states:${var.region}:${local.account}:stateMachine:${var.name}-pipeline"
  run_arns     = "arn:${local.partition}:states:${var.region}:${local.account}:execution:${var.name}-pipeline:*"
  image        = aws_ecr_repository.portal.repository_url
  athena_group = "arn:${local.partition}:athena:${var.region}:${local.account}:workgroup/${var.name}-portal"
  review_group = "arn:${local.partition}:athena:${var.region}:${local.account}:workgroup/${var.name}-review"

  # Athena reads this database of the account for every query.
  default_database_arn = "arn:${local.partition}:glue:${var.region}:${local.account}:database/default"

  # Catalog resources by database: a policy for a table must also name its database and the catalog.
  database_arns = {
    for name, database in local.databases : name => "arn:${local.partition}:glue:${var.region}:${local.account}:database/${database}"
  }
  table_arns = {
    for name, database in local.databases : name => "arn:${local.partition}:glue:${var.region}:${local.account}:table/${database}"
  }
}

locals {
  # Tables of the quality bucket that jobs read; no job changes the reviews in the same bucket.
  job_read_prefixes = ["quarantine/*", "reconciliation/*", "results/*"]

  # Objects that jobs write one by one: a repeated job overwrites them and deletes none.
  job_written_prefixes = ["audits/*", "reconciliation/*", "release_reconciliation/*", "releases/*", "results/*"]
}

# Glue jobs: read bronze, write silver, gold and quality, register partitions.

resource "aws_iam_role" "glue" {
  name               = "${var.name}-glue"
  assume_role_policy = data.aws_iam_policy_document.trust["glue"].json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "glue" {
  statement {
    sid       = "ListBuckets"
    actions   = ["s3:ListBucket"]
    resources = [for zone in ["bronze", "silver", "gold", "quality", "code"] : local.bucket_arns[zone]]
  }

  statement {
    sid     = "ReadDataCodeAndRunRecords"
    actions = ["s3:GetObject"]
    resources = concat(
      [for zone in ["bronze", "silver", "gold"] : "${local.bucket_arns[zone]}/*"],
      [for place in ["packages/*", "scripts/*"] : "${local.bucket_arns["code"]}/${place}"],
      [for place in concat(local.job_read_prefixes, ["audits/*", "runs/*", "releases/*", "reviews/*"]) : "${local.bucket_arns["quality"]}/${place}"],
    )
  }

  statement {
    sid       = "ListMultipartUploads"
    actions   = ["s3:ListBucketMultipartUploads"]
    resources = [for zone in ["bronze", "silver", "gold", "quality"] : local.bucket_arns[zone]]
  }

  statement {
    sid     = "WriteSilverGoldAndQuarantine"
    actions = concat(["s3:PutObject", "s3:DeleteObject"], local.part_writes)
    resources = concat(
      [for zone in ["silver", "gold"] : "${local.bucket_arns[zone]}/*"],
      ["${local.bucket_arns["quality"]}/quarantine/*"],
    )
  }

  statement {
    sid       = "WriteResultsAndReleases"
    actions   = concat(["s3:PutObject"], local.part_writes)
    resources = [for place in local.job_written_prefixes : "${local.bucket_arns["quality"]}/${place}"]
  }

  statement {
    sid       = "WriteGeneratedSamples"
    actions   = concat(["s3:PutObject"], local.part_writes)
    resources = ["${local.bucket_arns["bronze"]}/*"]
  }

  statement {
    sid     = "ReadTablesAndAddPartitions"
    actions = ["glue:GetTable", "glue:BatchCreatePartition"]
    resources = concat(
      [local.catalog_arn],
      [for name in ["silver", "gold_releases", "quality"] : local.database_arns[name]],
      [for name in ["silver", "gold_releases", "quality"] : "${local.table_arns[name]}/*"]
    )
  }

  # A repeated job replaces the partitions of its release that an earlier attempt registered elsewhere.
  statement {
    sid     = "ReplacePartitionsOfReleases"
    actions = ["glue:GetPartitions", "glue:BatchDeletePartition"]
    resources = concat(
      [local.catalog_arn, local.database_arns["gold_releases"]],
      [for table in [for job in local.jobs : job.table if job.stage == "facts"] : "${local.table_arns["gold_releases"]}/${table}"]
    )
  }

  # The audit job recognizes confirmed rows by their pseudonyms.
  statement {
    sid       = "Pseudonyms"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [local.arns.pseudonyms]
  }

  # This action does not support resources.
  statement {
    sid       = "PutGlueMetrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["Glue"]
    }
  }

  statement {
    sid       = "WriteJobLogs"
    actions   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:${local.job_logs}/*"]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "glue" {
  name   = "work"
  role   = aws_iam_role.glue.id
  policy = data.aws_iam_policy_document.glue.json
}

# Lambdas: one role per function.

resource "aws_iam_role" "lambda" {
  for_each = local.functions

  name               = "${var.name}-lambda-${replace(each.key, "_", "-")}"
  assume_role_policy = data.aws_iam_policy_document.trust["lambda"].json

  permissions_boundary = local.boundary_arn
}

locals {
  lambda_statements = {
    prepare_run = [
      { actions = ["s3:ListBucket"], resources = [local.bucket_arns["bronze"], local.bucket_arns["quality"]] },
      { actions = ["s3:GetObject"], resources = ["${local.bucket_arns["quality"]}/runs/*", "${local.bucket_arns["quality"]}/releases/*"] },
      { actions = ["s3:PutObject"], resources = ["${local.bucket_arns["quality"]}/runs/*"] },
      { actions = ["states:DescribeExecution"], resources = [local.run_arns] },
    ]
    start_glue_job = [
      { actions = ["glue:StartJobRun", "glue:GetJobRuns"], resources = local.pipeline_job_arns },
    ]
    check_glue_job_status = [
      { actions = ["glue:GetJobRun", "glue:BatchStopJobRun"], resources = local.pipeline_job_arns },
    ]
    publish_release = [
      { actions = ["s3:ListBucket"], resources = [local.bucket_arns["quality"]] },
      { actions = ["s3:GetObject", "s3:PutObject"], resources = ["${local.bucket_arns["quality"]}/releases/*"] },
      { actions = ["s3:GetObject"], resources = ["${local.bucket_arns["quality"]}/reviews/*"] },
      { actions = ["athena:StartQueryExecution", "athena:GetQueryExecution"], resources = [local.athena_group] },
      {
        actions = ["glue:GetDatabase", "glue:GetTable"]
        resources = concat(
          [local.catalog_arn],
          [for name in ["gold", "gold_releases"] : local.database_arns[name]],
          [for name in ["gold", "gold_releases"] : "${local.table_arns[name]}/*"]
        )
      },
      {
        actions   = ["glue:CreateTable", "glue:UpdateTable"]
        resources = [local.catalog_arn, local.database_arns["gold"], "${local.table_arns["gold"]}/*"]
      },
      { actions = ["glue:GetDatabase"], resources = [local.catalog_arn, local.default_database_arn] },
      { actions = ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"], resources = [local.bucket_arns["results"]] },
      {
        actions   = concat(["s3:PutObject", "s3:GetObject"], local.part_writes)
        resources = ["${local.bucket_arns["results"]}/athena/*"]
      },
    ]
    sns_notify_success = [
      { actions = ["sns:Publish"], resources = [local.topic_arns["succeeded"]] },
    ]
    sns_notify_failure = [
      { actions = ["sns:Publish"], resources = [local.topic_arns["failed"]] },
    ]
    watch_schedule = [
      { actions = ["scheduler:GetSchedule"], resources = [local.arns.schedule] },
      { actions = ["states:ListExecutions"], resources = [local.machine_arn] },
      { actions = ["s3:ListBucket"], resources = [local.bucket_arns["quality"], local.bucket_arns["bronze"]] },
      { actions = ["s3:GetObject"], resources = ["${local.bucket_arns["bronze"]}/_manifests/*"] },
      { actions = ["s3:GetObject", "s3:PutObject"], resources = ["${local.bucket_arns["quality"]}/alerts/*"] },
      { actions = ["s3:GetObject"], resources = ["${local.bucket_arns["quality"]}/reviews/*"] },
      { actions = ["sns:Publish"], resources = [local.topic_arns["failed"], local.topic_arns["succeeded"]] },
    ]
    expire_releases = [
      { actions = ["s3:ListBucket"], resources = [local.bucket_arns["quality"], local.bucket_arns["gold"]] },
      { actions = ["s3:GetObject", "s3:DeleteObject"], resources = ["${local.bucket_arns["quality"]}/releases/*"] },
      { actions = ["s3:DeleteObject"], resources = ["${local.bucket_arns["gold"]}/*"] },
      {
        actions   = ["glue:GetPartitions", "glue:BatchDeletePartition"]
        resources = [local.catalog_arn, local.database_arns["gold_releases"], "${local.table_arns["gold_releases"]}/*"]
      },
    ]
    refresh_sign_in_keys = [
      { actions = ["s3:PutObject"], resources = ["${local.bucket_arns["code"]}/sign-in/*"] },
    ]
  }
}

data "aws_iam_policy_document" "lambda" {
  for_each = local.functions

  dynamic "statement" {
    for_each = local.lambda_statements[each.key]

    content {
      actions   = statement.value.actions
      resources = statement.value.resources
    }
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }

  statement {
    sid       = "WriteFunctionLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/lambda/${var.name}-${replace(each.key, "_", "-")}:*"]
  }

  statement {
    sid       = "SendToDeadLetterQueue"
    actions   = ["sqs:SendMessage"]
    resources = [local.arns.dead_letters]
  }

  statement {
    sid       = "SendTraces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "lambda" {
  for_each = local.functions

  name   = "work"
  role   = aws_iam_role.lambda[each.key].id
  policy = data.aws_iam_policy_document.lambda[each.key].json
}

# Lambda attaches a function to the private subnets with the function's role, which therefore needs AWS's managed policy on
# all resources. The function's own code must not use these permissions.

resource "aws_iam_role_policy_attachment" "lambda_network" {
  for_each = local.functions_inside

  role       = aws_iam_role.lambda[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"
}

data "aws_iam_policy_document" "lambda_network" {
  for_each = local.functions_inside

  statement {
    sid    = "DenyNetworkChangesFromCode"
    effect = "Deny"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arns[each.key]]
    }
  }

  statement {
    sid           = "DenyOtherLogGroups"
    effect        = "Deny"
    actions       = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
    not_resources = ["arn:${local.partition}:logs:${var.region}:${local.account}:log-group:/aws/lambda/${var.name}-${replace(each.key, "_", "-")}:*"]
  }
}

resource "aws_iam_role_policy" "lambda_network" {
  for_each = local.functions_inside

  name   = "network"
  role   = aws_iam_role.lambda[each.key].id
  policy = data.aws_iam_policy_document.lambda_network[each.key].json
}

# Step Functions: invoke the pipeline's Lambdas, write log and traces.

resource "aws_iam_role" "states" {
  name               = "${var.name}-states"
  assume_role_policy = data.aws_iam_policy_document.trust["states"].json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "states" {
  statement {
    sid       = "InvokeRunFunctions"
    actions   = ["lambda:InvokeFunction"]
    resources = [for name, arn in local.function_arns : arn if !contains(keys(local.timed_functions), name)]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }

  # Log delivery and X-Ray do not support resources; both statements are as documented by AWS.
  statement {
    sid = "ManageLogDelivery"
    actions = [
      "logs:CreateLogDelivery", "logs:GetLogDelivery", "logs:UpdateLogDelivery", "logs:DeleteLogDelivery",
      "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:DescribeResourcePolicies", "logs:DescribeLogGroups"
    ]
    resources = ["*"]
  }

  statement {
    sid       = "SendTraces"
    actions   = ["xray:PutTraceSegments", "xray:PutTelemetryRecords", "xray:GetSamplingRules", "xray:GetSamplingTargets"]
    resources = ["*"]
  }
}

resource "aws_iam_role_policy" "states" {
  name   = "work"
  role   = aws_iam_role.states.id
  policy = data.aws_iam_policy_document.states.json
}

# The schedule: start runs and scheduled functions; send failed calls to the dead-letter queue.

resource "aws_iam_role" "scheduler" {
  name               = "${var.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.trust["scheduler"].json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "scheduler" {
  statement {
    sid       = "StartRuns"
    actions   = ["states:StartExecution"]
    resources = [local.machine_arn]
  }

  statement {
    sid       = "InvokeScheduledFunctions"
    actions   = ["lambda:InvokeFunction"]
    resources = [for name in keys(local.timed_functions) : local.function_arns[name]]
  }

  statement {
    sid       = "SendToDeadLetterQueue"
    actions   = ["sqs:SendMessage"]
    resources = [local.arns.dead_letters]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "work"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}
