locals {
  widgets = [
    {
      title   = "Runs"
      metrics = [for name in ["Started", "Succeeded", "Failed", "TimedOut"] : ["AWS/States", "Executions${name}", "StateMachineArn", aws_sfn_state_machine.pipeline.arn]]
      stat    = "Sum"
    },
    {
      title   = "Duration of runs"
      metrics = [["AWS/States", "ExecutionTime", "StateMachineArn", aws_sfn_state_machine.pipeline.arn]]
      stat    = "Average"
    },
    {
      title   = "Held releases"
      metrics = [[var.name, "ReleasesHeld"]]
      stat    = "Sum"
    },
    {
      title = "Portal requests and errors"
      metrics = [
        for name in ["RequestCount", "HTTPCode_Target_5XX_Count", "HTTPCode_ELB_5XX_Count"] :
        ["AWS/ApplicationELB", name, "LoadBalancer", aws_lb.portal.arn_suffix]
      ]
      stat = "Sum"
    },
    {
      title = "Portal CPU and memory"
      metrics = [
        for name in ["CPUUtilization", "MemoryUtilization"] :
        ["AWS/ECS", name, "ClusterName", aws_ecs_cluster.main.name, "ServiceName", aws_ecs_service.portal.name]
      ]
      stat = "Average"
    },
    {
      title   = "Bytes scanned by Athena"
      metrics = [["AWS/Athena", "ProcessedBytes", "WorkGroup", aws_athena_workgroup.group["portal"].name]]
      stat    = "Sum"
    },
  ]
}

resource "aws_cloudwatch_dashboard" "main" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [
      for number, widget in local.widgets : {
        type   = "metric"
        x      = (number % 3) * 8
        y      = floor(number / 3) * 6
        width  = 8
        height = 6
        properties = {
          title   = widget.title
          metrics = widget.metrics
          stat    = widget.stat
          period  = 300
          region  = var.region
          view    = "timeSeries"
        }
      }
    ]
  })
}
