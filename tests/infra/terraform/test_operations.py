"""Alarms, the on-call page, settings that survive an apply, and suppressions that say why."""

import json
import re

from tests.infra.terraform.conftest import FOLDER


def test_suppressions_are_few_and_each_says_why():
    skips = [
        line.strip()
        for file in FOLDER.rglob("*.tf")
        for line in file.read_text().splitlines()
        if "checkov:skip" in line
    ]
    assert 0 < len(skips) <= 11
    assert all(len(skip.partition(":")[2].partition(":")[2]) > 30 for skip in skips)


def test_what_a_person_sets_in_the_portal_survives_the_next_apply():
    nightly = re.search(
        r'resource "aws_scheduler_schedule" "nightly" .*?\n}', (FOLDER / "eventbridge.tf").read_text(), re.S
    )[0]
    [kept] = re.findall(r"ignore_changes = \[(.*)\]", nightly)
    assert set(kept.split(", ")) == {"schedule_expression", "schedule_expression_timezone", "state"}


def test_alarms_watch_latency_throttles_athena_and_the_certificate(plan):
    alarms = {each["alarm_name"]: each for each in plan.all_of("aws_cloudwatch_metric_alarm")}
    for name, metric in {
        "hdp-portal-slow": "TargetResponseTime",
        "hdp-athena-fails": "TotalExecutionTime",
        "hdp-certificate-expires": "DaysToExpiry",
        "hdp-start-glue-job-throttled": "Throttles",
    }.items():
        assert alarms[name]["metric_name"] == metric
    assert all(each["alarm_actions"] for each in alarms.values())


def test_a_slow_job_and_a_failed_deployment_are_told(plan):
    rules = [each for each in plan.all_of("aws_cloudwatch_event_rule") if each.get("event_pattern")]
    patterns = {each["name"]: json.loads(each["event_pattern"]) for each in rules}
    assert patterns["hdp-deployment-failed"]["detail"] == {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]}
    assert "hdp-quality-audit" in patterns["hdp-job-slow"]["detail"]["jobName"]
    for job in plan.all_of("aws_glue_job"):
        assert job["notification_property"][0]["notify_delay_after"] * 2 >= job["timeout"]


def test_a_marker_in_incoming_starts_a_task_of_the_portals_image(plan):
    rules = {each["name"]: each for each in plan.all_of("aws_cloudwatch_event_rule")}
    object_ = json.loads(rules["hdp-incoming-marker"]["event_pattern"])["detail"]["object"]
    assert object_ == {"key": [{"wildcard": "incoming/*/_COMPLETE"}]}
    assert rules["hdp-incoming-hourly"]["schedule_expression"] == "rate(1 hour)"
    targets = [each for each in plan.all_of("aws_cloudwatch_event_target") if each["ecs_target"]]
    assert {each["rule"] for each in targets} == {"hdp-incoming-marker", "hdp-incoming-hourly"}
    for target in targets:
        [override] = json.loads(target["input"])["containerOverrides"]
        assert override["command"][:3] == ["python", "-m", "portal.batches.incoming"]


def test_the_on_call_page_names_every_alarm(plan):
    page = (FOLDER.parent / "README.md").read_text().partition("## On call")[2]
    names = {each["alarm_name"].removeprefix("hdp-") for each in plan.all_of("aws_cloudwatch_metric_alarm")}
    names |= {each["name"].removeprefix("hdp-") for each in plan.all_of("aws_cloudwatch_event_rule")} - {
        "arrival"
    }
    unnamed = {
        name for name in names if f"`{name}`" not in page and f"`…-{name.rpartition('-')[2]}`" not in page
    }
    assert unnamed == set()


def test_the_readme_says_what_a_new_account_lacks():
    """Quotas of a new account are too small for a first run, and ECS's service-linked role may not exist."""
    page = (FOLDER.parent / "README.md").read_text()
    steps, quotas = page.partition("## Deploy")[2].partition("**A new account**")[::2]
    role = steps.index("aws iam create-service-linked-role --aws-service-name ecs.amazonaws.com")
    assert role < steps.index("apply -target=aws_ecr_repository.portal")
    for quota in ("L-B99A9384", "L-08F90136", "L-3032A538"):  # Lambda, Glue, Fargate
        assert quota in quotas.partition("### From GitHub")[0]


def test_no_hash_of_a_provider_is_committed_that_was_not_downloaded():
    """The workflow `pins` makes lock files for four platforms; a hand-made one would stop init elsewhere."""
    for lock in FOLDER.rglob(".terraform.lock.hcl"):
        hashes = re.findall(r'"(h1|zh):', lock.read_text())
        assert hashes.count("h1") >= 4, f"{lock} lacks platforms"
