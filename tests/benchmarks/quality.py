"""What the quality rules cost of a run's Spark time, and what twice as many would."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from infra.local.cloud import Cloud
from pipeline.generator import Options
from pipeline.generator.write import generate
from portal.services import batches, runs
from portal.services.aws import Aws
from portal.settings import Settings

ENCOUNTERS = 1_000_000
_PER_PATIENT = 2.7
_AUDIT = "quality_audit"

Rules = list[dict[str, Any]]


def cost() -> Iterator[tuple[str, str]]:
    """HDP_BENCH_ENCOUNTERS sets another size than one million; jobs run one at a time, so that their times add up."""
    wanted = int(os.environ.get("HDP_BENCH_ENCOUNTERS", ENCOUNTERS))
    sample = Options(patients=int(wanted / _PER_PATIENT), start=date(2024, 1, 1), end=date(2025, 12, 31))
    with tempfile.TemporaryDirectory() as folder, Cloud(Path(folder) / "state", workers=1) as cloud:
        os.environ.update(cloud.environment())
        aws = Aws(Settings.from_environment())
        made = generate(sample, Path(folder) / "sample")
        batch = batches.import_folder(aws, made.folder, uploader="bench")
        package = cloud.state / "s3" / "hdp-code" / "packages" / "pipeline.zip"
        original = package.read_bytes()
        times = {}
        for name, change in (
            ("warm-up", _as_they_are),
            ("none", _none),
            ("once", _as_they_are),
            ("twice", _twice),
        ):
            _deploy(package, original, change)
            times[name] = _seconds(aws, batch.batch_id)
    total = sum(times["once"].values())
    audit = times["once"][_AUDIT]
    rules = total - audit - (sum(times["none"].values()) - times["none"][_AUDIT])
    twice = sum(times["twice"].values())
    yield "rows", ", ".join(f"{number:,} {table}" for table, number in made.rows.items())
    yield "Spark time of a run", f"{total:.0f} s"
    yield "of that the rules in bronze to silver", f"{rules:.0f} s"
    yield "of that the audit", f"{audit:.0f} s"
    yield "quality as a share of the run (wanted: at most 35 %)", f"{(rules + audit) / total:.0%}"
    yield "with every rule twice, more (wanted: under 20 %)", f"{twice / total - 1:+.0%}"


def _seconds(aws: Aws, batch_id: str) -> dict[str, float]:
    run = runs.wait(aws, runs.start(aws, [batch_id]).run_id, poll=1)
    if run.status != "SUCCEEDED":
        sys.exit(f"The benchmark's run ended {run.status}: {run.cause}")
    return {job.job: float(job.execution_seconds) for job in run.jobs}


def _deploy(package: Path, original: bytes, change: Callable[[Rules], Rules]) -> None:
    """The deployed package with its contracts' rules changed."""
    package.write_bytes(original)
    with zipfile.ZipFile(package) as before:
        files = {name: before.read(name) for name in before.namelist()}
    with zipfile.ZipFile(package, "w") as after:
        for name, content in files.items():
            if name.endswith(".odcs.yaml"):
                document = yaml.safe_load(content)
                table = document["schema"][0]
                if "quality" in table:
                    table["quality"] = change(table["quality"])
                after.writestr(name, yaml.safe_dump(document, sort_keys=False))
            else:
                after.writestr(name, content)
    time.sleep(0.1)


def _as_they_are(rules: Rules) -> Rules:
    return rules


def _none(rules: Rules) -> Rules:
    """All but the rule of repeats, which the loading itself names."""
    return [rule for rule in rules if rule["implementation"].get("fails") == "is_repeat"]


def _twice(rules: Rules) -> Rules:
    return rules + [{**rule, "name": f"{rule['name']}-again"} for rule in rules]
