# Users and their roles: one group per role. With var.oidc, the hospital's own provider is used instead.

locals {
  cognito_issuer = "https://cognito-idp.${var.region}.amazonaws.com/${aws_cognito_user_pool.people.id}"
  sign_in_issuer = var.oidc == null ? local.cognito_issuer : var.oidc.issuer
  sign_in_client = var.oidc == null ? local.cognito_client_id : var.oidc.client_id

  # Of another provider no token is verified but the load balancer's, whose key is fetched by its id.
  sign_in_keys  = var.oidc == null ? "${local.cognito_issuer}/.well-known/jwks.json" : ""
  balancer_keys = "https://public-keys.auth.elb.${var.region}.amazonaws.com"
  balancer_arn  = aws_lb.portal.arn

  cognito_client_id = aws_cognito_user_pool_client.portal.id
  portal_url        = "https://${local.portal_host}/${var.base_path == "" ? "" : "${var.base_path}/"}"

  # The page that ends the provider's own session and returns to the portal, where people sign in again.
  cognito_sign_out_url = join("", [
    "https://${aws_cognito_user_pool_domain.people.domain}.auth.${var.region}.amazoncognito.com/logout",
    "?client_id=${local.cognito_client_id}&logout_uri=${urlencode(local.portal_url)}",
  ])

  oidc_end = try(coalesce(var.oidc.end_session_endpoint), "")
  oidc_sign_out_url = local.oidc_end == "" ? "" : join("", [
    local.oidc_end, strcontains(local.oidc_end, "?") ? "&" : "?",
    "client_id=${urlencode(local.sign_in_client)}&post_logout_redirect_uri=${urlencode(local.portal_url)}",
  ])

  sign_out_url = var.oidc == null ? local.cognito_sign_out_url : local.oidc_sign_out_url
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
  logout_urls                          = [local.portal_url]
  prevent_user_existence_errors        = "ENABLED"
  enable_token_revocation              = true
}

locals {
  portal_host = coalesce(var.domain, lower(aws_lb.portal.dns_name))
}
