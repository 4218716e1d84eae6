# Bucket, lock table and region come from `terraform init -backend-config=<environment>.backend`, see bootstrap/.
terraform {
  backend "s3" {
    key          = "health-data-portal/terraform.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}
