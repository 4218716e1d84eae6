resource "aws_ecs_cluster" "main" {
  name = var.name

  setting {
    name  = "containerInsights"
    value = var.size == "standard" ? "enabled" : "disabled"
  }
}

resource "aws_cloudwatch_log_group" "portal" {
  name              = "/${var.name}/portal"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

# Streamlit signs its cookies with this secret, which all tasks share.
resource "random_password" "cookie" {
  length  = 64
  special = false
}

resource "aws_secretsmanager_secret" "cookie" {
  #checkov:skip=CKV2_AWS_57:It signs cookies of open pages; `terraform apply -replace random_password.cookie` changes it, with a new task.
  name                    = "${var.name}/portal/cookie-secret"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 7
}

resource "aws_secretsmanager_secret_version" "cookie" {
  secret_id     = aws_secretsmanager_secret.cookie.id
  secret_string = random_password.cookie.result
}

resource "aws_ecs_task_definition" "portal" {
  family                   = "${var.name}-portal"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = local.portal_cpu
  memory                   = local.portal_memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.portal.arn

  runtime_platform {
    operating_system_family = "LINUX"
    cpu_architecture        = "ARM64" # a fifth cheaper than X86_64
  }

  volume {
    name = "tmp"
  }

  container_definitions = jsonencode([{
    name                   = "portal"
    image                  = "${local.image}${startswith(var.image_tag, "sha256:") ? "@" : ":"}${var.image_tag}"
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    portMappings           = [{ containerPort = 8501, protocol = "tcp" }]
    mountPoints            = [{ sourceVolume = "tmp", containerPath = "/tmp", readOnly = false }]
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"] } }
    environment = [
      { name = "AWS_REGION", value = var.region },
      { name = "AWS_DEFAULT_REGION", value = var.region },
      { name = "STREAMLIT_SERVER_BASE_URL_PATH", value = var.base_path },
      { name = "AWS_STS_REGIONAL_ENDPOINTS", value = "regional" },
      { name = "HDP_PREFIX", value = var.name },
      { name = "HDP_BUCKETS", value = local.bucket_prefix },
      { name = "HDP_ENVIRONMENT", value = var.name },
      { name = "HDP_HOSPITAL", value = var.hospital },
      { name = "HDP_PAGE_TIME_ZONE", value = var.time_zone },
      { name = "HDP_USER", value = "portal" },
      { name = "HDP_STATE_MACHINE_ARN", value = local.machine_arn },
      { name = "HDP_TOPIC_FAILED_ARN", value = local.topic_arns["failed"] },
      { name = "HDP_TOPIC_SUCCEEDED_ARN", value = local.topic_arns["succeeded"] },
      { name = "HDP_SIGN_IN_ISSUER", value = local.sign_in_issuer },
      { name = "HDP_SIGN_IN_CLIENT", value = local.sign_in_client },
      { name = "HDP_SIGN_IN_SIGNER", value = local.balancer_arn },
      { name = "HDP_SIGN_OUT_URL", value = local.sign_out_url },
      { name = "HDP_SIGN_WITHIN_MINUTES", value = tostring(var.sign_within_minutes) },
      { name = "HDP_MAPPING_SECOND_PERSON", value = tostring(var.mapping_second_person) },
    ]
    secrets = [{ name = "STREAMLIT_SERVER_COOKIE_SECRET", valueFrom = local.arns.cookie }]
    healthCheck = {
      command     = ["CMD", "python", "-m", "portal.core.health"]
      interval    = 15
      timeout     = 5
      retries     = 4
      startPeriod = 30
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.portal.name
        awslogs-region        = var.region
        awslogs-stream-prefix = "portal"
      }
    }
  }])
}

resource "aws_ecs_service" "portal" {
  name                   = "portal"
  cluster                = aws_ecs_cluster.main.id
  task_definition        = aws_ecs_task_definition.portal.arn
  desired_count          = local.size.tasks
  launch_type            = "FARGATE"
  platform_version       = "LATEST"
  enable_execute_command = false

  network_configuration {
    subnets          = aws_subnet.private[*].id
    security_groups  = [aws_security_group.portal.id]
    assign_public_ip = false
  }

  load_balancer {
    target_group_arn = aws_lb_target_group.portal.arn
    container_name   = "portal"
    container_port   = 8501
  }

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = 60

  # The autoscaler sets the number of tasks, the release workflow the version.
  lifecycle {
    ignore_changes = [desired_count, task_definition]
  }

  # The first deployment cannot roll back, so everything its tasks need at start must exist.
  depends_on = [
    aws_lb_listener.https, aws_lambda_invocation.sign_in_keys, aws_iam_role_policy.execution, aws_iam_role_policy.portal,
    aws_secretsmanager_secret_version.cookie, aws_vpc_endpoint.interface, aws_vpc_endpoint.s3,
    aws_vpc_security_group_egress_rule.balancer_to_portal, aws_vpc_security_group_egress_rule.to_endpoints,
    aws_vpc_security_group_egress_rule.to_s3, aws_vpc_security_group_egress_rule.to_services,
    aws_vpc_security_group_ingress_rule.endpoints, aws_route.out,
    aws_vpc_security_group_ingress_rule.portal_from_balancer,
  ]
}

resource "aws_appautoscaling_target" "portal" {
  service_namespace  = "ecs"
  resource_id        = "service/${aws_ecs_cluster.main.name}/${aws_ecs_service.portal.name}"
  scalable_dimension = "ecs:service:DesiredCount"
  min_capacity       = local.size.tasks
  max_capacity       = local.portal_most_tasks
}

resource "aws_appautoscaling_policy" "cpu" {
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.portal.service_namespace
  resource_id        = aws_appautoscaling_target.portal.resource_id
  scalable_dimension = aws_appautoscaling_target.portal.scalable_dimension

  target_tracking_scaling_policy_configuration {
    target_value = 60

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
