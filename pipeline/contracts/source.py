"""Read the YAML files that declare contracts and jobs, and add to each rule what follows from its SQL.

`hdp contracts check`, `hdp contracts render` and tests use it; jobs and pages read compiled.json.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from pipeline.contracts.expressions import derived

SUFFIX = ".odcs.yaml"


def documents() -> dict[str, Any]:
    """Return the content of each file by its name in compiled.json."""
    package = Path(str(files("pipeline")))
    found = {
        file.relative_to(package).as_posix().removesuffix(SUFFIX): _contract(file)
        for file in (package / "contracts").rglob(f"*{SUFFIX}")
    }
    measures = {
        f"measures/{file.stem}": _read(file) for file in (package / "contracts" / "measures").glob("*.yaml")
    }
    return {**found, **measures, "jobs": _read(package / "jobs.yaml")["jobs"]}


def _contract(file: Path) -> Any:
    contract = _read(file)
    for table in contract["schema"]:
        columns = [column["name"] for column in table["properties"]]
        for rule in table.get("quality", []):
            rule["implementation"].update(derived(rule["implementation"], columns))
    return contract


def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))
