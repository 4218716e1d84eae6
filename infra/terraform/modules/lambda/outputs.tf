output "arn" {
  description = "The function's ARN."
  value       = aws_lambda_function.this.arn
}

output "name" {
  description = "The function's name."
  value       = aws_lambda_function.this.function_name
}

output "log_group_arn" {
  description = "Its log group."
  value       = aws_cloudwatch_log_group.this.arn
}

output "log_group_name" {
  description = "Its log group's name."
  value       = aws_cloudwatch_log_group.this.name
}
