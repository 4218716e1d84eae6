# Each environment has a state of its own: its key comes from `-backend-config=<environment>.backend`, bucket, lock table
# and region from bootstrap/.
terraform {
  backend "s3" {
    encrypt      = true
    use_lockfile = true
  }
}
