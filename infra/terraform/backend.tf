# Each environment has its own state. The key comes from `-backend-config=<environment>.backend`; bucket, lock table and
# region come from bootstrap/.
terraform {
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
