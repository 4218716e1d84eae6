provider "aws" {
  region = var.region

  default_tags {
    tags = {
      product     = "health-data-portal"
      environment = var.environment
      data        = "PHI"
    }
  }
}
