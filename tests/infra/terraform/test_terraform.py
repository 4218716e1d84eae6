"""The real terraform formats, validates and plans both modules, if installed; checks of planned policies."""

import json
import os
import re
import shutil
import subprocess
import sys

import pytest

from tests.infra.terraform.conftest import CHECK, FOLDER, KNOWN_AFTER_APPLY, planned_with


def _run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, timeout=300, **options)  # noqa: PLW1510


def test_files_are_formatted(terraform):
    done = _run(terraform, "fmt", "-check", "-recursive", str(FOLDER))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("module", [".", "bootstrap"])
def test_the_module_is_valid_with_the_registrys_provider(terraform, tmp_path, module):
    work = shutil.copytree(FOLDER.parents[1], tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "tests"))
    folder = work / "infra" / "terraform" / module
    environment = {**os.environ, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    ready = _run(
        terraform, "init", "-backend=false", "-input=false", "-no-color", cwd=folder, env=environment
    )
    if ready.returncode:
        said = next(line for line in ready.stderr.splitlines() if line.startswith(("Could not", "Error")))
        pytest.skip(f"terraform finds no provider here: {said}")
    done = _run(terraform, "validate", "-no-color", cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr


OIDC = json.dumps({
    name: f"https://login.example.org/{name}"
    for name in ("issuer", "end_session_endpoint", "authorization_endpoint", "token_endpoint",
                 "user_info_endpoint", "client_id")
})  # fmt: skip


@pytest.mark.parametrize(
    "arguments",
    [["infra/terraform", "--plan", "-var-file", "dev.tfvars"],
     ["infra/terraform", "--plan", "-var-file", "prod.tfvars"],
     ["infra/terraform", "--plan", "-var-file", "prod.tfvars", "-var", "domain=portal.example.org", "-var",
      "zone_id=Z1",
      "-var", "base_path=apps/hdp", "-var", f"oidc={OIDC}", "-var", "oidc_client_secret=s"],
     ["infra/terraform", "--plan", "-var-file", "dev.tfvars", "-var", "size=small"],
     ["infra/terraform", "--plan", "-var-file", "dev.tfvars", "-var", "size=small", "-var",
      "domain=portal.example.org",
      "-var", "certificate_arn=arn:aws:acm:us-east-1:123456789012:certificate/0", "-var", "base_path=hdp",
      "-var", f"oidc={OIDC}", "-var", "oidc_client_secret=s"],
     ["infra/terraform/bootstrap", "--plan"]],
)  # fmt: skip
def test_the_real_terraform_plans_it(checker, arguments):
    done = _run(sys.executable, str(CHECK), *arguments, cwd=FOLDER.parents[1])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_three_variables_are_enough_and_the_account_is_in_the_names_of_buckets(checker):
    given = [f"-var={each}" for each in ("name=st-mary", "region=eu-west-1", "alert_email=a@hospital.org")]
    done = _run(sys.executable, str(CHECK), "infra/terraform", "--plan", *given, cwd=FOLDER.parents[1])
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    buckets = set(re.findall(r'\+ bucket +=\s+"(.+)"', done.stdout))
    assert len(buckets) > 6
    assert all(bucket.startswith("st-mary-123456789012-") for bucket in buckets), buckets


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            ["certificate_arn=arn:aws:acm:us-east-1:123456789012:certificate/0"],
            "certificate_arn requires domain",
        ),
        (["zone_id=Z1"], "zone_id requires domain"),
        (["name=our-aws-data"], "must not contain aws, amazon or cognito"),
        (["name=cognitohdp"], "must not contain aws, amazon or cognito"),
        (["name=hdp--dev"], "single dashes"),
        (["name=hdp-"], "not end with a dash"),
        (["name=internal-hdp"], "must not start with internal-"),
        ([f"oidc={OIDC}"], "oidc and oidc_client_secret must be set together"),
        (["size=tiny"], "size must be small or standard"),
        (['zone_letters=["a", "a"]'], "two different zones"),
        ([f"oidc={OIDC}", "oidc_client_secret=s", "sign_within_minutes=15"], "requires Cognito"),
    ],
)
def test_a_value_that_aws_would_refuse_is_refused_in_a_sentence(checker, given, sentence):
    flags = [f"-var={each}" for each in (*THREE, *given)]
    done = _run(
        *(sys.executable, str(CHECK), "infra/terraform", "--plan", *flags),
        cwd=FOLDER.parents[1],
    )
    assert done.returncode == 1
    assert sentence in _unwrapped(done.stdout + done.stderr)


