resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_115:Only one run at a time writes; reserving concurrency fails in accounts with a quota of ten.
  #checkov:skip=CKV_AWS_272:The package is zipped in the same apply from reviewed source; its hash is in the plan.
  function_name    = var.name
  role             = var.role_arn
  handler          = var.handler
  runtime          = "python3.13"
  filename         = var.package
  layers           = var.layer_arns
  source_code_hash = var.package_hash
  timeout          = 120
  memory_size      = 256
  kms_key_arn      = var.kms_key_arn

  environment {
    variables = var.variables
  }

  tracing_config {
    mode = "Active"
  }

  dynamic "vpc_config" {
    for_each = var.is_inside ? [1] : []

    content {
      subnet_ids         = var.subnet_ids
      security_group_ids = [var.security_group_id]
    }
  }

  dead_letter_config {
    target_arn = var.dead_letter_arn
  }

  depends_on = [aws_cloudwatch_log_group.this]
}
