output "state_machine_arn" {
  description = "ARN of the state machine: HDP_STATE_MACHINE_ARN of the portal and the command line."
  value       = aws_sfn_state_machine.pipeline.arn
}

output "bucket_prefix" {
  description = "Prefix of bucket names: HDP_BUCKETS of the command line. The code bucket, for example, is <prefix>-code."
  value       = local.bucket_prefix
}

output "buckets" {
  description = "Names of the buckets by zone."
  value       = { for zone, bucket in aws_s3_bucket.zone : zone => bucket.id }
}

output "topics" {
  description = "ARNs of the notification topics."
  value       = { for name, topic in aws_sns_topic.run : name => topic.arn }
}

output "workgroup" {
  description = "Athena workgroup."
  value       = aws_athena_workgroup.group["portal"].name
}

output "portal_url" {
  description = "URL of the portal."
  value       = "https://${local.portal_host}/${var.base_path}"
}

output "image_repository" {
  description = "ECR repository to which the release workflow pushes the portal's image."
  value       = aws_ecr_repository.portal.repository_url
}

output "cluster" {
  description = "ECS cluster of the portal."
  value       = aws_ecs_cluster.main.name
}
