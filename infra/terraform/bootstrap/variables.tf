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
  description = "GitHub repository (owner/name) whose workflows may assume the role."
  type        = string
  default     = "example/health-data-portal"
}
