"""Versioned mappings in the lake: one JSON object per version, created and approved by conditional writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from pipeline.lake.store import now, read_json, write_json
from pipeline.lake.uris import split
from pipeline.sources.mapped.model import FileMapping, InvalidMapping, check, header_key, lacking
from portal.audit import service as audit
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

State = Literal["approved", "waiting for approval", "withdrawn"]

_ALIKE = 0.6
"""Share of common columns from which a file is taken for a changed one of a known mapping."""


@dataclass(frozen=True)
class Person:
    """Who did something to a mapping, and when."""

    subject: str
    name: str
    at: str


@dataclass(frozen=True)
class StoredMapping:
    """A version of a mapping; `file` is the name of the file that it was made for."""

    mapping_id: str
    version: int
    file: str
    mapping: FileMapping
    created: Person
    needs_second_person: bool = False
    approved: Person | None = None
    withdrawn: Person | None = None

    @property
    def state(self) -> State:
        if self.withdrawn:
            return "withdrawn"
        return "approved" if self.approved else "waiting for approval"

    @property
    def label(self) -> str:
        """The mapping and its version as text: "3f0c… version 2"."""
        return f"{self.mapping_id} version {self.version}"

    def entry(self) -> dict[str, Any]:
        """Return what the manifest of a batch records of the mapping."""
        return {"mapping_id": self.mapping_id, "version": self.version, **self.mapping.document()}

    def document(self) -> dict[str, Any]:
        return {**asdict(self), "mapping": self.mapping.document()}

    @classmethod
    def of(cls, document: dict[str, Any]) -> StoredMapping:
        people = {
            name: Person(**document[name]) if document.get(name) else None
            for name in ("created", "approved", "withdrawn")
        }
        return cls(**{**document, **people, "mapping": FileMapping.of(document["mapping"])})


@requires("import_data")
def save(context: Context, file: str, mapping: FileMapping) -> StoredMapping:
    """Store a confirmed mapping as a new version, and return it; an equal newest version is returned.

    It is approved at once, unless the installation requires a second person. Raise `ServiceError` if the
    mapping cannot be applied, or if another person stored a version at the same time.
    """
    _check(mapping)
    mapping_id = header_key(mapping.header)
    versions = _versions(context, mapping_id)
    if versions and versions[-1].mapping == mapping and not versions[-1].withdrawn:
        return versions[-1]
    me = _person(context)
    needs_second = context.settings.mapping_second_person
    version = versions[-1].version + 1 if versions else 1
    new = StoredMapping(mapping_id, version, file, mapping, me, needs_second, None if needs_second else me)
    with audit.recorded(context, "save_mapping", _target(new)):
        uri = context.lake.mapping(mapping_id, version)
        if not write_json(context.client("s3"), uri, new.document(), IfNoneMatch="*"):
            raise ServiceError(
                f"Another person saved version {version} of the mapping {mapping_id} at the same time. "
                "Compare it with 'hdp mappings show', and save again."
            )
    return new


def _check(mapping: FileMapping) -> None:
    try:
        check(mapping)
    except InvalidMapping as error:
        raise ServiceError(str(error)) from None
    if missing := lacking(mapping):
        raise ServiceError(
            f"The mapping to {mapping.table} has no {', '.join(missing)}, so every row would be refused. "
            "Map a column to it."
        )


@requires("import_data")
def approve(context: Context, mapping_id: str, version: int | None = None) -> StoredMapping:
    """Approve a version of a mapping, the newest by default; raise `ServiceError` if the user may not.

    Where a second person is required, the person who saved the mapping may not approve it.
    """
    present, etag = _read(context, mapping_id, version)
    if present.withdrawn:
        raise ServiceError(f"The mapping {present.label} was withdrawn. Save a new version of it.")
    if present.approved:
        return present
    if present.needs_second_person and present.created.subject == context.user.subject:
        raise ServiceError(
            f"You saved the mapping {present.label}, so a second person must approve it. "
            "Ask another engineer."
        )
    with audit.recorded(context, "approve_mapping", _target(present)):
        return _replaced(context, replace(present, approved=_person(context)), etag)


@requires("import_data")
def withdraw(context: Context, mapping_id: str, version: int | None = None, *, reason: str) -> StoredMapping:
    """Withdraw a version of a mapping, so that no further file is loaded by it; batches keep their copy."""
    if not reason.strip():
        raise ServiceError("A mapping is withdrawn with a reason. State the reason.")
    present, etag = _read(context, mapping_id, version)
    if present.withdrawn:
        return present
    with audit.recorded(context, "withdraw_mapping", _target(present), reason=reason):
        return _replaced(context, replace(present, withdrawn=_person(context)), etag)


def _replaced(context: Context, new: StoredMapping, etag: str) -> StoredMapping:
    uri = context.lake.mapping(new.mapping_id, new.version)
    if not write_json(context.client("s3"), uri, new.document(), IfMatch=etag):
        raise ServiceError(
            f"The mapping {new.label} was changed at the same time. Compare the versions, and repeat."
        )
    return new


@requires("import_data")
def list_all(context: Context) -> list[StoredMapping]:
    """Return all versions of all mappings, those saved last first."""
    return sorted(_all(context), key=lambda each: (each.created.at, each.version), reverse=True)


@requires("import_data")
def get(context: Context, mapping_id: str, version: int | None = None) -> StoredMapping:
    """Return a version of a mapping, the newest by default; raise `ServiceError` if it does not exist."""
    return _read(context, mapping_id, version)[0]


@requires("import_data")
def for_header(context: Context, header: Sequence[str]) -> StoredMapping | None:
    """Return the mapping for files with these columns: the version in use, or one that waits for approval.

    An approved version stays in use while a newer one waits.
    """
    versions = [each for each in _versions(context, header_key(header)) if not each.withdrawn]
    approved = [each for each in versions if each.approved]
    candidates = approved or versions
    return candidates[-1] if candidates else None


@requires("import_data")
def most_alike(context: Context, header: Sequence[str]) -> StoredMapping | None:
    """Return the approved mapping of files with other, but mostly the same columns, or None."""
    names = set(header)
    approved = [each for each in _all(context) if each.state == "approved"]
    alike = [(_likeness(names, each), each.created.at, each) for each in approved]
    best = max(alike, key=lambda each: each[:2], default=None)
    return best[2] if best and _ALIKE <= best[0] < 1.0 else None


def _likeness(names: set[str], stored: StoredMapping) -> float:
    known = set(stored.mapping.header)
    return len(names & known) / len(names | known)


def _person(context: Context) -> Person:
    return Person(context.user.subject, context.user.name, now())


def _target(stored: StoredMapping) -> dict[str, str]:
    return {"mapping": stored.mapping_id, "version": str(stored.version), "table": stored.mapping.table}


def _read(context: Context, mapping_id: str, version: int | None) -> tuple[StoredMapping, str]:
    if version is None:
        versions = _versions(context, mapping_id)
        version = versions[-1].version if versions else 1
    found = None
    if mapping_id.isalnum():
        found = read_json(context.client("s3"), context.lake.mapping(mapping_id, version))
    if found is None:
        raise ServiceError(
            f"There is no version {version} of a mapping '{mapping_id}'. List them with 'hdp mappings list'."
        )
    return StoredMapping.of(found[0]), found[1]


def _versions(context: Context, mapping_id: str) -> list[StoredMapping]:
    return sorted(_all(context, mapping_id), key=lambda each: each.version)


def _all(context: Context, mapping_id: str = "") -> Iterator[StoredMapping]:
    s3 = context.client("s3")
    bucket, prefix = split(context.lake.mappings())
    below = f"{prefix}{mapping_id}/" if mapping_id else prefix
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=below)
    for item in (item for page in pages for item in page.get("Contents", [])):
        if found := read_json(s3, f"s3://{bucket}/{item['Key']}"):
            yield StoredMapping.of(found[0])
