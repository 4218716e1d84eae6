"""Set up the laptop cloud as Terraform sets up AWS, from the same compiled.json and ASL template.

Idempotent: on a later start, existing resources are kept or updated.
"""

from __future__ import annotations

import json
from typing import Any

import boto3

from infra import wheel
from infra.local.context import ACCOUNT, REGION
from infra.local.credentials import Key
from pipeline.contracts import model
from pipeline.contracts.glue import database as glue_database
from pipeline.contracts.glue import table_input
from pipeline.jobs import Job, declared
from pipeline.lake.uris import DATABASES, ZONES, Lake, split

FUNCTIONS = (
    "prepare_run",
    "start_glue_job",
    "check_glue_job_status",
    "publish_release",
    "sns_notify_success",
    "sns_notify_failure",
    "watch_schedule",
    "expire_releases",
    "refresh_sign_in_keys",
)
SERVICES = {
    "glue": "glue.amazonaws.com",
    "portal": "ecs-tasks.amazonaws.com",
    "states": "states.amazonaws.com",
    "scheduler": "scheduler.amazonaws.com",
    **{f"lambda-{name.replace('_', '-')}": "lambda.amazonaws.com" for name in FUNCTIONS},
}
"""The service that assumes each role, by the role's name without prefix."""
TOPICS = {
    "sns_notify_success": "run-succeeded",
    "sns_notify_failure": "run-failed",
    "watch_schedule": "run-failed",
}
"""The SNS topic that each function publishes to."""
KEEP_DAYS = 90
TIME_ZONE = "America/New_York"
POLL_SECONDS = 0
RUNTIME = "python3.13"
BYTES_LIMIT = 10 << 30

_LAMBDA_FILES = {"__init__.py", "lateness.py", "run_input.py", "run_input.schema.json"}
_LAMBDA_FOLDERS = ("pipeline/lake/", "pipeline/lambdas/", "pipeline/releases/", "pipeline/reviews/")


