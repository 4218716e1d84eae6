"""The mapping step of an import: proposals for files with columns of no known format, and their check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from pipeline.contracts.model import load
from pipeline.sources.csv_quoting import CsvFault
from pipeline.sources.mapped.model import ColumnMapping, FileMapping, InvalidMapping, lacking
from pipeline.sources.mapped.model import check as check_mapping
from portal.batches.inspection import Inspected
from portal.batches.mapping import check as checks
from portal.batches.mapping import files, store, use
from portal.batches.mapping.check import Preview
from portal.batches.mapping.files import Unknown
from portal.batches.mapping.fits import fit, mappings
from portal.batches.mapping.propose import FileProposal, propose, without_samples
from portal.batches.mapping.store import StoredMapping
from portal.batches.mapping.targets import TARGETS
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires

Status = Literal["to map", "changed columns", "waiting for approval", "mapped"]


@dataclass(frozen=True)
class Step:
    """A file of no known format in the mapping step of an import.

    `stored` is the mapping that is used or waits for approval, or the one of the former columns; `changes`
    says how the columns differ from it.
    """

    unknown: Unknown
    proposal: FileProposal
    status: Status
    stored: StoredMapping | None = None
    changes: str = ""

    @property
    def file(self) -> SourceFile:
        return self.unknown.file


@requires("import_data")
def steps(
    context: Context,
    given: Sequence[SourceFile],
    *,
    encoding: str = "utf-8",
    tables: Mapping[str, str] | None = None,
) -> list[Step]:
    """Return the files that can be mapped, each with its proposal; `tables` are those that a person chose.

    Sample values are left out for everybody but the person who supplied the file.
    """
    found = [each for file in given if (each := files.unknown(file, encoding))]
    chosen = [(tables or {}).get(each.file.name, "") for each in found]
    proposals = propose([files.table(each) for each in found], chosen)
    return [_step(context, each, proposal) for each, proposal in zip(found, proposals, strict=True)]


def _step(context: Context, unknown: Unknown, proposal: FileProposal) -> Step:
    shown = proposal if unknown.file.is_supplied_by(context.user) else without_samples(proposal)
    header = unknown.layout.header
    if stored := store.for_header(context, header):
        return Step(unknown, shown, "mapped" if stored.approved else "waiting for approval", stored)
    if alike := store.most_alike(context, header):
        return Step(unknown, shown, "changed columns", alike, use.changes(header, alike))
    return Step(unknown, shown, "to map")


@requires("import_data")
def check(context: Context, unknown: Unknown, mapping: FileMapping) -> Preview:
    """Return what would be refused of a file; examples only for the person who supplied it.

    Raise `ServiceError` if the mapping cannot be applied or the file cannot be read.
    """
    try:
        check_mapping(mapping)
        found = checks.preview(unknown, mapping)
    except InvalidMapping as error:
        raise ServiceError(str(error)) from None
    except CsvFault as error:
        raise ServiceError(f"'{unknown.file.name}', {error}") from None
    if unknown.file.is_supplied_by(context.user):
        return found
    return replace(found, refusals=tuple(replace(each, examples=()) for each in found.refusals))


@requires("import_data")
def to_map(
    context: Context,
    given: Sequence[SourceFile | Inspected],
    encoding: str,
    tables: Mapping[str, str] | None = None,
) -> list[Step]:
    """Return the files of an extract that no known format has."""
    from portal.batches.preview import contents  # noqa: PLC0415  (imports this package)

    candidates = [each for each in given if isinstance(each, SourceFile) and contents(context, each).problem]
    return steps(context, candidates, encoding=encoding, tables=tables)


def targets(table: str) -> list[str]:
    """Return the bronze columns of a table, in the order of its contract."""
    return [column.name for column in load("bronze", table).data_columns] if table else []


def as_target(step: Step, column: str, target: str) -> tuple[ColumnMapping, ...]:
    """Return how a column becomes the bronze column that a person chose, as its values allow."""
    kinds = {each.name: each.kind for each in TARGETS[step.proposal.table]}
    values = files.table(step.unknown).values[column]
    return mappings(target, column, fit(kinds.get(target, "text"), target, values, column))


def problem(mapping: FileMapping) -> str:
    """Return why a mapping cannot be confirmed yet, or an empty text."""
    try:
        check_mapping(mapping)
    except InvalidMapping as error:
        return str(error)
    missing = lacking(mapping)
    return f"Choose a column for {', '.join(missing)}." if missing else ""
