resource "aws_sns_topic" "run" {
  for_each = toset(["succeeded", "failed"])

  name              = "${var.name}-run-${each.key}"
  kms_master_key_id = aws_kms_key.data.id
}

resource "aws_sns_topic_subscription" "failed" {
  topic_arn = aws_sns_topic.run["failed"].arn
  protocol  = "email"
  endpoint  = var.alert_email
}
