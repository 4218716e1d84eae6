"""Use mappings in an import: files of no known format are loaded by the approved mapping of their columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pipeline.sources import MAPPED, TABLES, Match
from pipeline.sources.csv_quoting import CsvFault
from portal.batches.inspection import Inspected
from portal.batches.mapping import files, store
from portal.batches.mapping.files import NATIVE, Unknown
from portal.batches.mapping.propose import propose
from portal.batches.mapping.store import StoredMapping
from portal.core.context import Context
from portal.core.rights import requires


@dataclass(frozen=True)
class MappedFile(Inspected):
    """A file that is loaded by a mapping; `mapping` is what the manifest records of it."""

    mapping: dict[str, Any] | None = None

    @property
    def version(self) -> str:
        return f"{(self.mapping or {})['mapping_id']} version {(self.mapping or {})['version']}"

    def summary(self) -> dict[str, object]:
        return {**super().summary(), "mapping": self.version}


def version_of(given: Inspected) -> str:
    """Return the mapping of a file for the hash of an extract: by another mapping, it is another batch."""
    return f" {given.version}" if isinstance(given, MappedFile) else ""


def entry_of(given: Inspected) -> dict[str, Any]:
    """Return what the manifest adds to the entry of a file that is loaded by a mapping."""
    return {"mapping": given.mapping} if isinstance(given, MappedFile) else {}


@requires("import_data")
def with_mappings(
    context: Context, inspected: Sequence[Inspected], encoding: str, format: str = "auto"
) -> list[Inspected]:
    """Return the files of an extract, with those of no known format loaded by their approved mapping.

    If a person chose a `format`, no file is mapped. In an extract with mapped files, the others must have the
    bronze columns themselves.
    """
    if format != "auto":
        return list(inspected)
    found = [
        _mapped(context, each, encoding) if each.use == "not understood" and each.file.size else each
        for each in inspected
    ]
    is_mapped = any(isinstance(each, MappedFile) for each in found)
    return [_native(each) if is_mapped and _is_native(each) else each for each in found]


def _mapped(context: Context, given: Inspected, encoding: str) -> Inspected:
    unknown = files.unknown(given.file, encoding)
    if unknown is None:
        return given
    stored = store.for_header(context, unknown.layout.header)
    if stored is None:
        return _changed(context, given, unknown)
    if stored.state != "approved":
        reason = (
            f"'{given.file.name}' has the mapping {stored.label}, which waits for the approval of a second "
            f"person. Ask another engineer to approve it on the page Data or with 'hdp mappings approve'."
        )
        return replace(given, reason=reason, stops=True)
    return _loaded(given, unknown, stored, encoding)


def _loaded(given: Inspected, unknown: Unknown, stored: StoredMapping, encoding: str) -> Inspected:
    try:
        found = files.loaded(unknown, stored.mapping, encoding)
    except CsvFault as error:
        return replace(given, reason=f"'{given.file.name}', {error}", stops=True)
    return MappedFile(**vars(found), mapping=stored.entry())


def _changed(context: Context, given: Inspected, unknown: Unknown) -> Inspected:
    """Return a file that has no mapping; if a mapping has most of its columns, say which ones changed."""
    alike = store.most_alike(context, unknown.layout.header)
    if alike is None:
        return _without_mapping(given, unknown)
    return replace(given, reason=f"'{given.file.name}' {changes(unknown.layout.header, alike)}", stops=True)


def _without_mapping(given: Inspected, unknown: Unknown) -> Inspected:
    """Return a file without a mapping; it stops the import if it has the columns that a table needs."""
    proposal = propose([files.table(unknown)])[0]
    if not proposal.table or proposal.lacking:
        return given
    reason = (
        f"'{given.file.name}' has columns of no known format, and seems to contain {proposal.table}. Map its "
        "columns on the page Data or with 'hdp batches map', or leave the file out."
    )
    return replace(given, reason=reason, stops=True)


def changes(header: Sequence[str], known: StoredMapping) -> str:
    """Return how the columns of a file differ from those of a mapping, as the rest of a sentence."""
    names, before = set(header) - {""}, set(known.mapping.header) - {""}
    new, gone = sorted(names - before), sorted(before - names)
    parts = [f"new {', '.join(new)}"] if new else []
    parts += [f"missing {', '.join(gone)}"] if gone else []
    return (
        f"has other columns than the mapping {known.label} of '{known.file}': {'; '.join(parts)}. "
        "Map it again on the page Data or with 'hdp batches map'."
    )


def _is_native(given: Inspected) -> bool:
    return given.use == "loaded" and given.match is not None and given.match.format == "native"


def _native(given: Inspected) -> Inspected:
    """Return a file with the bronze columns as a mapped file, so that the batch has one source."""
    if given.match is None or given.layout is None or given.match.table not in TABLES:
        return given
    mapping = files.native_mapping(given.match.table, given.layout)
    match = Match(MAPPED, given.match.table, given.match.ignored_columns)
    entry = {"mapping_id": NATIVE, "version": 1, **mapping.document()}
    return MappedFile(**{**vars(given), "match": match}, mapping=entry)
