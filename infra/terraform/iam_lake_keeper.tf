# The lake keeper: backs the lake up, restores it and purges rows from it. It reads identified rows and deletes
# versions, so nobody has it unless `lake_keepers` names them. It cannot remove a lock before its date.

data "aws_iam_policy_document" "keeper_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "AWS"
      identifiers = length(var.lake_keepers) > 0 ? var.lake_keepers : ["arn:${local.partition}:iam::${local.account}:root"]
    }
  }
}

resource "aws_iam_role" "keeper" {
  count = length(var.lake_keepers) > 0 ? 1 : 0

  name                 = "${var.name}-lake-keeper"
  assume_role_policy   = data.aws_iam_policy_document.keeper_trust.json
  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "keeper" {
  statement {
    sid       = "ListLake"
    actions   = ["s3:ListBucket", "s3:ListBucketVersions", "s3:GetBucketVersioning", "s3:GetBucketLocation"]
    resources = [for zone in ["bronze", "silver", "gold", "quality", "results"] : local.bucket_arns[zone]]
  }

  statement {
    sid = "CopyRestoreAndPurgeObjects"
    actions = concat(
      ["s3:GetObject", "s3:GetObjectVersion", "s3:GetObjectRetention", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion"],
      local.part_writes,
    )
    resources = [for zone in ["bronze", "silver", "gold", "quality", "results"] : "${local.bucket_arns[zone]}/*"]
  }

  statement {
    sid       = "LockEvents"
    actions   = ["s3:PutObjectRetention"]
    resources = [for place in ["audit_log/*", "reviews/*"] : "${local.bucket_arns["quality"]}/${place}"]
  }

  statement {
    sid       = "NeverBypassLocks"
    effect    = "Deny"
    actions   = ["s3:BypassGovernanceRetention"]
    resources = ["${local.bucket_arns["quality"]}/*"]
  }

  statement {
    sid     = "RegisterAndRemovePartitions"
    actions = concat(local.partition_reads, ["glue:GetDatabase", "glue:GetTable", "glue:BatchCreatePartition", "glue:BatchDeletePartition"])
    resources = concat(
      [local.catalog_arn],
      [for name in ["silver", "gold_releases", "gold", "quality"] : local.database_arns[name]],
      [for name in ["silver", "gold_releases", "gold", "quality"] : "${local.table_arns[name]}/*"],
    )
  }

  statement {
    sid       = "UpdateGoldViews"
    actions   = ["glue:CreateTable", "glue:UpdateTable"]
    resources = [local.catalog_arn, local.database_arns["gold"], "${local.table_arns["gold"]}/*"]
  }

  statement {
    sid       = "RunViewQueries"
    actions   = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetWorkGroup"]
    resources = [local.athena_group]
  }

  statement {
    sid       = "RebuildRelease"
    actions   = ["states:StartExecution", "states:ListExecutions"]
    resources = [local.machine_arn]
  }

  statement {
    sid       = "WatchRebuild"
    actions   = ["states:DescribeExecution", "states:GetExecutionHistory"]
    resources = [local.run_arns]
  }

  statement {
    sid       = "WatchJobs"
    actions   = ["glue:GetJobRuns"]
    resources = local.pipeline_job_arns
  }

  statement {
    sid       = "CopyPseudonymsSecret"
    actions   = ["secretsmanager:GetSecretValue", "secretsmanager:PutSecretValue"]
    resources = [local.arns.pseudonyms]
  }

  statement {
    sid       = "UseDataKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }
}

resource "aws_iam_role_policy" "keeper" {
  count = length(var.lake_keepers) > 0 ? 1 : 0

  name   = "keep"
  role   = aws_iam_role.keeper[0].id
  policy = data.aws_iam_policy_document.keeper.json
}
