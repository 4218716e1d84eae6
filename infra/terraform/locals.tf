data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account   = data.aws_caller_identity.current.account_id
  partition = data.aws_partition.current.partition
  pipeline  = "${path.module}/../../pipeline"

  # Contracts and jobs, as `hdp contracts render` compiles them from their YAML files.
  compiled = jsondecode(file("${local.pipeline}/compiled.json"))

  jobs = { for job in local.compiled.jobs : job.name => job }

  is_protected = coalesce(var.deletion_protection, var.environment == "prod")

  zones = toset(["bronze", "silver", "gold", "quality", "results", "code"])

  boundary_arn = var.permissions_boundary == null ? null : "arn:${local.partition}:iam::${local.account}:policy/${var.permissions_boundary}"

  # Bucket names are unique across AWS, so they contain the account id.
  bucket_prefix = "${var.name}-${local.account}"

  prefix_words = replace(var.name, "-", "_")

  databases = {
    bronze        = "${local.prefix_words}_bronze"
    silver        = "${local.prefix_words}_silver"
    gold_releases = "${local.prefix_words}_gold_releases"
    gold          = "${local.prefix_words}_gold"
    quality       = "${local.prefix_words}_quality"
  }

  contracts = {
    for name, document in local.compiled : trimprefix(name, "contracts/") => {
      zone   = split("/", name)[1]
      table  = split("/", name)[2]
      schema = document.schema[0]
    } if startswith(name, "contracts/")
  }

  # Location of each table's files, the same as in pipeline/contracts/glue.py.
  quality_folders = { for key, contract in local.contracts : contract.table => (
    contract.table == "rule_result" ? "results" : replace(contract.table, "/^quarantine_/", "quarantine/")
  ) if contract.zone == "quality" }

  tables = {
    for key, contract in local.contracts : key => {
      name     = contract.table
      comment  = contract.schema.description
      is_csv   = contract.zone == "bronze"
      database = local.databases[contract.zone == "gold" ? "gold_releases" : contract.zone]
      location = format(
        "s3://%s-%s/%s/", local.bucket_prefix, contract.zone,
        contract.zone == "quality" ? local.quality_folders[contract.table] : contract.table
      )
      columns = [
        for column in contract.schema.properties : column if !can(column.partitionKeyPosition)
      ]
      # Positions have at most two digits, so that they can be sorted as text.
      partitions = [
        for column in values({
          for column in contract.schema.properties :
          format("%02d", column.partitionKeyPosition) => column if can(column.partitionKeyPosition)
        }) : column
      ]
    }
  }

  functions = {
    prepare_run           = { HDP_TIME_ZONE = var.time_zone }
    start_glue_job        = {}
    check_glue_job_status = {}
    publish_release       = {}
    sns_notify_success    = { HDP_TOPIC_ARN = local.topic_arns["succeeded"] }
    sns_notify_failure    = { HDP_TOPIC_ARN = local.topic_arns["failed"] }
    watch_schedule = {
      HDP_TOPIC_ARN         = local.topic_arns["failed"]
      HDP_TOPIC_REVIEWS_ARN = local.topic_arns["succeeded"]
      HDP_STATE_MACHINE_ARN = local.machine_arn
      HDP_FRESH_HOURS       = jsonencode(var.fresh_hours)
    }
    expire_releases      = { HDP_KEEP_DAYS = tostring(var.superseded_release_days) }
    refresh_sign_in_keys = { HDP_SIGN_IN_KEYS = local.sign_in_keys, HDP_BALANCER_KEYS = local.balancer_keys }
  }

  # Scheduled functions with their times in UTC.
  timed_functions = {
    watch_schedule       = "rate(10 minutes)"
    expire_releases      = "cron(30 5 * * ? *)"
    refresh_sign_in_keys = "rate(15 minutes)"
  }

  # The sign-in service is on the internet: VPC endpoints do not reach a user pool with a domain.
  functions_outside = ["refresh_sign_in_keys"]
  functions_inside  = toset([for name in keys(local.functions) : name if !contains(local.functions_outside, name)])
}
