resource "aws_glue_catalog_database" "zone" {
  for_each = local.databases

  name = each.value
}

resource "aws_glue_catalog_table" "contract" {
  for_each = local.tables

  name          = each.value.name
  database_name = each.value.database
  description   = substr(each.value.comment, 0, 2048)
  table_type    = "EXTERNAL_TABLE"

  parameters = merge(
    { EXTERNAL = "TRUE", classification = each.value.is_csv ? "csv" : "parquet" },
    each.value.is_csv ? { "skip.header.line.count" = "1" } : {}
  )

  dynamic "partition_keys" {
    for_each = each.value.partitions

    content {
      name    = partition_keys.value.name
      type    = partition_keys.value.physicalType
      comment = substr(partition_keys.value.description, 0, 255)
    }
  }

  storage_descriptor {
    location = each.value.location

    input_format = (
      each.value.is_csv
      ? "org.apache.hadoop.mapred.TextInputFormat"
      : "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    )
    output_format = (
      each.value.is_csv
      ? "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
      : "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat"
    )

    ser_de_info {
      serialization_library = (
        each.value.is_csv
        ? "org.apache.hadoop.hive.serde2.OpenCSVSerde"
        : "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
      )
      parameters = each.value.is_csv ? { separatorChar = ",", quoteChar = "\"", escapeChar = "\\" } : {}
    }

    dynamic "columns" {
      for_each = each.value.columns

      content {
        name    = columns.value.name
        type    = columns.value.physicalType
        comment = substr(columns.value.description, 0, 255)
      }
    }
  }

  depends_on = [aws_glue_catalog_database.zone]
}

resource "aws_glue_security_configuration" "jobs" {
  #checkov:skip=CKV_AWS_99:With log encryption on, Glue creates its own log groups, which never expire; those of logging.tf have key and retention.
  name = "${var.name}-jobs"

  encryption_configuration {
    # Disabled, so that jobs write to the groups of logging.tf, which are encrypted with this installation's key.
    cloudwatch_encryption {
      cloudwatch_encryption_mode = "DISABLED"
    }

    job_bookmarks_encryption {
      job_bookmarks_encryption_mode = "CSE-KMS"
      kms_key_arn                   = aws_kms_key.data.arn
    }

    s3_encryption {
      s3_encryption_mode = "SSE-KMS"
      kms_key_arn        = aws_kms_key.data.arn
    }
  }
}

# The wheel, identical to the one built by infra/wheel.py: a zip with metadata and the hash of each file.
locals {
  wheel_info = "hdp_pipeline-1.dist-info"

  wheel_files = merge(
    {
      for file in fileset(local.pipeline, "**") : "pipeline/${file}" => file("${local.pipeline}/${file}")
      if can(regex("\\.(py|yaml|json|csv|sql)$", file)) && !can(regex("__pycache__", file))
    },
    {
      "${local.wheel_info}/METADATA" = "Metadata-Version: 2.1\nName: hdp-pipeline\nVersion: 1\n"
      "${local.wheel_info}/WHEEL"    = "Wheel-Version: 1.0\nGenerator: hdp\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    },
  )

  wheel_hashes = {
    for name, content in local.wheel_files :
    name => trimsuffix(replace(replace(base64sha256(content), "+", "-"), "/", "_"), "=")
  }

  wheel_record = join("", concat(
    [for name, hash in local.wheel_hashes : "${name},sha256=${hash},\n"],
    ["${local.wheel_info}/RECORD,,\n"],
  ))
}

data "archive_file" "wheel" {
  type        = "zip"
  output_path = "${path.module}/.build/hdp_pipeline-1-py3-none-any.whl"

  dynamic "source" {
    for_each = merge(local.wheel_files, { "${local.wheel_info}/RECORD" = local.wheel_record })

    content {
      filename = source.key
      content  = source.value
    }
  }
}

# Wheel and scripts are uploaded in the same apply as the Lambdas, so that all are of the same commit.
resource "aws_s3_object" "wheel" {
  bucket     = aws_s3_bucket.zone["code"].id
  key        = "packages/hdp_pipeline-1-py3-none-any.whl"
  source     = data.archive_file.wheel.output_path
  kms_key_id = aws_kms_key.data.arn

  source_hash = data.archive_file.wheel.output_base64sha256
}

resource "aws_s3_object" "script" {
  for_each = local.jobs

  bucket     = aws_s3_bucket.zone["code"].id
  key        = "scripts/${each.value.script}"
  source     = "${local.pipeline}/glue_jobs/${each.value.script}"
  kms_key_id = aws_kms_key.data.arn

  source_hash = filesha256("${local.pipeline}/glue_jobs/${each.value.script}")
}

resource "aws_glue_job" "job" {
  for_each = local.jobs

  name                   = "${var.name}-${replace(each.key, "_", "-")}"
  role_arn               = aws_iam_role.glue.arn
  glue_version           = "5.1"
  worker_type            = each.value.worker_type
  number_of_workers      = each.value.workers
  timeout                = each.value.timeout_minutes
  max_retries            = 0
  security_configuration = aws_glue_security_configuration.jobs.name

  command {
    name            = "glueetl"
    script_location = "s3://${aws_s3_bucket.zone["code"].bucket}/${aws_s3_object.script[each.key].key}"
    python_version  = "3"
  }

  execution_property {
    max_concurrent_runs = 1
  }

  notification_property {
    notify_delay_after = ceil(each.value.timeout_minutes / 2)
  }

  default_arguments = {
    "--prefix"                 = var.name
    "--buckets"                = local.bucket_prefix
    "--custom-logGroup-prefix" = local.job_logs
    # The wheel has no dependencies and pip uses no index, so that a job starts without internet access.
    "--additional-python-modules"       = "s3://${aws_s3_bucket.zone["code"].bucket}/${aws_s3_object.wheel.key}"
    "--python-modules-installer-option" = "--no-index"
    # Without a region, S3A (Glue's file system) sends requests to us-east-2.
    "--conf"                             = "spark.hadoop.fs.s3a.endpoint.region=${var.region}"
    "--job-language"                     = "python"
    "--enable-auto-scaling"              = "true"
    "--enable-continuous-cloudwatch-log" = "true"
    "--enable-job-insights"              = "true"
  }
}
