"""Saved views and annotations of dashboards, which all users share.

Both are kept in the lake in one document each, changed by conditional writes, so that no change is lost. A
saved view holds the parameters of a page's URL: whoever opens it sees what their own rights allow.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pipeline.lake.store import now, read_json, write_json
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

Kind = Literal["views", "annotations"]
Document = dict[str, dict[str, Any]]

LONGEST = 80
"""Maximum number of characters of a name or an annotation."""

MOST = 200
"""Maximum number of saved views, and of annotations."""

_TRIES = 5


@dataclass(frozen=True)
class SavedView:
    """A dashboard page with its filters, section and comparison, by name."""

    view_id: str
    name: str
    page: str
    parameters: Mapping[str, list[str]]
    owner: str
    created_at: str


@dataclass(frozen=True)
class Annotation:
    """What happened in a month, such as "New ward opened", shown on all charts by month."""

    annotation_id: str
    month: str
    text: str
    author: str
    created_at: str


@requires("see_charts")
def views(context: Context, page: str) -> list[SavedView]:
    """Return the saved views of a page by name."""
    found = [_view(key, value) for key, value in _read(context, "views")[0].items()]
    return sorted((each for each in found if each.page == page), key=lambda each: each.name.lower())


@requires("see_charts")
def view(context: Context, view_id: str) -> SavedView:
    """Return a saved view; raise `ServiceError` if there is none."""
    document = _read(context, "views")[0]
    if view_id not in document:
        raise ServiceError("There is no such saved view. Its owner may have removed it.")
    return _view(view_id, document[view_id])


@requires("see_charts")
def save_view(context: Context, name: str, page: str, parameters: Mapping[str, list[str]]) -> SavedView:
    """Save a view; a view of the user's own with the same name and page is replaced."""
    owner = context.settings.user
    made = SavedView(secrets.token_hex(4), _checked(name, "name"), page, dict(parameters), owner, now())

    def change(document: Document) -> Document:
        for key, value in document.items():
            if (value["name"], value["page"]) == (made.name, page):
                if value["owner"] != owner:
                    raise ServiceError(f"{value['owner']} has a view named '{made.name}'. Use another name.")
                return {**document, key: {**_fields(made), "view_id": key}}
        return {**document, made.view_id: _fields(made)}

    document = _change(context, "views", change)
    key = next(k for k, v in document.items() if (v["name"], v["page"]) == (made.name, page))
    return _view(key, document[key])


@requires("see_charts")
def remove_view(context: Context, view_id: str) -> None:
    """Remove a view of the user's own."""
    _change(context, "views", lambda document: _without(document, view_id, "owner", context.settings.user))


@requires("see_charts")
def all_annotations(context: Context) -> list[Annotation]:
    """Return all annotations by month."""
    found = [_annotation(key, value) for key, value in _read(context, "annotations")[0].items()]
    return sorted(found, key=lambda each: (each.month, each.created_at))


@requires("query")
def annotate(context: Context, month: str, text: str) -> Annotation:
    """Add an annotation to a month (`yyyy-MM`)."""
    if not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", month):
        raise ServiceError(f"'{month}' is not a month. Use the form 2025-03.")
    made = Annotation(secrets.token_hex(4), month, _checked(text, "text"), context.settings.user, now())
    _change(context, "annotations", lambda document: {**document, made.annotation_id: asdict(made)})
    return made


@requires("query")
def remove_annotation(context: Context, annotation_id: str) -> None:
    """Remove an annotation of the user's own."""
    user = context.settings.user
    _change(context, "annotations", lambda document: _without(document, annotation_id, "author", user))


# the documents


def _view(key: str, value: Mapping[str, Any]) -> SavedView:
    return SavedView(**{**value, "view_id": key})


def _annotation(key: str, value: Mapping[str, Any]) -> Annotation:
    return Annotation(**{**value, "annotation_id": key})


def _fields(made: SavedView) -> dict[str, Any]:
    return {**asdict(made), "parameters": dict(made.parameters)}


def _checked(text: str, what: str) -> str:
    """Return the text on one line; raise `ServiceError` if it is empty or too long."""
    line = " ".join(text.split())
    if not line or len(line) > LONGEST:
        raise ServiceError(f"The {what} has {len(line)} characters. Enter 1 to {LONGEST}.")
    return line


def _without(document: Document, key: str, field: str, user: str) -> Document:
    if key in document and document[key][field] != user:
        raise ServiceError(f"Only {document[key][field]} can remove this.")
    return {each: value for each, value in document.items() if each != key}


def _read(context: Context, kind: Kind) -> tuple[Document, dict[str, str]]:
    """Return the document, and the condition of a write that replaces exactly this version of it."""
    stored = read_json(context.client("s3"), context.lake.shared_notes(kind))
    return (stored[0], {"IfMatch": stored[1]}) if stored else ({}, {"IfNoneMatch": "*"})


def _change(context: Context, kind: Kind, change: Callable[[Document], Document]) -> Document:
    """Apply a change to the document and return it; raise `ServiceError` if others keep changing it."""
    for _ in range(_TRIES):
        present, condition = _read(context, kind)
        changed = change(present)
        if len(changed) > MOST:
            raise ServiceError(f"There are {MOST} {kind} already. Remove one first.")
        if write_json(context.client("s3"), context.lake.shared_notes(kind), changed, **condition):
            return changed
    raise ServiceError(f"Others are changing the {kind} at the same time. Try again.")
