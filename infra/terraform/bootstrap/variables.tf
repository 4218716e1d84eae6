variable "name" {
  description = "Prefix of all resource names."
  type        = string
  default     = "hdp"
}

variable "region" {
  description = "AWS region."
  type        = string
  default     = "us-east-1"
}

variable "repository" {
  description = "GitHub repository (owner/name) whose workflows may assume the roles."
  type        = string
  default     = "example/health-data-portal"

  validation {
    condition     = can(regex("^[A-Za-z0-9-]+/[A-Za-z0-9._-]+$", var.repository))
    error_message = "repository must be owner/name, such as example/health-data-portal."
  }
}

variable "owner_id" {
  description = "GitHub id of the repository's owner, printed by gh api repos/OWNER/NAME --jq .owner.id. Null: any."
  type        = string
  default     = null

  validation {
    condition     = var.owner_id == null || can(regex("^[0-9]+$", var.owner_id))
    error_message = "owner_id must be a number."
  }
}

variable "repository_id" {
  description = "GitHub id of the repository, printed by gh api repos/OWNER/NAME --jq .id. Null: any."
  type        = string
  default     = null

  validation {
    condition     = var.repository_id == null || can(regex("^[0-9]+$", var.repository_id))
    error_message = "repository_id must be a number."
  }
}
