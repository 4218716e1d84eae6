# The secret of the lake's pseudonyms (pipeline/lake/pseudonyms.py). With another secret every record has another
# label, and confirmations of single rows lapse: it is created once and never rotated.

resource "random_password" "pseudonyms" {
  length  = 64
  special = false
}

resource "aws_secretsmanager_secret" "pseudonyms" {
  #checkov:skip=CKV2_AWS_57:A rotated secret would change the label of every record.
  name                    = "${var.name}/portal/pseudonym-secret"
  kms_key_id              = aws_kms_key.data.arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "pseudonyms" {
  secret_id     = aws_secretsmanager_secret.pseudonyms.id
  secret_string = random_password.pseudonyms.result
}