class Provisioner:
    def __init__(self, endpoint: str, prefix: str, key: Key, pseudonym_secret: str) -> None:
        self.lake = Lake(prefix)
        self._pseudonym_secret = pseudonym_secret
        self._session = boto3.session.Session(key.access_key, key.secret, region_name=REGION)
        self._endpoint = endpoint

    def _client(self, service: str) -> Any:
        return self._session.client(service, endpoint_url=self._endpoint)  # type: ignore[call-overload]

    def run(self) -> None:
        self.roles()
        self.secret()
        self.buckets()
        self.code()
        self.catalog()
        self.jobs()
        self.functions()
        self.topics()
        self.workgroups()
        self.state_machine()
        self.schedule()

    def roles(self) -> None:
        iam = self._client("iam")
        trusted: dict[str, dict[str, str]] = {name: {"Service": each} for name, each in SERVICES.items()}
        trusted["review"] = {"AWS": self._role("portal")}
        for name, principal in trusted.items():
            trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
            policy = {"Version": "2012-10-17", "Statement": [trust]}
            iam.create_role(
                RoleName=f"{self.lake.prefix}-{name}", AssumeRolePolicyDocument=json.dumps(policy)
            )

    def _role(self, name: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{self.lake.prefix}-{name}"

    def secret(self) -> None:
        self._client("secretsmanager").create_secret(
            Name=self.lake.pseudonym_secret, SecretString=self._pseudonym_secret
        )

    def buckets(self) -> None:
        s3 = self._client("s3")
        existing = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
        for zone in ZONES:
            if (name := self.lake.bucket(zone)) not in existing:
                s3.create_bucket(Bucket=name)

    def code(self) -> None:
        s3 = self._client("s3")
        self._put(s3, self.lake.wheel(), wheel.archive(wheel.package_files()))
        for job in declared():
            script = (wheel.PACKAGE / "glue_jobs" / job.script).read_bytes()
            self._put(s3, self.lake.script(job.script), script)

    def _put(self, s3: Any, uri: str, body: bytes) -> None:
        bucket, key = split(uri)
        try:
            if s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body:
                return
        except s3.exceptions.NoSuchKey:
            pass
        s3.put_object(Bucket=bucket, Key=key, Body=body)

    def catalog(self) -> None:
        glue = self._client("glue")
        for name in DATABASES:
            try:
                glue.create_database(DatabaseInput={"Name": self.lake.database(name)})
            except glue.exceptions.AlreadyExistsException:
                pass
        for contract in model.all_contracts():
            wanted, database = table_input(contract, self.lake), glue_database(contract, self.lake)
            try:
                glue.create_table(DatabaseName=database, TableInput=wanted)
            except glue.exceptions.AlreadyExistsException:
                existing = glue.get_table(DatabaseName=database, Name=contract.table)["Table"]
                if any(existing.get(name) != value for name, value in wanted.items()):
                    glue.update_table(DatabaseName=database, TableInput=wanted)

    def jobs(self) -> None:
        glue = self._client("glue")
        for job in declared():
            glue.create_job(Name=self.lake.job(job.name), **self._job(job))

    def _job(self, job: Job) -> dict[str, Any]:
        return {
            "Role": self._role("glue"),
            "Command": {
                "Name": "glueetl",
                "ScriptLocation": self.lake.script(job.script),
                "PythonVersion": "3",
            },
            "DefaultArguments": {
                "--prefix": self.lake.prefix,
                "--buckets": self.lake.prefix,
                "--custom-logGroup-prefix": self.lake.job_logs,
                "--additional-python-modules": self.lake.wheel(),
                "--python-modules-installer-option": "--no-index",
                "--conf": f"spark.hadoop.fs.s3a.endpoint.region={REGION}",
                "--job-language": "python",
            },
            "GlueVersion": "5.1",
            "WorkerType": job.worker_type,
            "NumberOfWorkers": job.workers,
            "Timeout": job.timeout_minutes,
            "ExecutionProperty": {"MaxConcurrentRuns": 1},
        }

    def functions(self) -> None:
        client = self._client("lambda")
        code = wheel.archive(lambda_files())
        own: dict[str, dict[str, str]] = {
            name: {"HDP_TOPIC_ARN": self.topic_arn(topic)} for name, topic in TOPICS.items()
        }
        own["watch_schedule"] |= {
            "HDP_STATE_MACHINE_ARN": self.state_machine_arn,
            "HDP_FRESH_HOURS": "{}",
            "HDP_TOPIC_REVIEWS_ARN": self.topic_arn("run-succeeded"),
        }
        own["prepare_run"] = {"HDP_TIME_ZONE": TIME_ZONE}
        own["expire_releases"] = {"HDP_KEEP_DAYS": str(KEEP_DAYS)}
        # a laptop has no sign-in
        own["refresh_sign_in_keys"] = {"HDP_SIGN_IN_KEYS": "", "HDP_BALANCER_KEYS": ""}
        for name in FUNCTIONS:
            variables = {
                "HDP_PREFIX": self.lake.prefix,
                "HDP_BUCKETS": self.lake.prefix,
                **own.get(name, {}),
            }
            client.create_function(
                FunctionName=self.lake.function(name),
                Runtime=RUNTIME,
                Role=self._role(f"lambda-{name.replace('_', '-')}"),
                Handler=f"pipeline.lambdas.{name}.handler",
                Code={"ZipFile": code},
                Timeout=120,
                MemorySize=256,
                Environment={"Variables": variables},
            )

    def topics(self) -> None:
        sns = self._client("sns")
        for topic in set(TOPICS.values()):
            sns.create_topic(Name=f"{self.lake.prefix}-{topic}")

    def topic_arn(self, topic: str) -> str:
        return f"arn:aws:sns:{REGION}:{ACCOUNT}:{self.lake.prefix}-{topic}"

    def workgroups(self) -> None:
        outputs = {
            self.lake.workgroup: self.lake.query_results(),
            self.lake.review_workgroup: self.lake.review_results(),
        }
        for name, output in outputs.items():
            self._client("athena").create_work_group(
                Name=name,
                Configuration={
                    "EnforceWorkGroupConfiguration": True,
                    "BytesScannedCutoffPerQuery": BYTES_LIMIT,
                    "ResultConfiguration": {"OutputLocation": output},
                },
            )

    def state_machine(self) -> None:
        self._client("stepfunctions").create_state_machine(
            name=self.lake.state_machine,
            definition=self.definition(),
            roleArn=self._role("states"),
        )

    def definition(self) -> str:
        """Return the state machine template with placeholders replaced, as by Terraform's templatefile."""
        text = (wheel.PACKAGE / "stepfunctions" / "state_machine_def.template.json").read_text()
        for name in ("first_poll_seconds", "poll_seconds"):
            text = text.replace(f"${{{name}}}", str(POLL_SECONDS))
        for name in FUNCTIONS:
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{self.lake.function(name)}"
            text = text.replace(f"${{{name}_arn}}", arn)
        return text

    @property
    def state_machine_arn(self) -> str:
        return f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{self.lake.state_machine}"

    def schedule(self) -> None:
        """Create the nightly schedule, disabled.

        The functions that AWS runs on a schedule have none on a laptop.
        """
        scheduler = self._client("scheduler")
        scheduler.create_schedule(
            Name=self.lake.schedule,
            ScheduleExpression="cron(0 2 * * ? *)",
            FlexibleTimeWindow={"Mode": "OFF"},
            State="DISABLED",
            Target={
                "Arn": self.state_machine_arn,
                "RoleArn": self._role("scheduler"),
                "Input": json.dumps({"batch_ids": []}),
            },
        )


def lambda_files() -> dict[str, bytes]:
    """Return the contents of the files in the Lambdas' zip, by name.

    Apart from them, Lambdas import only boto3 and the standard library.
    """
    shipped = {f"pipeline/{name}" for name in _LAMBDA_FILES}
    return {
        name: content
        for name, content in wheel.package_files().items()
        if name in shipped or name.startswith(_LAMBDA_FOLDERS)
    }
