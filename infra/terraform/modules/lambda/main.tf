resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.log_retention_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_lambda_function" "this" {
  function_name    = var.name
  role             = var.role_arn
  handler          = var.handler
  runtime          = "python3.13"
  filename         = var.package
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

  depends_on = [aws_cloudwatch_log_group.this]
}
