resource "aws_sfn_state_machine" "pipeline" {
  name     = "${var.name}-pipeline"
  role_arn = aws_iam_role.states.arn
  type     = "STANDARD"

  definition = templatefile(
    "${local.pipeline}/stepfunctions/state_machine_def.template.json",
    merge(
      { poll_seconds = var.poll_seconds },
      { for name, function in module.lambda : "${name}_arn" => function.arn }
    )
  )

  # Inputs carry batch ids, never row data; executions' data are left out of the log all the same.
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
