variable "name" {
  description = "Prefix of all resource names: lower-case letters, digits and dashes. Each installation in an account needs its own."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 2 && length(var.name) <= 21
    error_message = "name must have 2 to 21 lower-case letters, digits and single dashes, start with a letter and not end with a dash, as ECR and load balancers require."
  }

  validation {
    condition     = !can(regex("aws|amazon|cognito", var.name))
    error_message = "name must not contain aws, amazon or cognito, which Cognito does not allow in a domain."
  }

  validation {
    condition     = !can(regex("^(internal|xn|sthree|amzn)-", var.name))
    error_message = "name must not start with internal-, xn-, sthree- or amzn-, which load balancers or S3 do not allow."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "alert_email" {
  description = "E-mail address that is notified of failed runs and alarms."
  type        = string
}

variable "size" {
  description = "small: one portal task of half a vCPU in one zone, one NAT gateway instead of interface endpoints, no WAF, no Container Insights. standard: two tasks in two zones, interface endpoints, no internet access."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["small", "standard"], var.size)
    error_message = "size must be small or standard."
  }
}

variable "environment" {
  description = "Environment: dev or prod."
  type        = string
  default     = "prod"
}

variable "first_poll_seconds" {
  description = "Seconds between two polls of a Glue job in its first minute."
  type        = number
  default     = 5
}

variable "poll_seconds" {
  description = "Seconds between two polls of a Glue job after its first minute."
  type        = number
  default     = 30
}

variable "hospital" {
  description = "Name of the hospital, shown on every page beside the product's name; empty for none."
  type        = string
  default     = ""
}

variable "time_zone" {
  description = "The hospital's IANA time zone, used for local dates, hours and months in gold, and for times on pages."
  type        = string
  default     = "America/New_York"

  validation {
    condition     = can(regex("^[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+)*$", var.time_zone))
    error_message = "time_zone must be an IANA time zone, such as America/New_York or UTC."
  }
}

variable "schedule_expression" {
  description = "Schedule of automatic runs (UTC)."
  type        = string
  default     = "cron(0 2 * * ? *)"
}

variable "schedule_enabled" {
  description = "Whether the schedule is enabled at first."
  type        = bool
  default     = false
}

variable "incoming_enabled" {
  description = "Whether files that SFTP gateways write to incoming/ of the bronze bucket are imported."
  type        = bool
  default     = true
}

variable "fresh_hours" {
  description = "Hours after which a source without a new batch is reported, by source: its folder in incoming/, or the uploader."
  type        = map(number)
  default     = {}

  validation {
    condition     = alltrue([for hours in values(var.fresh_hours) : hours > 0])
    error_message = "fresh_hours must be positive numbers, such as { ward = 26 }."
  }
}

variable "athena_bytes_limit" {
  description = "Maximum bytes that one Athena query may scan."
  type        = number
  default     = 10737418240
}

variable "log_retention_days" {
  description = "Retention of logs in days."
  type        = number
  default     = 400
}

variable "superseded_release_days" {
  description = "Days that a superseded release is kept. The published and the previous release are always kept."
  type        = number
  default     = 90
}

variable "former_version_days" {
  description = "Days that an object can be restored after it was overwritten or deleted."
  type        = number
  default     = 30
}

variable "deletion_protection" {
  description = "Whether load balancer, user pool and workgroups are protected from deletion. Null: only in prod."
  type        = bool
  default     = null
}

variable "vpc_cidr" {
  description = "CIDR block of the VPC that is created for the portal."
  type        = string
  default     = "10.42.0.0/16"
}

variable "zone_letters" {
  description = "Letters of the two availability zones. Null: the first two zones that have all endpoints."
  type        = list(string)
  default     = null

  validation {
    condition     = var.zone_letters == null || length(distinct(coalesce(var.zone_letters, []))) == 2
    error_message = "zone_letters must name two different zones."
  }
}

variable "allowed_cidrs" {
  description = "CIDR blocks from which the portal can be reached, such as the hospital's public addresses. Sign-in with a second factor is always required."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "domain" {
  description = "Host name of the portal. With zone_id, its certificate and DNS record are created; with certificate_arn, your own certificate is used."
  type        = string
  default     = null
}

variable "zone_id" {
  description = "ID of the Route 53 zone that contains the portal's host name."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || var.domain != null
    error_message = "zone_id requires domain, the host name of the DNS record to create."
  }
}

variable "certificate_arn" {
  description = "ACM certificate of the host name, in this region. Without it and without zone_id, a self-signed certificate is created; browsers warn of it, so use it only for trials."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || var.domain != null
    error_message = "certificate_arn requires domain, the host name to which people return after sign-in."
  }

  validation {
    condition     = var.certificate_arn == null || var.zone_id == null
    error_message = "certificate_arn and zone_id cannot be combined: with zone_id, the certificate is created."
  }
}

variable "base_path" {
  description = "Path of the portal behind a proxy that serves several applications on one host name: hdp for /hdp/."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$", var.base_path))
    error_message = "base_path must consist of words separated by single slashes, without leading or trailing slash: hdp or apps/hdp."
  }
}

variable "permissions_boundary" {
  description = "Name of the permissions boundary of all roles. bootstrap/ creates it, and GitHub's role can only create roles with it. Null: no boundary."
  type        = string
  default     = null
}

variable "oidc" {
  description = "Your own sign-in provider instead of Cognito. People get their roles from the roles file. With end_session_endpoint, signing out of the portal also ends the provider's session."
  type = object({
    issuer                 = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
    end_session_endpoint   = optional(string)
  })
  default = null

  validation {
    condition     = var.oidc == null || startswith(try(coalesce(var.oidc.end_session_endpoint), "https://"), "https://")
    error_message = "oidc.end_session_endpoint must be a URL that starts with https://."
  }
}

variable "sign_within_minutes" {
  description = "Longest time in minutes between sign-in and a signature; who signed in earlier signs in again first. 0: the whole session of 8 hours."
  type        = number
  default     = 0

  validation {
    condition     = var.sign_within_minutes >= 0 && (var.sign_within_minutes == 0 || var.oidc == null)
    error_message = "sign_within_minutes must be 0 or more, and requires Cognito: the load balancer does not say when people signed in at another provider."
  }
}

variable "mapping_second_person" {
  description = "Whether a second engineer approves each mapping of files with columns of no known format before files are loaded by it."
  type        = bool
  default     = false
}

variable "oidc_client_secret" {
  description = "Client secret for var.oidc. Set it with the environment variable TF_VAR_oidc_client_secret, so that no file contains it."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = (var.oidc == null) == (var.oidc_client_secret == null)
    error_message = "oidc and oidc_client_secret must be set together, because the load balancer needs both."
  }
}

variable "start_on_arrival" {
  description = "Whether a run starts automatically when the manifest of a batch is written."
  type        = bool
  default     = false
}

variable "image_tag" {
  description = "Tag or digest (sha256:…) of the portal's image in the task definition. The release workflow deploys later images; the workflow terraform keeps the deployed one."
  type        = string
  default     = "first"
}

variable "portal_cpu" {
  description = "CPU units of a portal task (1024 is one vCPU). Null: according to size."
  type        = number
  default     = null
}

variable "portal_memory" {
  description = "Memory of a portal task in MiB. Null: according to size."
  type        = number
  default     = null
}

variable "portal_most_tasks" {
  description = "Maximum number of portal tasks. Null: according to size."
  type        = number
  default     = null
}

variable "lake_keepers" {
  description = "ARNs of IAM principals that may back up, restore and purge the lake as the role `<name>-lake-keeper`; without any, the role is not created."
  type        = list(string)
  default     = []
}
