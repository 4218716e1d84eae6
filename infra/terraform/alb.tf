resource "aws_lb" "portal" {
  name                       = "${var.name}-portal"
  load_balancer_type         = "application"
  subnets                    = aws_subnet.public[*].id
  security_groups            = [aws_security_group.balancer.id]
  drop_invalid_header_fields = true
  enable_deletion_protection = local.is_protected
  idle_timeout               = 300

  access_logs {
    bucket  = aws_s3_bucket.access.id
    enabled = true
  }

  # AWS writes a test object before it accepts the log bucket, and requires an internet gateway for a public load balancer.
  depends_on = [aws_s3_bucket_policy.access, aws_internet_gateway.main]
}

# Streamlit keeps a session in one task, so sessions are sticky.
resource "aws_lb_target_group" "portal" {
  name                 = "${var.name}-portal"
  port                 = 8501
  protocol             = "HTTP"
  target_type          = "ip"
  vpc_id               = aws_vpc.main.id
  deregistration_delay = 60

  stickiness {
    type            = "lb_cookie"
    cookie_duration = 43200
  }

  health_check {
    path                = "/${join("/", compact([var.base_path, "_stcore/health"]))}"
    interval            = 15
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.portal.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = local.certificate_arn

  dynamic "default_action" {
    for_each = var.oidc == null ? [1] : []

    content {
      type  = "authenticate-cognito"
      order = 1

      authenticate_cognito {
        user_pool_arn       = aws_cognito_user_pool.people.arn
        user_pool_client_id = aws_cognito_user_pool_client.portal.id
        user_pool_domain    = aws_cognito_user_pool_domain.people.domain
        scope               = "openid"
        session_timeout     = 28800
      }
    }
  }

  dynamic "default_action" {
    for_each = var.oidc == null ? [] : [var.oidc]

    content {
      type  = "authenticate-oidc"
      order = 1

      authenticate_oidc {
        issuer                 = default_action.value.issuer
        authorization_endpoint = default_action.value.authorization_endpoint
        token_endpoint         = default_action.value.token_endpoint
        user_info_endpoint     = default_action.value.user_info_endpoint
        client_id              = default_action.value.client_id
        client_secret          = var.oidc_client_secret
        scope                  = "openid email"
        session_timeout        = 28800
      }
    }
  }

  default_action {
    type             = "forward"
    order            = 2
    target_group_arn = aws_lb_target_group.portal.arn
  }
}

resource "aws_s3_bucket" "access" {
  #checkov:skip=CKV_AWS_144:Access logs need no second region.
  #checkov:skip=CKV_AWS_145:Load balancers write their logs to buckets with S3's own keys only.
  bucket = "${local.bucket_prefix}-access-logs"
}

resource "aws_s3_bucket_public_access_block" "access" {
  bucket                  = aws_s3_bucket.access.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_versioning" "access" {
  bucket = aws_s3_bucket.access.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Load balancers write to buckets with S3's own keys only.
resource "aws_s3_bucket_server_side_encryption_configuration" "access" {
  bucket = aws_s3_bucket.access.id

  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_notification" "access" {
  bucket      = aws_s3_bucket.access.id
  eventbridge = true
}

resource "aws_s3_bucket_lifecycle_configuration" "access" {
  bucket = aws_s3_bucket.access.id

  rule {
    id     = "expire"
    status = "Enabled"

    filter {}

    expiration {
      days = var.log_retention_days
    }

    noncurrent_version_expiration {
      noncurrent_days = 1
    }

    abort_incomplete_multipart_upload {
      days_after_initiation = 3
    }
  }
}

data "aws_iam_policy_document" "access" {
  statement {
    sid       = "WriteLoadBalancerLogs"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.access.arn}/AWSLogs/${local.account}/*"]

    principals {
      type        = "Service"
      identifiers = ["logdelivery.elasticloadbalancing.amazonaws.com"]
    }
  }

  statement {
    sid       = "WriteBucketAccessLogs"
    actions   = ["s3:PutObject"]
    resources = ["${aws_s3_bucket.access.arn}/s3/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }

  statement {
    sid       = "DenyWithoutTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.access.arn, "${aws_s3_bucket.access.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "access" {
  bucket = aws_s3_bucket.access.id
  policy = data.aws_iam_policy_document.access.json
}
