variable "name" {
  description = "Name of the function."
  type        = string
}

variable "handler" {
  description = "Handler: module and function."
  type        = string
}

variable "package" {
  description = "Path of the zip with the code."
  type        = string
}

variable "package_hash" {
  description = "SHA-256 of the zip in Base64."
  type        = string
}

variable "layer_arns" {
  description = "ARNs of layers with packages that the function imports."
  type        = list(string)
}

variable "role_arn" {
  description = "ARN of the function's role."
  type        = string
}

variable "variables" {
  description = "Environment variables of the function."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "ARN of the KMS key for environment variables and logs."
  type        = string
}

variable "log_retention_days" {
  description = "Retention of the log in days."
  type        = number
}

variable "is_inside" {
  description = "Whether the function runs in the private subnets."
  type        = bool
  default     = true
}

variable "subnet_ids" {
  description = "Subnets of the function, if it runs in the private subnets."
  type        = list(string)
}

variable "security_group_id" {
  description = "ID of the security group of the function."
  type        = string
}

variable "dead_letter_arn" {
  description = "ARN of the queue for failed asynchronous calls."
  type        = string
}
