output "state_bucket" {
  description = "Bucket of the remote state."
  value       = aws_s3_bucket.state.id
}

output "lock_table" {
  description = "DynamoDB table that locks the state."
  value       = aws_dynamodb_table.lock.name
}

output "github_role_arns" {
  description = "Roles of GitHub Actions: AWS_ROLE_ARN is `plan` in the repository's variables, `deploy` in the environment's."
  value       = { for name, role in aws_iam_role.github : name => role.arn }
}

output "permissions_boundary" {
  description = "Name of the policy that bounds every role of the system: the variable permissions_boundary of infra/terraform."
  value       = aws_iam_policy.boundary.name
}