THREE = ("name=hdp", "region=us-east-1", "alert_email=data-team@hospital.org")


def _unwrapped(text):
    """Terraform breaks its messages into lines behind a bar."""
    return " ".join(text.replace("│", " ").split())


def test_each_environment_has_a_state_of_its_own():
    keys = {(FOLDER / f"{name}.backend").read_text() for name in ("dev", "prod")}
    assert len(keys) == 2
    assert "key" not in (FOLDER / "backend.tf").read_text().partition("{")[2].replace("use_lockfile", "")


def test_superseded_versions_go_and_results_go_soonest(plan):
    days = {}
    for address, values in plan.resources.items():
        if address.startswith("aws_s3_bucket_lifecycle_configuration."):
            [rule] = [r for r in values["rule"] if r.get("noncurrent_version_expiration") and not _prefix(r)]
            days[values["rule"][0]["id"], address] = rule["noncurrent_version_expiration"][0][
                "noncurrent_days"
            ]
    by_bucket = {
        address.partition('"')[2].rstrip('"]') or "access": number for (_, address), number in days.items()
    }
    assert by_bucket["results"] == by_bucket["access"] == 1
    assert by_bucket["gold"] == 30


def _prefix(rule):
    return next((each["prefix"] for each in rule.get("filter") or [] if each.get("prefix")), None)


def test_uploads_that_were_not_imported_go_within_a_day_or_two_with_their_versions(plan):
    bronze = plan.resources['aws_s3_bucket_lifecycle_configuration.zone["bronze"]']
    [rule] = [each for each in bronze["rule"] if _prefix(each) == "_uploads/"]
    assert rule["expiration"][0]["days"] == 1
    assert rule["noncurrent_version_expiration"][0]["noncurrent_days"] == 1
    assert rule["abort_incomplete_multipart_upload"][0]["days_after_initiation"] == 1


def test_the_key_lets_log_delivery_read_what_step_functions_encrypted(plan):
    policy = json.loads(plan.resources["aws_kms_key.data"]["policy"])
    [delivery] = [
        s for s in policy["Statement"] if s["Principal"].get("Service") == ["delivery.logs.amazonaws.com"]
    ]
    assert delivery["Action"] == ["kms:Decrypt*"]


def test_eventbridge_uses_the_key_without_naming_its_account(plan):
    """EventBridge sends KMS no aws:SourceAccount: under that condition its messages vanish."""
    policy = json.loads(plan.resources["aws_kms_key.data"]["policy"])
    [events] = [each for each in policy["Statement"] if "events.amazonaws.com" in str(each["Principal"])]
    assert "Condition" not in events
    assert set(events["Action"]) == {"kms:Decrypt", "kms:GenerateDataKey"}


def test_zones_are_those_in_which_every_endpoint_is_there(checker, terraform):
    zones = {"a": 10, "b": 11, "c": 11}  # of eleven services one has no endpoint in zone a
    sets = [
        [f"us-east-1{zone}" for zone, services in zones.items() if number < services] for number in range(11)
    ]
    planned = planned_with(terraform, f"locals {{\n  endpoint_zones = {json.dumps(sets)}\n}}\n", SMALLEST)
    subnets = {values["availability_zone"] for values in planned.all_of("aws_subnet")}
    assert subnets == {"us-east-1b", "us-east-1c"}


