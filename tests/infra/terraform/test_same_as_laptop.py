"""Terraform plans what the laptop cloud provisions: both are read through their own APIs."""

import json
import re
from pathlib import Path

import pytest

import infra
from infra.local.environment import variables
from infra.local.provision import FUNCTIONS, RUNTIME, TOPICS, lambda_files
from pipeline.jobs import declared
from pipeline.lake.uris import DATABASES, ZONES, Lake, split

PROJECT = Path(infra.__file__).parents[1]


@pytest.fixture(scope="module")
def lake(cloud):
    return Lake(cloud.prefix)


def _by(plan, kind, name):
    return {values[name]: values for values in plan.all_of(kind)}


def test_buckets(plan, aws_of_cloud, lake):
    there = {bucket["Name"] for bucket in aws_of_cloud("s3").list_buckets()["Buckets"]}
    zones = {
        values["bucket"] for name, values in plan.resources.items() if name.startswith("aws_s3_bucket.zone[")
    }
    assert zones == {lake.bucket(zone) for zone in ZONES}
    assert zones <= there


def test_jobs(plan, aws_of_cloud, lake):
    planned = _by(plan, "aws_glue_job", "name")
    provisioned = {job["Name"]: job for job in aws_of_cloud("glue").get_jobs()["Jobs"]}
    assert set(planned) == {lake.job(job.name) for job in declared()} <= set(provisioned)
    for name, job in planned.items():
        there = provisioned[name]
        [command] = job["command"]
        assert (command["name"], command["script_location"], command["python_version"]) == (
            there["Command"]["Name"],
            there["Command"]["ScriptLocation"],
            there["Command"]["PythonVersion"],
        )
        assert (job["glue_version"], job["worker_type"], job["number_of_workers"], job["timeout"]) == (
            there["GlueVersion"],
            there["WorkerType"],
            there["NumberOfWorkers"],
            there["Timeout"],
        )
        assert (
            job["execution_property"][0]["max_concurrent_runs"]
            == there["ExecutionProperty"]["MaxConcurrentRuns"]
        )
        assert there["DefaultArguments"].items() <= job["default_arguments"].items()


def test_catalog(plan, aws_of_cloud, lake):
    glue = aws_of_cloud("glue")
    databases = {values["name"] for values in plan.all_of("aws_glue_catalog_database")}
    assert databases == {lake.database(name) for name in DATABASES}
    tables = plan.all_of("aws_glue_catalog_table")
    assert len(tables) > 10
    seen = set()
    for table in tables:
        there = glue.get_table(DatabaseName=table["database_name"], Name=table["name"])["Table"]
        [planned], stored = table["storage_descriptor"], there["StorageDescriptor"]
        assert _columns(planned["columns"]) == _columns(stored["Columns"]), table["name"]
        assert _columns(table["partition_keys"]) == _columns(there.get("PartitionKeys", [])), table["name"]
        assert planned["location"].rstrip("/") == stored["Location"].rstrip("/")
        assert (planned["input_format"], planned["output_format"]) == (
            stored["InputFormat"],
            stored["OutputFormat"],
        )
        [serde] = planned["ser_de_info"]
        assert serde["serialization_library"] == stored["SerdeInfo"]["SerializationLibrary"]
        assert (serde["parameters"] or {}) == stored["SerdeInfo"].get("Parameters", {})
        assert table["parameters"] == there["Parameters"]
        assert table["table_type"] == there["TableType"]
        seen.add((table["database_name"], table["name"]))
    provisioned = {
        (database, table["Name"])
        for database in databases
        for page in glue.get_paginator("get_tables").paginate(DatabaseName=database)
        for table in page["TableList"]
        if table["TableType"] == "EXTERNAL_TABLE"
    }
    assert seen == provisioned


def _columns(columns):
    """Name, type and comment; Terraform writes them small, boto3 with a capital."""
    return [tuple({key.lower(): value for key, value in each.items()}[key] for key in ("name", "type",
                                                                                       "comment"))
            for each in columns]  # fmt: skip


def test_functions(plan, aws_of_cloud, lake):
    planned = _by(plan, "aws_lambda_function", "function_name")
    assert set(planned) == {lake.function(name) for name in FUNCTIONS}
    for name, function in planned.items():
        there = aws_of_cloud("lambda").get_function(FunctionName=name)["Configuration"]
        assert (function["runtime"], function["handler"], function["timeout"], function["memory_size"]) == (
            there["Runtime"],
            there["Handler"],
            there["Timeout"],
            there["MemorySize"],
        )
        variables, on_laptop = function["environment"][0]["variables"], there["Environment"]["Variables"]
        assert set(variables) == set(on_laptop)
        differ = {variable for variable in variables if variables[variable] != on_laptop[variable]}
        assert differ <= {"HDP_SIGN_IN_KEYS", "HDP_BALANCER_KEYS"}  # nobody signs in on a laptop


def test_functions_carry_an_sdk_that_knows_conditional_writes(plan):
    """S3's If-Match needs boto3 1.35.70; a runtime's own may be older."""
    [layer] = plan.all_of("aws_lambda_layer_version")
    assert all(
        function["runtime"] in layer["compatible_runtimes"] for function in plan.all_of("aws_lambda_function")
    )
    locked = (PROJECT / "requirements" / "lambda.txt").read_text()
    [version] = re.findall(r"^boto3==([\d.]+)", locked, re.M)
    assert tuple(map(int, version.split("."))) >= (1, 35, 70)
    assert version in re.findall(
        r"^boto3==([\d.]+)", (PROJECT / "requirements" / "local.txt").read_text(), re.M
    )


