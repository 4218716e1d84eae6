output "state_bucket" {
  description = "Bucket of the remote state."
  value       = aws_s3_bucket.state.id
}

output "lock_table" {
  description = "DynamoDB table that locks the state."
  value       = aws_dynamodb_table.lock.name
}

output "github_role_arn" {
  description = "Role for GitHub Actions."
  value       = aws_iam_role.github.arn
}
