output "state_machine_arn" {
  description = "HDP_STATE_MACHINE_ARN of the portal and the command line."
  value       = aws_sfn_state_machine.pipeline.arn
}

output "bucket_prefix" {
  description = "HDP_BUCKETS of the command line; the code bucket is this with -code."
  value       = local.bucket_prefix
}

output "buckets" {
  description = "Bucket by zone."
  value       = { for zone, bucket in aws_s3_bucket.zone : zone => bucket.id }
}

output "topics" {
  description = "Notification topics."
  value       = { for name, topic in aws_sns_topic.run : name => topic.arn }
}

output "workgroup" {
  description = "Athena workgroup."
  value       = aws_athena_workgroup.group["portal"].name
}

output "portal_url" {
  description = "Where the portal is."
  value       = "https://${local.portal_host}/${var.base_path}"
}

output "image_repository" {
  description = "Where the release workflow pushes the portal's image."
  value       = aws_ecr_repository.portal.repository_url
}

output "cluster" {
  description = "ECS cluster of the portal."
  value       = aws_ecs_cluster.main.name
}