def test_the_runtime_of_the_functions_is_one_that_outlives_2027():
    """AWS ends python3.11 for Lambda on 2027-06-30."""
    assert RUNTIME == "python3.13"


def _planned(plan, name):
    return {
        source["filename"]: source["content"].encode()
        for source in plan.data[f"archive_file.{name}"]["source"]
    }


def test_lambda_files(plan):
    assert _planned(plan, "lambda") == lambda_files()


def test_terraform_builds_and_uploads_the_wheel(plan, lake):
    uploaded = plan.resources["aws_s3_object.wheel"]
    assert uploaded["key"] == split(lake.wheel())[1]
    assert Path(uploaded["source"]).name == Path(lake.wheel()).name
    built = plan.resources["terraform_data.wheel"]["triggers_replace"]
    assert Path(uploaded["source"]).parent == Path(built)
    assert Path(built).name == f"wheel-{uploaded['source_hash'][:12]}"


def test_state_machine(plan, aws_of_cloud, cloud):
    planned = plan.resources["aws_sfn_state_machine.pipeline"]
    arn = cloud.environment()["HDP_STATE_MACHINE_ARN"]
    there = aws_of_cloud("stepfunctions").describe_state_machine(stateMachineArn=arn)
    assert planned["name"] == there["name"]
    assert json.loads(planned["definition"]) == json.loads(there["definition"])


def test_topics_workgroup_and_schedule(plan, aws_of_cloud, lake):
    arns = {topic["TopicArn"] for topic in aws_of_cloud("sns").list_topics()["Topics"]}
    topics = {values["name"] for values in plan.all_of("aws_sns_topic")}
    assert (
        topics
        == {f"{lake.prefix}-{topic}" for topic in set(TOPICS.values())}
        == {arn.rpartition(":")[2] for arn in arns}
    )
    groups = _by(plan, "aws_athena_workgroup", "name")
    assert set(groups) == {lake.workgroup, lake.review_workgroup}
    for name, group in groups.items():
        there = aws_of_cloud("athena").get_work_group(WorkGroup=name)["WorkGroup"]["Configuration"]
        [configuration] = group["configuration"]
        assert (
            configuration["enforce_workgroup_configuration"] is there["EnforceWorkGroupConfiguration"] is True
        )
        assert configuration["bytes_scanned_cutoff_per_query"] == there["BytesScannedCutoffPerQuery"]
        assert (
            configuration["result_configuration"][0]["output_location"]
            == there["ResultConfiguration"]["OutputLocation"]
        )
    schedule = plan.resources["aws_scheduler_schedule.nightly"]
    set_up = aws_of_cloud("scheduler").get_schedule(Name=schedule["name"])
    assert json.loads(schedule["target"][0]["input"]) == json.loads(set_up["Target"]["Input"])


def test_jobs_write_their_logs_where_the_portal_reads_them(plan, lake):
    """Glue uses groups that are there, with their key and retention, where its own log encryption is off."""
    groups = {values["name"]: values for values in plan.all_of("aws_cloudwatch_log_group")}
    for name in (f"{lake.job_logs}/output", f"{lake.job_logs}/error"):
        assert groups[name]["retention_in_days"] > 0
    [configuration] = plan.resources["aws_glue_security_configuration.jobs"]["encryption_configuration"]
    assert configuration["cloudwatch_encryption"][0]["cloudwatch_encryption_mode"] == "DISABLED"
    for job in plan.all_of("aws_glue_job"):
        assert job["default_arguments"]["--custom-logGroup-prefix"] == lake.job_logs


def test_a_job_fetches_no_package_when_it_starts(plan):
    for job in plan.all_of("aws_glue_job"):
        assert (
            job["default_arguments"]["--additional-python-modules"]
            == f"s3://{job['default_arguments']['--buckets']}-code/packages/hdp_pipeline-1-py3-none-any.whl"
        )
        assert job["default_arguments"]["--python-modules-installer-option"] == "--no-index"


def test_s3a_is_told_its_region(plan):
    """Without one it asks us-east-2."""
    for job in plan.all_of("aws_glue_job"):
        assert job["default_arguments"]["--conf"] == "spark.hadoop.fs.s3a.endpoint.region=us-east-1"


def test_the_portal_is_told_the_same(plan, cloud):
    [task] = plan.all_of("aws_ecs_task_definition")
    [container] = json.loads(task["container_definitions"])
    told = {each["name"]: each["value"] for each in container["environment"]}
    laptop = variables(cloud.endpoint, cloud.prefix, cloud.state)
    assert (told["HDP_ENVIRONMENT"], laptop["HDP_ENVIRONMENT"]) == ("hdp", "Laptop")  # the badge of each page
    shared = {n: value for n, value in laptop.items() if n in told and n != "HDP_ENVIRONMENT"}
    assert {name: told[name] for name in shared} == shared
    assert {name for name in laptop if name.startswith("HDP_")} - set(told) == {
        "HDP_ROLE",  # on AWS signed in, not chosen
        "HDP_LAKE_FOLDER",  # on AWS S3 has no disk that can be full
        "HDP_BILLED",  # on AWS the default: each run costs money
        "HDP_STARTS_BY_SCHEDULE",  # on AWS the default: EventBridge Scheduler starts runs
        "HDP_ATHENA_POLL_SECONDS",  # on AWS the default, for each request there costs time and quota
    }
