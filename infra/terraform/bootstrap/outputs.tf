output "state_bucket" {
  description = "Bucket of Terraform's state."
  value       = aws_s3_bucket.state.id
}

output "lock_table" {
  description = "DynamoDB table of state locks."
  value       = aws_dynamodb_table.lock.name
}

output "github_role_arns" {
  description = "Roles of GitHub Actions. Set AWS_ROLE_ARN to `plan` in the repository's variables and to `deploy` in those of the environment."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}

output "permissions_boundary" {
  description = "Name of the permissions boundary of all roles: the variable permissions_boundary of infra/terraform."
  value       = aws_iam_policy.boundary.name
}
