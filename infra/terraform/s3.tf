resource "aws_s3_bucket" "zone" {
  #checkov:skip=CKV_AWS_144:A second region doubles the cost and moves PHI out of the region, which the owner must decide. Versions protect against mistakes.
  for_each = local.zones

  bucket              = "${local.bucket_prefix}-${each.key}"
  object_lock_enabled = each.key == "quality"
}

resource "aws_s3_bucket_public_access_block" "zone" {
  for_each = local.zones

  bucket                  = aws_s3_bucket.zone[each.key].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm     = "aws:kms"
      kms_master_key_id = aws_kms_key.data.arn
    }
  }
}

data "aws_iam_policy_document" "tls_only" {
  for_each = local.zones

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.zone[each.key].arn, "${aws_s3_bucket.zone[each.key].arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "tls_only" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id
  policy = data.aws_iam_policy_document.tls_only[each.key].json
}

resource "aws_s3_bucket_lifecycle_configuration" "zone" {
  for_each = local.zones

  bucket = aws_s3_bucket.zone[each.key].id

  rule {
    id     = "abort-incomplete-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }

  rule {
    id     = "noncurrent-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = each.key == "results" ? 1 : var.former_version_days
    }
  }

  dynamic "rule" {
    for_each = each.key == "bronze" ? [1] : []

    content {
      id     = "bronze-to-glacier"
      status = "Enabled"

      filter {}

      transition {
        days          = 90
        storage_class = "GLACIER_IR"
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 3
      }
    }
  }

  # The batch holds a received delivery's bytes; a refused one is delivered again.
  dynamic "rule" {
    for_each = each.key == "bronze" ? ["received", "refused"] : []

    content {
      id     = "incoming-${rule.value}"
      status = "Enabled"

      filter {
        prefix = "incoming/${rule.value}/"
      }

      expiration {
        days = 30
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 3
      }
    }
  }

  # What was uploaded on a page is copied to its batch; what was not imported is uploaded again.
  dynamic "rule" {
    for_each = each.key == "bronze" ? [1] : []

    content {
      id     = "uploads"
      status = "Enabled"

      filter {
        prefix = "_uploads/"
      }

      expiration {
        days = 1
      }

      noncurrent_version_expiration {
        noncurrent_days = 1
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 1
      }
    }
  }

  dynamic "rule" {
    for_each = each.key == "results" ? [1] : []

    content {
      id     = "query-results"
      status = "Enabled"

      filter {}

      expiration {
        days = 7
      }

      abort_incomplete_multipart_upload {
        days_after_initiation = 3
      }
    }
  }
}

resource "aws_s3_bucket_logging" "zone" {
  for_each = local.zones

  bucket        = aws_s3_bucket.zone[each.key].id
  target_bucket = aws_s3_bucket.access.id
  target_prefix = "s3/${each.key}/"
}
