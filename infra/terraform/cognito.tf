# Users and their roles: one group per role. With var.oidc, the hospital's own provider is used instead.

locals {
  cognito_issuer = "https://cognito-idp.${var.region}.amazonaws.com/${aws_cognito_user_pool.people.id}"
  sign_in_issuer = var.oidc == null ? local.cognito_issuer : var.oidc.issuer
  sign_in_keys   = var.oidc == null ? "${local.cognito_issuer}/.well-known/jwks.json" : var.oidc.keys
}

# The username appears in signatures and in the review log, so it should be readable. People can also sign in by e-mail.
resource "aws_cognito_user_pool" "people" {
  name                = "${var.name}-people"
  mfa_configuration   = "ON"
  deletion_protection = local.is_protected ? "ACTIVE" : "INACTIVE"
  alias_attributes    = ["email"]

  software_token_mfa_configuration {
    enabled = true
  }

  admin_create_user_config {
    allow_admin_create_user_only = true
  }

  password_policy {
    minimum_length                   = 14
    require_lowercase                = true
    require_numbers                  = true
    require_symbols                  = true
    require_uppercase                = true
    temporary_password_validity_days = 3
  }

  account_recovery_setting {
    recovery_mechanism {
      name     = "verified_email"
      priority = 1
    }
  }
}

resource "aws_cognito_user_group" "role" {
  for_each = toset(["viewer", "analyst", "privacy_officer", "administrator", "clinician", "engineer"])

  name         = each.key
  user_pool_id = aws_cognito_user_pool.people.id
}

resource "aws_cognito_user_pool_domain" "people" {
  domain       = "${var.name}-${local.account}"
  user_pool_id = aws_cognito_user_pool.people.id
}

resource "aws_cognito_user_pool_client" "portal" {
  name                                 = "portal"
  user_pool_id                         = aws_cognito_user_pool.people.id
  generate_secret                      = true
  allowed_oauth_flows_user_pool_client = true
  allowed_oauth_flows                  = ["code"]
  allowed_oauth_scopes                 = ["openid"]
  supported_identity_providers         = ["COGNITO"]
  callback_urls                        = ["https://${local.portal_host}/oauth2/idpresponse"]
  prevent_user_existence_errors        = "ENABLED"
  enable_token_revocation              = true
}

locals {
  portal_host = coalesce(var.domain, lower(aws_lb.portal.dns_name))
}
