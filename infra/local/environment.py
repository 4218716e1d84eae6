"""Environment variables of clients of a laptop cloud, without the user's own AWS settings."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from infra.local import credentials
from infra.local.context import ACCOUNT, REGION
from pipeline.lake.uris import Lake


def variables(endpoint: str, prefix: str, state: Path) -> dict[str, str]:
    """Return the variables that a client needs; account, region and keys are the laptop cloud's."""
    lake = Lake(prefix)
    keys = credentials.credentials_file(state)
    laptop = credentials.read(keys)[credentials.LAPTOP]
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": laptop.access_key,
        "AWS_SECRET_ACCESS_KEY": laptop.secret,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": "/dev/null",
        "AWS_SHARED_CREDENTIALS_FILE": str(keys),
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
        "no_proxy": "127.0.0.1,localhost",
        "HDP_PREFIX": prefix,
        "HDP_BUCKETS": prefix,
        "HDP_ROLE": "engineer",
        "HDP_ENVIRONMENT": "Laptop",
        "HDP_BILLED": "false",
        "HDP_STARTS_BY_SCHEDULE": "false",
        "HDP_LAKE_FOLDER": str(state),
        "HDP_ATHENA_POLL_SECONDS": "0.05",
        "HDP_STATE_MACHINE_ARN": f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{lake.state_machine}",
        "HDP_TOPIC_SUCCEEDED_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:{prefix}-run-succeeded",
        "HDP_TOPIC_FAILED_ARN": f"arn:aws:sns:{REGION}:{ACCOUNT}:{prefix}-run-failed",
    }


def clean(ambient: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return `ambient` without the variables of AWS, boto, moto, Hadoop, Spark, Java and this product.

    None stands for the environment of this process.
    """
    dropped = ("AWS_", "HDP_", "SPARK_", "PYSPARK_", "JAVA_", "HADOOP_", "MOTO_", "BOTO_")
    source = os.environ if ambient is None else ambient
    return {name: value for name, value in source.items() if not name.startswith(dropped)}


def environment(endpoint: str, prefix: str, state: Path) -> dict[str, str]:
    """Return the complete process environment of a client of the laptop cloud at `endpoint`."""
    return {**clean(), **variables(endpoint, prefix, state)}
