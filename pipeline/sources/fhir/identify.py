"""Recognize NDJSON files of FHIR resources by their first lines."""

from __future__ import annotations

import re
from collections import Counter

from pipeline.sources import Match, UnknownFormat, match_resource
from pipeline.sources.csv_layout import Layout
from pipeline.sources.csv_lines import is_blank
from pipeline.sources.fhir.lines import parsed
from pipeline.sources.fhir.resources import COLUMNS
from pipeline.sources.identified import Identified, NotUnderstood

_RESOURCE_TYPE = re.compile(r'"resourceType"\s*:\s*"([A-Z][A-Za-z]{1,40})"')
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z]{1,40}")

LOG_FIELDS = {"exportId", "timestamp", "eventId"}
"""Fields of an export's log: https://github.com/smart-on-fhir/bulk-data-client/wiki/Bulk-Data-Export-Log-Items"""


def is_json(text: str) -> bool:
    return text.lstrip()[:1] == "{"


def identify(text: str, name: str, wanted: str, *, is_whole: bool) -> Identified:
    """Return type and layout of the file `name` that begins with `text`, a JSON object.

    Raise `NotUnderstood` if it does not contain FHIR resources, one per line.
    """
    lines = [line for line in text.splitlines() if not is_blank(line)]
    complete = lines if is_whole or len(lines) == 1 else lines[:-1]
    objects = [found for line in complete if (found := parsed(line)) is not None]
    types = Counter(_type(found) for found in objects)
    resource_type = types.most_common(1)[0][0] if types else _type_of_long_line(lines[0])
    if resource_type is None and objects and set(objects[0]) >= LOG_FIELDS:
        return Identified(Match("fhir", "export log", is_needed=False), Layout((), 0, resource="log"), 0, 0)
    if resource_type is None:
        raise _cause(name, objects, text)
    if types and types[resource_type] * 2 < types.total():
        listed = ", ".join(sorted(str(each) for each in types if each))
        raise NotUnderstood(f"'{name}' mixes resources of the types {listed}. Export one file per type.")
    return _identified(resource_type, name, wanted)


def _type(resource: dict[str, object]) -> str | None:
    found = resource.get("resourceType")
    return found if isinstance(found, str) and _TYPE_NAME.fullmatch(found) else None


def _type_of_long_line(line: str) -> str | None:
    """Return the first resource type in a line that is longer than the part of the file that was read."""
    found = _RESOURCE_TYPE.search(line)
    return found[1] if found else None


def _identified(resource_type: str, name: str, wanted: str) -> Identified:
    try:
        match = match_resource(resource_type, name, wanted)
    except UnknownFormat as error:
        raise NotUnderstood(str(error)) from None
    columns = COLUMNS[match.table] if match.is_needed else ()
    return Identified(match, Layout(columns, 0, resource=resource_type), 0, 0)


def _cause(name: str, objects: list[dict[str, object]], text: str) -> NotUnderstood:
    if not objects and (found := _RESOURCE_TYPE.search(text)):
        return NotUnderstood(
            f"'{name}' is a JSON document of the type {found[1]} over several lines. "
            "Export NDJSON: one resource per line, one file per type."
        )
    if not objects:
        return NotUnderstood(f"'{name}' is not CSV: it looks like JSON. Export it as CSV, or as FHIR NDJSON.")
    return NotUnderstood(
        f"'{name}' contains JSON objects that are not FHIR resources (no resourceType). Export it as CSV.",
        may_be_needed=False,
    )
