variable "name" {
  description = "Prefix of every resource: lower-case letters, digits and dashes."
  type        = string
  default     = "hdp"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,20}$", var.name))
    error_message = "name is lower-case letters, digits and dashes, at most 21, a letter first."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-east-1"
}

variable "alert_email" {
  description = "Who is told of failed runs and alarms."
  type        = string
}

variable "environment" {
  description = "dev or prod."
  type        = string
  default     = "prod"
}

variable "poll_seconds" {
  description = "Seconds between two looks at a Glue job."
  type        = number
  default     = 30
}

variable "schedule_expression" {
  description = "When runs start by themselves (UTC)."
  type        = string
  default     = "cron(0 2 * * ? *)"
}

variable "schedule_enabled" {
  description = "Whether the schedule is on."
  type        = bool
  default     = false
}

variable "athena_bytes_limit" {
  description = "Bytes that one Athena query may scan."
  type        = number
  default     = 10737418240
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 400
}

variable "superseded_release_days" {
  description = "Days after which files of gold releases become eligible for expiry as noncurrent versions."
  type        = number
  default     = 90
}
