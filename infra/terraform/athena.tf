# Queries on identified rows have their own workgroup, whose results the portal's role cannot read.
locals {
  workgroups = { portal = "athena/", review = "review/" }
}

resource "aws_athena_workgroup" "group" {
  for_each = local.workgroups

  name          = "${var.name}-${each.key}"
  force_destroy = !local.is_protected # it is never empty: saved queries and 45 days of history

  configuration {
    enforce_workgroup_configuration    = true
    publish_cloudwatch_metrics_enabled = true
    bytes_scanned_cutoff_per_query     = var.athena_bytes_limit

    engine_version {
      selected_engine_version = "Athena engine version 3"
    }

    result_configuration {
      output_location = "s3://${aws_s3_bucket.zone["results"].bucket}/${each.value}"

      encryption_configuration {
        encryption_option = "SSE_KMS"
        kms_key_arn       = aws_kms_key.data.arn
      }
    }
  }
}