def test_a_region_where_too_few_zones_have_every_endpoint_is_refused(checker, terraform):
    with pytest.raises(AssertionError, match="Fewer than two zones"):
        planned_with(
            terraform, 'locals {\n  endpoint_zones = [["us-east-1a"], ["us-east-1b"]]\n}\n', SMALLEST
        )


SMALLEST = [f"-var={each}" for each in THREE]


def test_the_small_size_has_one_task_and_one_way_out_and_no_endpoint(checker, terraform):
    planned = planned_with(terraform, "", [*SMALLEST, "-var=size=small"])
    [task] = planned.all_of("aws_ecs_task_definition")
    assert (task["cpu"], task["memory"]) == ("512", "2048")
    assert task["runtime_platform"][0]["cpu_architecture"] == "ARM64"
    [service] = planned.all_of("aws_ecs_service")
    assert service["desired_count"] == 1
    assert len(planned.all_of("aws_nat_gateway")) == 1
    assert [e["vpc_endpoint_type"] for e in planned.all_of("aws_vpc_endpoint")] == ["Gateway"]
    assert planned.all_of("aws_wafv2_web_acl") == []
    [cluster] = planned.all_of("aws_ecs_cluster")
    assert cluster["setting"][0]["value"] == "disabled"


def test_a_digest_names_the_image_that_is_deployed(checker, terraform):
    planned = planned_with(terraform, KNOWN_AFTER_APPLY, [*SMALLEST, "-var=image_tag=sha256:ab12"])
    [task] = planned.all_of("aws_ecs_task_definition")
    [container] = json.loads(task["container_definitions"])
    assert container["image"] == "123456789012.dkr.ecr.us-east-1.amazonaws.com/hdp-portal@sha256:ab12"


def test_the_portal_knows_whose_tokens_it_accepts_and_where_sign_out_leads(checker, terraform):
    flags = [*SMALLEST, "-var=domain=portal.hospital.org", "-var=zone_id=Z1", "-var=base_path=hdp"]
    oidc = ["-var", f"oidc={OIDC}", "-var", "oidc_client_secret=s"]
    signer = {
        "HDP_SIGN_IN_SIGNER": "arn:aws:elasticloadbalancing:us-east-1:123456789012:loadbalancer/app/x/0"
    }
    assert _sign_in(planned_with(terraform, KNOWN_AFTER_APPLY, flags)) == signer | {
        "HDP_SIGN_IN_ISSUER": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_people",
        "HDP_SIGN_IN_CLIENT": "portal-client",
        "HDP_SIGN_OUT_URL": "https://hdp.auth.us-east-1.amazoncognito.com/logout",
    }
    assert _sign_in(planned_with(terraform, KNOWN_AFTER_APPLY, [*flags, *oidc])) == signer | {
        "HDP_SIGN_IN_ISSUER": "https://login.example.org/issuer",
        "HDP_SIGN_IN_CLIENT": "https://login.example.org/client_id",
        "HDP_SIGN_OUT_URL": "https://login.example.org/end_session_endpoint"
        "?client_id=https%3A%2F%2Flogin.example.org%2Fclient_id"
        "&post_logout_redirect_uri=https%3A%2F%2Fportal.hospital.org%2Fhdp%2F",
    }


def _sign_in(planned):
    [task] = planned.all_of("aws_ecs_task_definition")
    [container] = json.loads(task["container_definitions"])
    told = {each["name"]: each["value"] for each in container["environment"]}
    return {name: value for name, value in told.items() if name.startswith(("HDP_SIGN_IN", "HDP_SIGN_OUT"))}


def test_the_standard_size_has_an_endpoint_for_each_service_that_is_called_from_inside(plan):
    services = {
        values["service_name"].removeprefix("com.amazonaws.us-east-1.")
        for values in plan.all_of("aws_vpc_endpoint")
    }
    assert services == {
        "s3", "athena", "ecr.api", "ecr.dkr", "glue", "lambda", "logs", "scheduler", "secretsmanager", "sns",
        "states", "sts",
    }  # fmt: skip
    assert plan.all_of("aws_nat_gateway") == []
