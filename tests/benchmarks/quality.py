"""CPU time of the quality rules in a run, and of twice as many rules."""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.glue_jobs.bronze_to_silver import load
from tests.benchmarks import lake
from tests.benchmarks.figures import Figure, Size

_AUDIT = "quality_audit"

_NAMED_BY_JOBS = {"is_repeat", "is_conflicting", load.NULL_MARKED}

Rules = list[dict[str, Any]]


def cost(size: Size) -> Iterator[Figure]:
    with lake.large(size) as sample:
        package = sample.cloud.state / "s3" / "hdp-code" / "packages" / "hdp_pipeline-1-py3-none-any.whl"
        original = package.read_bytes()
        times = {}
        for name, change in (
            ("warm-up", _as_they_are),
            ("none", _none),
            ("once", _as_they_are),
            ("twice", _twice),
        ):
            _deploy(package, original, change)
            times[name] = sample.run()
    total = sum(times["once"].values())
    audit = times["once"][_AUDIT]
    rules = total - audit - (sum(times["none"].values()) - times["none"][_AUDIT])
    twice = sum(times["twice"].values())
    whole = "CPU of all jobs"
    yield Figure("CPU of the rules and the audit", rules + audit, "s", whole, total)
    yield Figure("CPU of a run with every rule twice", twice, "s", whole, total)


def _deploy(package: Path, original: bytes, change: Callable[[Rules], Rules]) -> None:
    """The deployed package with its contracts' rules changed."""
    package.write_bytes(original)
    with zipfile.ZipFile(package) as before:
        files = {name: before.read(name) for name in before.namelist()}
    documents = json.loads(files["pipeline/compiled.json"])
    for name, document in documents.items():
        if name.startswith("contracts/") and "quality" in document["schema"][0]:
            document["schema"][0]["quality"] = change(document["schema"][0]["quality"])
    files["pipeline/compiled.json"] = json.dumps(documents).encode()
    with zipfile.ZipFile(package, "w") as after:
        for name, content in files.items():
            after.writestr(name, content)


def _as_they_are(rules: Rules) -> Rules:
    return rules


def _none(rules: Rules) -> Rules:
    """Return only the rules that jobs need: duplicates, null markers and conflicting versions."""
    return [rule for rule in rules if rule["implementation"].get("fails") in _NAMED_BY_JOBS]


def _twice(rules: Rules) -> Rules:
    """Return each rule and a variant with other numbers, because Spark evaluates equal expressions once."""
    others = [
        {**rule, "name": f"{rule['name']}-again", "implementation": _other(rule["implementation"])}
        for rule in rules
    ]
    return rules + others


_PARTS = re.compile(r"(?P<pattern>rlike '[^']*)'|(?P<text>'[^']*')|(?<![\w.])(?P<number>\d+)(?![\w.])")


def _other(said: Any) -> Any:
    """The same SQL with each whole number one higher, and one alternative more in each pattern."""
    if isinstance(said, dict):
        return {name: part if name == "of" else _other(part) for name, part in said.items()}
    if not isinstance(said, str):
        return said
    return _PARTS.sub(_other_part, said)


def _other_part(found: re.Match[str]) -> str:
    if found["pattern"]:
        return f"{found['pattern']}|~'"
    return found["text"] or str(int(found["number"]) + 1)
