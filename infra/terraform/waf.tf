# Firewall of the load balancer in the standard size. It blocks addresses with a bad reputation, anonymous senders, known
# exploits (such as Log4j) and floods. The common rule set is not used, because it blocks bodies over 8 KB such as extracts.

resource "aws_wafv2_web_acl" "portal" {
  count = local.size.is_hardened ? 1 : 0

  name  = "${var.name}-portal"
  scope = "REGIONAL"

  default_action {
    allow {}
  }

  rule {
    name     = "AWSManagedRulesAmazonIpReputationList"
    priority = 1

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesAmazonIpReputationList"
        vendor_name = "AWS"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "AWSManagedRulesAmazonIpReputationList"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "AWSManagedRulesAnonymousIpList"
    priority = 2

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesAnonymousIpList"
        vendor_name = "AWS"

        # A hospital's own proxy may run at a hosting provider, so such requests are counted but allowed.
        rule_action_override {
          name = "HostingProviderIPList"

          action_to_use {
            count {}
          }
        }
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "AWSManagedRulesAnonymousIpList"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "AWSManagedRulesKnownBadInputsRuleSet"
    priority = 3

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesKnownBadInputsRuleSet"
        vendor_name = "AWS"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "AWSManagedRulesKnownBadInputsRuleSet"
      sampled_requests_enabled   = false
    }
  }

  # A page takes about 40 requests, and a whole hospital may share one address.
  rule {
    name     = "floods"
    priority = 4

    action {
      block {}
    }

    statement {
      rate_based_statement {
        limit              = 20000
        aggregate_key_type = "IP"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "floods"
      sampled_requests_enabled   = false
    }
  }

  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = "${var.name}-portal"
    sampled_requests_enabled   = false
  }
}

resource "aws_wafv2_web_acl_association" "portal" {
  count = local.size.is_hardened ? 1 : 0

  resource_arn = aws_lb.portal.arn
  web_acl_arn  = one(aws_wafv2_web_acl.portal[*].arn)
}

# AWS requires the prefix aws-waf-logs-.
resource "aws_cloudwatch_log_group" "waf" {
  count = local.size.is_hardened ? 1 : 0

  name              = "aws-waf-logs-${var.name}-portal"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

resource "aws_wafv2_web_acl_logging_configuration" "portal" {
  count = local.size.is_hardened ? 1 : 0

  resource_arn            = one(aws_wafv2_web_acl.portal[*].arn)
  log_destination_configs = aws_cloudwatch_log_group.waf[*].arn

  redacted_fields {
    single_header {
      name = "authorization"
    }
  }

  redacted_fields {
    single_header {
      name = "cookie"
    }
  }
}
