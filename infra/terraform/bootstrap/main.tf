# Once per account: the state bucket, its lock table, and the two roles that GitHub Actions assumes through OIDC.

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition

  # Known only after the first apply. A test overrides these, so that a plan renders the policies.
  arns = {
    bucket   = aws_s3_bucket.state.arn
    lock     = aws_dynamodb_table.lock.arn
    key      = aws_kms_key.state.arn
    boundary = aws_iam_policy.boundary.arn
    github   = [for role in aws_iam_role.github : role.arn]
  }

  # Separate from `arns`, because the roles in `arns` refer to it in their trust policies.
  oidc_arn = aws_iam_openid_connect_provider.github.arn

  state_of_dev = "${local.arns.bucket}/health-data-portal/dev/terraform.tfstate"
  code_of_dev  = "arn:${local.partition}:s3:::${var.name}-dev-${local.account}-code/*" # the wheel and the scripts, uploaded by Terraform
  role_arns    = "arn:${local.partition}:iam::${local.account}:role/${var.name}-*"

  # Services that the roles of this system use.
  bounded = toset([
    "athena", "ecr", "events", "glue", "kms", "lambda", "logs", "scheduler", "secretsmanager", "sns", "sqs", "states",
  ])
}

resource "aws_kms_key" "state" {
  description             = "${var.name}: Terraform's state"
  enable_key_rotation     = true
  deletion_window_in_days = 30

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "AdministerKey"
      Effect    = "Allow"
      Action    = "kms:*"
      Resource  = "*"
      Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
    }]
  })
}

resource "aws_s3_bucket" "state" {
  #checkov:skip=CKV_AWS_144:Versions keep previous states; nothing in a second region could use them.
  #checkov:skip=CKV_AWS_18:Only the two roles below and administrators can read it; CloudTrail records their calls.
  bucket = "${var.name}-terraform-state-${local.account}"
}

resource "aws_s3_bucket_versioning" "state" {
  bucket = aws_s3_bucket.state.id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.state.arn
    }
  }
}

resource "aws_s3_bucket_public_access_block" "state" {
  bucket                  = aws_s3_bucket.state.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_lifecycle_configuration" "state" {
  bucket = aws_s3_bucket.state.id

  rule {
    id     = "former-states"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days           = 365
      newer_noncurrent_versions = 20
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
}

resource "aws_s3_bucket_notification" "state" {
  bucket      = aws_s3_bucket.state.id
  eventbridge = true
}

resource "aws_dynamodb_table" "lock" {
  name         = "${var.name}-terraform-lock"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "LockID"

  attribute {
    name = "LockID"
    type = "S"
  }

  point_in_time_recovery {
    enabled = true
  }

  server_side_encryption {
    enabled     = true
    kms_key_arn = aws_kms_key.state.arn
  }
}

resource "aws_iam_openid_connect_provider" "github" {
  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
}

locals {
  owner      = split("/", var.repository)[0]
  repository = split("/", var.repository)[1]

  # In the subject claim, GitHub names repositories created, renamed or transferred since 2026-07-15 with owner id and
  # repository id, older ones without. Ids that are not given match any value. This cannot match another repository,
  # because GitHub allows no @ in names and encodes colons in branch and environment names as %3A.
  repository_spellings = [
    var.repository,
    "${local.owner}@${coalesce(var.owner_id, "*")}/${local.repository}@${coalesce(var.repository_id, "*")}",
  ]

  # Pull requests plan, for which they read the account. Jobs in the environment `production` deploy.
  roles = {
    plan   = { subject = "pull_request", policy = "ReadOnlyAccess" }
    deploy = { subject = "environment:production", policy = "PowerUserAccess" }
  }
}

data "aws_iam_policy_document" "github" {
  for_each = local.roles

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [local.oidc_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "token.actions.githubusercontent.com:aud"
      values   = ["sts.amazonaws.com"]
    }

    condition {
      test     = "StringLike"
      variable = "token.actions.githubusercontent.com:sub"
      values   = [for repository in local.repository_spellings : "repo:${repository}:${each.value.subject}"]
    }
  }
}

resource "aws_iam_role" "github" {
  for_each = local.roles

  name               = "${var.name}-github-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.github[each.key].json
}

resource "aws_iam_role_policy_attachment" "github" {
  for_each = local.roles

  role       = aws_iam_role.github[each.key].name
  policy_arn = "arn:${local.partition}:iam::aws:policy/${each.value.policy}"
}

# Neither role can read buckets with patient data, query Athena or bypass Object Lock.
data "aws_iam_policy_document" "no_data" {
  statement {
    sid       = "DenyReadingData"
    effect    = "Deny"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = [for zone in ["bronze", "silver", "gold", "quality", "results"] : "arn:${local.partition}:s3:::${var.name}*-${zone}/*"]
  }

  statement {
    sid       = "DenyBypassingObjectLock"
    effect    = "Deny"
    actions   = ["s3:BypassGovernanceRetention"]
    resources = ["*"]
  }

  statement {
    sid       = "DenyAthenaQueries"
    effect    = "Deny"
    actions   = ["athena:StartQueryExecution", "athena:GetQueryResults"]
    resources = ["arn:${local.partition}:athena:${var.region}:${local.account}:workgroup/${var.name}*"]
  }
}

resource "aws_iam_role_policy" "no_data" {
  for_each = local.roles

  name   = "no-data"
  role   = aws_iam_role.github[each.key].id
  policy = data.aws_iam_policy_document.no_data.json
}

