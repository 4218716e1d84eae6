variable "name" {
  description = "The function's name."
  type        = string
}

variable "handler" {
  description = "Module and function."
  type        = string
}

variable "package" {
  description = "Path of the zip."
  type        = string
}

variable "package_hash" {
  description = "Base64 SHA-256 of the zip."
  type        = string
}

variable "layer_arns" {
  description = "Layers: the packages that it imports beside the standard library."
  type        = list(string)
}

variable "role_arn" {
  description = "The role that the function runs as."
  type        = string
}

variable "variables" {
  description = "Its environment."
  type        = map(string)
}

variable "kms_key_arn" {
  description = "Key of its environment and logs."
  type        = string
}

variable "log_retention_days" {
  description = "Days that its log is kept."
  type        = number
}

variable "is_inside" {
  description = "Whether it runs in the private subnets, which have no way to the internet."
  type        = bool
  default     = true
}

variable "subnet_ids" {
  description = "Subnets that it runs in."
  type        = list(string)
}

variable "security_group_id" {
  description = "What it may reach."
  type        = string
}

variable "dead_letter_arn" {
  description = "Queue of asynchronous calls that failed."
  type        = string
}
