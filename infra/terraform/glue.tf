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

locals {
  pipeline_files = fileset(local.pipeline, "**/*.{py,json,csv,sql}")
  pipeline_hash  = sha256(join("", [for file in local.pipeline_files : "${file} ${filesha256("${local.pipeline}/${file}")}"]))
  wheel_folder   = "${path.module}/.build/wheel-${substr(local.pipeline_hash, 0, 12)}"
}

resource "terraform_data" "wheel" {
  triggers_replace = local.wheel_folder

  provisioner "local-exec" {
    command = "${path.module}/glue-wheel ${local.pipeline} ${local.wheel_folder}"
  }
}

# Wheel and scripts are uploaded in the same apply as the Lambdas, so that all are of the same commit.
resource "aws_s3_object" "wheel" {
  bucket     = aws_s3_bucket.zone["code"].id
  key        = "packages/hdp_pipeline-1-py3-none-any.whl"
  source     = "${local.wheel_folder}/hdp_pipeline-1-py3-none-any.whl"
  kms_key_id = aws_kms_key.data.arn

  source_hash = local.pipeline_hash

  depends_on = [terraform_data.wheel]
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
