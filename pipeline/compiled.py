"""The contracts and jobs.yaml as one JSON document for AWS Glue, which has no YAML parser.

`hdp contracts render` writes compiled.json. If PyYAML is installed, the YAML files are read instead.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

try:
    import yaml
except ImportError:
    yaml = None  # type: ignore[assignment]

SUFFIX = ".odcs.yaml"


def document(name: str) -> dict[str, Any]:
    """Return the content of a YAML file below `pipeline`."""
    if yaml is None:
        return dict(_compiled()[name])
    return dict(yaml.safe_load((files("pipeline") / name).read_text(encoding="utf-8")))


def render() -> str:
    """Return the text of compiled.json, one line per file."""
    contracts = files("pipeline.contracts")
    zones = (zone for zone in contracts.iterdir() if zone.is_dir())
    found = [
        f"contracts/{zone.name}/{file.name}"
        for zone in zones
        for file in zone.iterdir()
        if file.name.endswith(SUFFIX)
    ]
    lines = [
        f"{json.dumps(name)}: {json.dumps(document(name), ensure_ascii=False)}"
        for name in sorted([*found, "jobs.yaml"])
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


@cache
def _compiled() -> dict[str, Any]:
    return dict(json.loads((files("pipeline") / "compiled.json").read_text(encoding="utf-8")))
