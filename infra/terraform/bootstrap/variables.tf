variable "name" {
  description = "Prefix of every resource."
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
    error_message = "repository is owner/name, such as example/health-data-portal."
  }
}

variable "owner_id" {
  description = "The owner's number at GitHub: gh api repos/OWNER/NAME --jq .owner.id prints it. Null: any."
  type        = string
  default     = null

  validation {
    condition     = var.owner_id == null || can(regex("^[0-9]+$", var.owner_id))
    error_message = "owner_id is a number."
  }
}

variable "repository_id" {
  description = "The repository's number at GitHub: gh api repos/OWNER/NAME --jq .id prints it. Null: any."
  type        = string
  default     = null

  validation {
    condition     = var.repository_id == null || can(regex("^[0-9]+$", var.repository_id))
    error_message = "repository_id is a number."
  }
}
