"""Read and render compiled.json: contracts and jobs in one file, which jobs, portal and Terraform read.

`hdp contracts render` writes the file from YAML files (`pipeline.contracts.source`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def documents() -> dict[str, Any]:
    """Return the documents by name: ``contracts/<zone>/<table>``, ``measures/<page>`` and ``jobs``."""
    return dict(json.loads((files("pipeline") / "compiled.json").read_text(encoding="utf-8")))


def render(sources: Mapping[str, Any]) -> str:
    """Return the text of compiled.json, one line per document."""
    lines = [
        f"{json.dumps(name)}: {json.dumps(source, ensure_ascii=False)}"
        for name, source in sorted(sources.items())
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"
