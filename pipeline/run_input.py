"""Validate the input of a run against `run_input.schema.json`.

Lambdas include only the standard library, so this module implements the JSON Schema keywords that the schema
uses (type, pattern, items, maxItems, required, default, additionalProperties). A test compares it with the
jsonschema package.
"""

from __future__ import annotations

import json
import re
from functools import cache
from importlib.resources import files
from typing import Any

AUTOMATIC = ("the schedule", "the arrival of a batch")
"""Values of `started_by` of automatic runs, which wait for the write lock instead of failing."""

MAX_BYTES = 240_000
"""Maximum size of the input: Step Functions allows 262,144 bytes, including what it adds for the Lambda."""

_TYPES = {"string": str, "array": list, "boolean": bool}


class BadRunInput(ValueError):
    """The input of a run is invalid; the message names the field, its value and the allowed values."""


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the input of a run."""
    return dict(json.loads((files("pipeline") / "run_input.schema.json").read_text()))


def check(document: object) -> dict[str, Any]:
    """Return the input of a run with defaults filled in; raise `BadRunInput` if it is invalid."""
    if not isinstance(document, dict):
        raise BadRunInput(f"A run's input must be a JSON object, not {type(document).__name__}.")
    properties: dict[str, Any] = schema()["properties"]
    unknown = sorted(set(document) - set(properties))
    if unknown:
        raise BadRunInput(
            f"Unknown {', '.join(unknown)} in the run's input; allowed: {', '.join(properties)}."
        )
    missing = [name for name in schema()["required"] if name not in document]
    if missing:
        raise BadRunInput(f"The run's input lacks {', '.join(missing)}.")
    defaults = {name: spec["default"] for name, spec in properties.items() if "default" in spec}
    checked = {**defaults, **document}
    for name, value in checked.items():
        _check_value(name, value, properties[name])
    if (size := len(json.dumps(checked))) > MAX_BYTES:
        raise BadRunInput(
            f"The run's input has {size:,} bytes; at most {MAX_BYTES:,} are allowed. "
            "Omit batch_ids to load all new batches."
        )
    return checked


def _check_value(name: str, value: object, spec: dict[str, Any]) -> None:
    if not isinstance(value, _TYPES[spec["type"]]):
        raise BadRunInput(f"{name} is {value!r}: expected type {spec['type']}.")
    if isinstance(value, str) and not re.fullmatch(spec.get("pattern", ".*"), value):
        raise BadRunInput(f"{name} is '{value}': expected a match of the pattern {spec['pattern']}.")
    if isinstance(value, list):
        if len(value) > spec["maxItems"]:
            raise BadRunInput(f"{name} has {len(value)} entries: at most {spec['maxItems']} are allowed.")
        for item in value:
            _check_value(name, item, spec["items"])
