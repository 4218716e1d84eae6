# The load balancer's certificate: your own, one issued by Amazon for a name in your zone, or a self-signed one, so that
# three variables are enough for a trial.

locals {
  is_issued      = var.zone_id != null
  is_self_signed = var.zone_id == null && var.certificate_arn == null
  stand_in       = "portal.${var.name}.internal"

  certificate_arn = (
    local.is_issued ? one(aws_acm_certificate_validation.portal[*].certificate_arn)
    : local.is_self_signed ? one(data.aws_acm_certificate.stand_in[*].arn)
    : var.certificate_arn
  )
}

resource "aws_acm_certificate" "portal" {
  count = local.is_issued ? 1 : 0

  domain_name       = var.domain
  validation_method = "DNS"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_route53_record" "validation" {
  count = local.is_issued ? 1 : 0

  zone_id         = var.zone_id
  name            = one(one(aws_acm_certificate.portal[*].domain_validation_options)).resource_record_name
  type            = one(one(aws_acm_certificate.portal[*].domain_validation_options)).resource_record_type
  records         = [one(one(aws_acm_certificate.portal[*].domain_validation_options)).resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

resource "aws_acm_certificate_validation" "portal" {
  count = local.is_issued ? 1 : 0

  certificate_arn         = one(aws_acm_certificate.portal[*].arn)
  validation_record_fqdns = aws_route53_record.validation[*].fqdn
}

resource "aws_route53_record" "portal" {
  count = local.is_issued ? 1 : 0

  zone_id = var.zone_id
  name    = var.domain
  type    = "A"

  alias {
    name                   = aws_lb.portal.dns_name
    zone_id                = aws_lb.portal.zone_id
    evaluate_target_health = true
  }
}

# Created by openssl where Terraform runs and imported into ACM at once, so that its key stays in no state and on no disk.
resource "terraform_data" "stand_in" {
  count = local.is_self_signed ? 1 : 0

  input = { domain = local.stand_in, region = var.region }

  provisioner "local-exec" {
    command     = "${path.module}/stand-in-certificate make"
    environment = { DOMAIN = self.input.domain, HOST = lower(aws_lb.portal.dns_name), AWS_REGION = self.input.region }
  }

  provisioner "local-exec" {
    when        = destroy
    command     = "${path.module}/stand-in-certificate remove"
    environment = { DOMAIN = self.input.domain, AWS_REGION = self.input.region }
  }
}

data "aws_acm_certificate" "stand_in" {
  count = local.is_self_signed ? 1 : 0

  domain      = local.stand_in
  most_recent = true

  depends_on = [terraform_data.stand_in]
}
