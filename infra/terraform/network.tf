# Portal and Lambdas run in private subnets. In the standard size, these have no internet access: AWS services are reached
# through endpoints, and the portal through its load balancer. In the small size, one NAT gateway gives internet access.

locals {
  # Services called by the portal, the start of its tasks and the Lambdas. KMS is not among them: other services call it.
  called_services = toset([
    "athena", "ecr.api", "ecr.dkr", "glue", "lambda", "logs", "scheduler", "secretsmanager", "sns", "states", "sts",
  ])

  interface_endpoints = local.size.has_endpoints ? local.called_services : toset([])

  # Not every service has an endpoint in every zone. This applies to the small size too, which may become standard later.
  endpoint_zones = [for service in data.aws_vpc_endpoint_service.interface : service.availability_zones]
  possible_zones = sort(setintersection(local.endpoint_zones...))
  zone_names = (
    var.zone_letters == null
    ? slice(local.possible_zones, 0, min(2, length(local.possible_zones)))
    : [for letter in var.zone_letters : "${var.region}${letter}"]
  )
}

data "aws_vpc_endpoint_service" "interface" {
  for_each = local.called_services

  service      = each.key
  service_type = "Interface"
}

resource "aws_vpc" "main" {
  cidr_block           = var.vpc_cidr
  enable_dns_hostnames = true
  enable_dns_support   = true

  lifecycle {
    precondition {
      condition     = length(local.zone_names) == 2
      error_message = "Fewer than two zones of ${var.region} have all endpoints. Choose another region."
    }
  }

  tags = { Name = var.name }
}

# Remove all rules of the default security group.
resource "aws_default_security_group" "closed" {
  vpc_id = aws_vpc.main.id
}

resource "aws_subnet" "public" {
  count = 2

  vpc_id            = aws_vpc.main.id
  availability_zone = local.zone_names[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index)

  tags = { Name = "${var.name}-public-${count.index}" }
}

resource "aws_subnet" "private" {
  count = 2

  vpc_id            = aws_vpc.main.id
  availability_zone = local.zone_names[count.index]
  cidr_block        = cidrsubnet(var.vpc_cidr, 4, count.index + 8)

  tags = { Name = "${var.name}-private-${count.index}" }
}

resource "aws_internet_gateway" "main" {
  vpc_id = aws_vpc.main.id
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.main.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.main.id
  }
}

resource "aws_route_table" "private" {
  vpc_id = aws_vpc.main.id
}

# Internet access of the small size: one NAT gateway in the first zone.
resource "aws_eip" "nat" {
  count = local.size.has_endpoints ? 0 : 1

  domain = "vpc"

  depends_on = [aws_internet_gateway.main]
}

resource "aws_nat_gateway" "main" {
  count = local.size.has_endpoints ? 0 : 1

  allocation_id = one(aws_eip.nat[*].id)
  subnet_id     = aws_subnet.public[0].id
}

resource "aws_route" "out" {
  count = local.size.has_endpoints ? 0 : 1

  route_table_id         = aws_route_table.private.id
  destination_cidr_block = "0.0.0.0/0"
  nat_gateway_id         = one(aws_nat_gateway.main[*].id)
}

resource "aws_route_table_association" "public" {
  count = 2

  subnet_id      = aws_subnet.public[count.index].id
  route_table_id = aws_route_table.public.id
}

resource "aws_route_table_association" "private" {
  count = 2

  subnet_id      = aws_subnet.private[count.index].id
  route_table_id = aws_route_table.private.id
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = aws_vpc.main.id
  service_name      = "com.amazonaws.${var.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interface_endpoints

  vpc_id              = aws_vpc.main.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = aws_subnet.private[*].id
  security_group_ids  = [aws_security_group.endpoints.id]
}

resource "aws_security_group" "balancer" {
  name        = "${var.name}-balancer"
  description = "HTTPS from those who may reach the portal, and on to its tasks."
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "balancer_https" {
  for_each = toset(var.allowed_cidrs)

  security_group_id = aws_security_group.balancer.id
  description       = "HTTPS"
  cidr_ipv4         = each.key
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "balancer_to_portal" {
  security_group_id            = aws_security_group.balancer.id
  description                  = "Streamlit"
  referenced_security_group_id = aws_security_group.portal.id
  from_port                    = 8501
  to_port                      = 8501
  ip_protocol                  = "tcp"
}

# The load balancer requests tokens from the sign-in service.
resource "aws_vpc_security_group_egress_rule" "balancer_to_sign_in" {
  security_group_id = aws_security_group.balancer.id
  description       = "Sign-in service"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_security_group" "portal" {
  name        = "${var.name}-portal"
  description = "The portal's tasks: in from the load balancer alone, out to AWS services alone."
  vpc_id      = aws_vpc.main.id
}

resource "aws_vpc_security_group_ingress_rule" "portal_from_balancer" {
  security_group_id            = aws_security_group.portal.id
  description                  = "Streamlit"
  referenced_security_group_id = aws_security_group.balancer.id
  from_port                    = 8501
  to_port                      = 8501
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "to_endpoints" {
  for_each = local.size.has_endpoints ? local.inside : {}

  security_group_id            = each.value
  description                  = "AWS services"
  referenced_security_group_id = aws_security_group.endpoints.id
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "to_s3" {
  for_each = local.inside

  security_group_id = each.value
  description       = "S3 through its gateway endpoint"
  prefix_list_id    = aws_vpc_endpoint.s3.prefix_list_id
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "to_services" {
  for_each = local.size.has_endpoints ? {} : local.inside

  security_group_id = each.value
  description       = "AWS services through the NAT gateway"
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_security_group" "lambda" {
  name        = "${var.name}-lambda"
  description = "The pipeline's Lambdas: nothing in, out to AWS services alone."
  vpc_id      = aws_vpc.main.id
}

resource "aws_security_group" "endpoints" {
  name        = "${var.name}-endpoints"
  description = "AWS service endpoints: in from the portal and the Lambdas alone."
  vpc_id      = aws_vpc.main.id
}

locals {
  inside = { portal = aws_security_group.portal.id, lambda = aws_security_group.lambda.id }
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  for_each = local.size.has_endpoints ? local.inside : {}

  security_group_id            = aws_security_group.endpoints.id
  description                  = "HTTPS from ${each.key}"
  referenced_security_group_id = each.value
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}

resource "aws_flow_log" "main" {
  vpc_id               = aws_vpc.main.id
  traffic_type         = "REJECT"
  log_destination_type = "cloud-watch-logs"
  log_destination      = aws_cloudwatch_log_group.flow.arn
  iam_role_arn         = aws_iam_role.flow.arn
}

resource "aws_cloudwatch_log_group" "flow" {
  name              = "/${var.name}/network"
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.data.arn
}

data "aws_iam_policy_document" "flow_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["vpc-flow-logs.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "flow" {
  name               = "${var.name}-flow"
  assume_role_policy = data.aws_iam_policy_document.flow_trust.json

  permissions_boundary = local.boundary_arn
}

data "aws_iam_policy_document" "flow" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents", "logs:DescribeLogStreams"]
    resources = ["${local.arns.flow_log}:*"]
  }
}

resource "aws_iam_role_policy" "flow" {
  name   = "write"
  role   = aws_iam_role.flow.id
  policy = data.aws_iam_policy_document.flow.json
}
