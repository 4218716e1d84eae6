# In a key policy, the resource "*" is the key itself.
locals {
  key_uses = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*", "kms:DescribeKey"]

  key_policy = {
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "AdministerKey"
        Effect    = "Allow"
        Action    = "kms:*"
        Resource  = "*"
        Principal = { AWS = "arn:${local.partition}:iam::${local.account}:root" }
      },
      {
        Sid       = "UseFromSnsAndCloudWatch"
        Effect    = "Allow"
        Action    = local.key_uses
        Resource  = "*"
        Principal = { Service = ["sns.amazonaws.com", "cloudwatch.amazonaws.com"] }
        Condition = { StringEquals = { "aws:SourceAccount" = local.account } }
      },
      # EventBridge sends no account to KMS: with the condition above, its messages would be dropped without an error.
      {
        Sid       = "UseFromEventBridge"
        Effect    = "Allow"
        Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
        Resource  = "*"
        Principal = { Service = ["events.amazonaws.com"] }
      },
      {
        Sid       = "UseFromCloudWatchLogs"
        Effect    = "Allow"
        Action    = local.key_uses
        Resource  = "*"
        Principal = { Service = ["logs.${var.region}.amazonaws.com"] }
        Condition = {
          ArnLike = {
            "kms:EncryptionContext:aws:logs:arn" = "arn:${local.partition}:logs:${var.region}:${local.account}:*"
          }
        }
      },
      # Log delivery decrypts what Step Functions has encrypted with this key.
      {
        Sid       = "DecryptForLogDelivery"
        Effect    = "Allow"
        Action    = ["kms:Decrypt*"]
        Resource  = "*"
        Principal = { Service = ["delivery.logs.amazonaws.com"] }
        Condition = {
          StringLike = {
            "kms:EncryptionContext:SourceArn" = "arn:${local.partition}:logs:${var.region}:${local.account}:*"
          }
        }
      },
    ]
  }
}

resource "aws_kms_key" "data" {
  description             = "${var.name}: data, logs, notifications"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  policy                  = jsonencode(local.key_policy)
}

resource "aws_kms_alias" "data" {
  name          = "alias/${var.name}-data"
  target_key_id = aws_kms_key.data.key_id
}