# A plan locks the state, decrypts it, and refreshes resources that AWS stores encrypted, all of them only of dev: the code
# of a pull request is not reviewed yet, so it must not see production's state, secrets or keys.
data "aws_iam_policy_document" "plan" {
  statement {
    sid       = "LockState"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:DeleteItem"]
    resources = [local.arns.lock]
  }

  statement {
    sid       = "WriteStateLockFile"
    actions   = ["s3:PutObject", "s3:DeleteObject"]
    resources = ["${local.state_of_dev}.tflock"]
  }

  statement {
    sid           = "DenyOtherStatesAndData"
    effect        = "Deny"
    actions       = ["s3:GetObject", "s3:GetObjectVersion"]
    not_resources = [local.state_of_dev, "${local.state_of_dev}.tflock", local.code_of_dev]
  }

  statement {
    sid       = "UseStateKey"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = [local.arns.key]
  }

  statement {
    sid       = "ReadDevSecret"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = ["arn:${local.partition}:secretsmanager:${var.region}:${local.account}:secret:${var.name}-dev/portal/*"]
  }

  # Only through services that store definitions or variables, never through S3, so that no rows can be decrypted.
  statement {
    sid       = "DecryptDevConfiguration"
    actions   = ["kms:Decrypt"]
    resources = ["arn:${local.partition}:kms:${var.region}:${local.account}:key/*"]

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = [for service in ["states", "scheduler", "lambda", "secretsmanager"] : "${service}.${var.region}.amazonaws.com"]
    }

    condition {
      test     = "ForAnyValue:StringEquals"
      variable = "kms:ResourceAliases"
      values   = ["alias/${var.name}-dev-data"]
    }
  }
}

resource "aws_iam_role_policy" "plan" {
  name   = "plan"
  role   = aws_iam_role.github["plan"].id
  policy = data.aws_iam_policy_document.plan.json
}

# Permissions boundary: whatever its policies, a role of this system can only use the system's own services and buckets. It
# cannot change IAM, start EC2 instances, or assume a role other than the review role.
data "aws_iam_policy_document" "boundary" {
  dynamic "statement" {
    for_each = local.bounded

    content {
      sid       = title(statement.key)
      actions   = ["${statement.key}:*"]
      resources = ["arn:${local.partition}:${statement.key}:${var.region}:${local.account}:*"]
    }
  }

  statement {
    sid       = "UseOwnBuckets"
    actions   = ["s3:*"]
    resources = ["arn:${local.partition}:s3:::${var.name}-*"]
  }

  # Lambda only creates a function whose role may delete any network interface, so these actions need all resources.
  statement {
    sid = "AttachLambdasToNetwork"
    actions = [
      "ec2:AssignPrivateIpAddresses", "ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:RequestedRegion"
      values   = [var.region]
    }
  }

  statement {
    sid = "ActionsWithoutResources"
    actions = [
      "cloudwatch:PutMetricData", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
      "ec2:DescribeVpcs", "ecr:GetAuthorizationToken", "logs:CreateLogDelivery", "logs:DeleteLogDelivery",
      "logs:DescribeLogGroups", "logs:DescribeResourcePolicies", "logs:GetLogDelivery", "logs:ListLogDeliveries",
      "logs:PutResourcePolicy", "logs:UpdateLogDelivery", "xray:GetSamplingRules", "xray:GetSamplingTargets",
      "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }

  statement {
    sid       = "AssumeReviewRole"
    actions   = ["sts:AssumeRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*-review"]
  }

  statement {
    sid       = "PassSchedulerRole"
    actions   = ["iam:PassRole"]
    resources = ["arn:${local.partition}:iam::${local.account}:role/${var.name}-*-scheduler"]
  }

  statement {
    sid       = "DenyBypassingObjectLock"
    effect    = "Deny"
    actions   = ["s3:BypassGovernanceRetention"]
    resources = ["*"]
  }
}

resource "aws_iam_policy" "boundary" {
  name   = "${var.name}-boundary"
  policy = data.aws_iam_policy_document.boundary.json
}

data "aws_iam_policy_document" "deploy" {
  # Only roles with the boundary, so that their policies cannot exceed it.
  statement {
    sid       = "ManageRolesWithBoundary"
    actions   = ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePolicy"]
    resources = [local.role_arns]

    condition {
      test     = "ArnEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.arns.boundary]
    }
  }

  statement {
    sid = "ReadAndUpdateRoles"
    actions = [
      "iam:DeleteRole", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
    ]
    resources = [local.role_arns]
  }

  statement {
    sid       = "PassRolesToServices"
    actions   = ["iam:PassRole"]
    resources = [local.role_arns]

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values = [
        for service in ["ecs-tasks", "events", "glue", "lambda", "scheduler", "states", "vpc-flow-logs"] : "${service}.amazonaws.com"
      ]
    }
  }

  statement {
    sid       = "AttachLambdaNetworkPolicy"
    actions   = ["iam:AttachRolePolicy", "iam:DetachRolePolicy"]
    resources = [local.role_arns]

    condition {
      test     = "ArnEquals"
      variable = "iam:PolicyARN"
      values   = ["arn:${local.partition}:iam::aws:policy/service-role/AWSLambdaVPCAccessExecutionRole"]
    }
  }

  # The role must not extend its own permissions.
  statement {
    sid    = "DenyChangingOwnRoles"
    effect = "Deny"
    actions = [
      "iam:AttachRolePolicy", "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:DetachRolePolicy", "iam:PutRolePolicy",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRole",
    ]
    resources = local.arns.github
  }
}

resource "aws_iam_role_policy" "deploy" {
  name   = "deploy"
  role   = aws_iam_role.github["deploy"].id
  policy = data.aws_iam_policy_document.deploy.json
}
