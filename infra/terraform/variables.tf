variable "name" {
  description = "Prefix of every resource: lower-case letters, digits and dashes, one for each installation of an account."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9]*(-[a-z0-9]+)*$", var.name)) && length(var.name) >= 2 && length(var.name) <= 21
    error_message = "name is lower-case letters, digits and single dashes, at most 21, a letter first, no dash last: ECR and load balancers refuse others."
  }

  validation {
    condition     = !can(regex("aws|amazon|cognito", var.name))
    error_message = "name contains none of the words aws, amazon and cognito: Cognito refuses them in a domain."
  }

  validation {
    condition     = !can(regex("^(internal|xn|sthree|amzn)-", var.name))
    error_message = "name begins with none of internal-, xn-, sthree- and amzn-: load balancers and S3 refuse them."
  }
}

variable "region" {
  description = "AWS region."
  type        = string
}

variable "alert_email" {
  description = "Who is told of failed runs and alarms."
  type        = string
}

variable "size" {
  description = "small: one portal task of half a vCPU in one zone, one NAT gateway in place of interface endpoints, no WAF, no Container Insights. standard: two tasks in two zones, endpoints and no way to the internet."
  type        = string
  default     = "standard"

  validation {
    condition     = contains(["small", "standard"], var.size)
    error_message = "size is small or standard."
  }
}

variable "environment" {
  description = "dev or prod."
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

variable "time_zone" {
  description = "The hospital's IANA time zone: local dates, hours and months of gold are of it."
  type        = string
  default     = "America/New_York"

  validation {
    condition     = can(regex("^[A-Z][A-Za-z_]+(/[A-Z][A-Za-z_+-]+)*$", var.time_zone))
    error_message = "time_zone must be an IANA time zone, such as America/New_York or UTC."
  }
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
  description = "Days that a release is kept after a newer one has taken its place; the published one and the one before stay."
  type        = number
  default     = 90
}

variable "former_version_days" {
  description = "Days that an object can be had back after it was overwritten or deleted."
  type        = number
  default     = 30
}

variable "deletion_protection" {
  description = "Whether load balancer and people are protected from deletion: by default in prod alone."
  type        = bool
  default     = null
}

variable "vpc_cidr" {
  description = "Addresses of the network that is made for the portal."
  type        = string
  default     = "10.42.0.0/16"
}

variable "zone_letters" {
  description = "The two availability zones, by their letters. Null: the first two that have every endpoint."
  type        = list(string)
  default     = null

  validation {
    condition     = var.zone_letters == null || length(distinct(coalesce(var.zone_letters, []))) == 2
    error_message = "zone_letters names two different zones."
  }
}

variable "allowed_cidrs" {
  description = "From where the portal may be reached: name the hospital's own public addresses. Everybody has to sign in all the same, with a second factor."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "domain" {
  description = "Host name of the portal. With zone_id its certificate and its record are made; with certificate_arn yours is taken."
  type        = string
  default     = null
}

variable "zone_id" {
  description = "Route 53 zone in which the portal's host name lies."
  type        = string
  default     = null

  validation {
    condition     = var.zone_id == null || var.domain != null
    error_message = "zone_id needs domain: the host name that gets a record in the zone."
  }
}

variable "certificate_arn" {
  description = "ACM certificate of the host name, in this region. Without it and without zone_id one is made that browsers warn of: enough to try it out."
  type        = string
  default     = null

  validation {
    condition     = var.certificate_arn == null || var.domain != null
    error_message = "certificate_arn needs domain: people are sent back to that host name after they have signed in."
  }

  validation {
    condition     = var.certificate_arn == null || var.zone_id == null
    error_message = "certificate_arn and zone_id exclude each other: with a zone the certificate is made."
  }
}

variable "base_path" {
  description = "Path below which the portal is reached, where a proxy shares its host name with others: hdp for /hdp/."
  type        = string
  default     = ""

  validation {
    condition     = can(regex("^([A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*)?$", var.base_path))
    error_message = "base_path is words with single slashes between them, none at its ends: hdp or apps/hdp."
  }
}

variable "permissions_boundary" {
  description = "Name of the policy that bounds every role made here: bootstrap/ makes it, and GitHub's role makes no role without it. Null: no boundary."
  type        = string
  default     = null
}

variable "oidc" {
  description = "A sign-in provider of one's own in place of Cognito; its access tokens carry the groups. keys is the address of its JSON Web Key Set."
  type = object({
    issuer                 = string
    keys                   = string
    authorization_endpoint = string
    token_endpoint         = string
    user_info_endpoint     = string
    client_id              = string
  })
  default = null

  validation {
    condition     = var.oidc == null || startswith(try(var.oidc.keys, ""), "https://")
    error_message = "oidc.keys is an address that begins with https://."
  }
}

variable "oidc_client_secret" {
  description = "The secret of var.oidc's client: export TF_VAR_oidc_client_secret, so that it is in no file."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = (var.oidc == null) == (var.oidc_client_secret == null)
    error_message = "oidc and oidc_client_secret go together: the load balancer signs in with both."
  }
}

variable "start_on_arrival" {
  description = "Whether a batch whose manifest lands starts a run by itself."
  type        = bool
  default     = false
}

variable "image_tag" {
  description = "Tag of the portal's image for the first deployment; later ones are the release workflow's."
  type        = string
  default     = "first"
}

variable "portal_cpu" {
  description = "CPU units of a portal task (1024 is one core). Null: as the size says."
  type        = number
  default     = null
}

variable "portal_memory" {
  description = "Memory of a portal task in MiB. Null: as the size says."
  type        = number
  default     = null
}

variable "portal_most_tasks" {
  description = "Most portal tasks at a time. Null: as the size says."
  type        = number
  default     = null
}
