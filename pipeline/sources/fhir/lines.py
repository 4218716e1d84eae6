"""Convert a line of an NDJSON file to a flat row of text."""

from __future__ import annotations

import json
from typing import Any

from pipeline.sources.fhir.elements import Element
from pipeline.sources.fhir.resources import CONVERT, FAULT

NOT_JSON = "The line is not a JSON object."
NOT_UNICODE = "The line contains a character that is not valid Unicode."


def row_of(text: str, resource_type: str) -> dict[str, str | None]:
    """Return the row of a line; its `FAULT` says why it is not loaded and contains no value."""
    resource = parsed(text)
    if resource is None:
        return {FAULT: NOT_JSON}
    if resource.get("resourceType") != resource_type:
        return {FAULT: f"The resource is not of the type {resource_type}, as the file's others are."}
    row = CONVERT[resource_type][1](resource)
    return {FAULT: NOT_UNICODE} if "\\u" in text and not _is_unicode(row) else row


def parsed(text: str) -> Element | None:
    """Return the object in a text, with numbers as text; None if the text is not a JSON object."""
    try:
        found = json.loads(text, parse_float=str, parse_int=str, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _refuse(constant: str) -> Any:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _is_unicode(row: dict[str, str | None]) -> bool:
    try:
        "".join(value for value in row.values() if value).encode()
    except UnicodeEncodeError:
        return False
    return True
