data "archive_file" "lambda" {
  type        = "zip"
  output_path = "${path.module}/.build/lambda.zip"

  # Files in the Lambdas' zip, the same as in infra/local/provision.py.
  dynamic "source" {
    for_each = toset(concat(
      ["__init__.py", "lateness.py", "run_input.py", "run_input.schema.json"],
      [for file in fileset(local.pipeline, "{lake,lambdas,releases,reviews}/*.py") : file]
    ))

    content {
      filename = "pipeline/${source.value}"
      content  = file("${local.pipeline}/${source.value}")
    }
  }
}

# The SDK in its locked version: the runtime's own may be too old for conditional writes.
resource "terraform_data" "sdk" {
  triggers_replace = local.sdk_file

  provisioner "local-exec" {
    command = "${path.module}/lambda-layer ${path.module}/../../requirements/lambda.txt ${local.sdk_file}"
  }
}

locals {
  sdk_file = "${path.module}/.build/lambda-layer-${substr(filesha256("${path.module}/../../requirements/lambda.txt"), 0, 12)}.zip"
}

resource "aws_lambda_layer_version" "sdk" {
  layer_name          = "${var.name}-sdk"
  description         = "boto3 as in requirements/lambda.txt"
  filename            = local.sdk_file
  compatible_runtimes = ["python3.13"]

  depends_on = [terraform_data.sdk]
}

module "lambda" {
  source   = "./modules/lambda"
  for_each = local.functions

  name               = "${var.name}-${replace(each.key, "_", "-")}"
  handler            = "pipeline.lambdas.${each.key}.handler"
  package            = data.archive_file.lambda.output_path
  package_hash       = data.archive_file.lambda.output_base64sha256
  layer_arns         = [aws_lambda_layer_version.sdk.arn]
  role_arn           = aws_iam_role.lambda[each.key].arn
  variables          = merge({ HDP_PREFIX = var.name, HDP_BUCKETS = local.bucket_prefix }, each.value)
  kms_key_arn        = aws_kms_key.data.arn
  log_retention_days = var.log_retention_days
  is_inside          = !contains(local.functions_outside, each.key)
  subnet_ids         = aws_subnet.private[*].id
  security_group_id  = aws_security_group.lambda.id
  dead_letter_arn    = local.arns.dead_letters

  # Lambda rejects a function whose role does not yet have the permissions to attach it to its subnets.
  depends_on = [aws_iam_role_policy.lambda, aws_iam_role_policy_attachment.lambda_network]
}
