resource "aws_sfn_state_machine" "pipeline" {
  #checkov:skip=CKV_AWS_285:Every event is logged without its data, so that input and output of runs stay out of logs.
  name     = "${var.name}-pipeline"
  role_arn = aws_iam_role.states.arn
  type     = "STANDARD"

  definition = templatefile(
    "${local.pipeline}/stepfunctions/state_machine_def.template.json",
    merge(
      { first_poll_seconds = var.first_poll_seconds, poll_seconds = var.poll_seconds },
      { for name, arn in local.function_arns : "${name}_arn" => arn }
    )
  )

  logging_configuration {
    log_destination        = "${aws_cloudwatch_log_group.states.arn}:*"
    include_execution_data = false
    level                  = "ALL"
  }

  tracing_configuration {
    enabled = true
  }

  encryption_configuration {
    type                              = "CUSTOMER_MANAGED_KMS_KEY"
    kms_key_id                        = aws_kms_key.data.arn
    kms_data_key_reuse_period_seconds = 900
  }
}
