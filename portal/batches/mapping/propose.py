"""Propose a mapping for each file of an extract, from the names and the values of its columns.

Each column of each file is compared with each bronze column; of all pairs, the best are taken first. The
table of a file is the one whose columns fit best. A proposal is certain only if the file's name for a column
is the contract's own and its values allow one reading; everything else needs a person's confirmation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pipeline.sources.mapped.model import REQUIRED, ColumnMapping, FileMapping
from portal.batches.mapping import derived, fits, joins
from portal.batches.mapping.fits import Fit
from portal.batches.mapping.targets import TARGETS, Target
from portal.batches.mapping.values import Values
from portal.batches.mapping.words import words

CERTAIN = 1.0
"""Confidence of what needs no confirmation."""

_LEAST, _MOST_UNSURE = 0.42, 0.95
_LEAST_TABLE = 1.5
"""Smallest score of a file's best table; files below it belong to no table."""


@dataclass(frozen=True)
class Table:
    """A file as it was received: header, and the values of each column in the first rows."""

    name: str
    header: tuple[str, ...]
    values: dict[str, Values]

    @classmethod
    def of(cls, name: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        width = len(header)
        padded = [[*row, *[""] * width][:width] for row in rows]
        columns = list(zip(*padded, strict=True)) or [()] * width
        return cls(name, tuple(header), {h: Values.of(c) for h, c in zip(header, columns, strict=True) if h})


@dataclass(frozen=True)
class Proposal:
    """What is computed from one column (nothing if `mappings` is empty), with confidence and a note.

    `column` is empty for bronze columns that are the same in all rows.
    """

    column: str
    mappings: tuple[ColumnMapping, ...]
    confidence: float
    note: str = ""
    samples: tuple[str, ...] = ()

    @property
    def needs_confirmation(self) -> bool:
        return self.confidence < CERTAIN


@dataclass(frozen=True)
class FileProposal:
    """The proposal for a file; `table` is empty if it belongs to no table."""

    file: str
    header: tuple[str, ...]
    table: str
    confidence: float
    columns: tuple[Proposal, ...]

    def mapping(self) -> FileMapping:
        """Return the mapping as proposed; two columns can share a target."""
        unique = {each.target: each for proposal in self.columns for each in proposal.mappings}
        return FileMapping(self.table, self.header, tuple(unique.values()))

    @property
    def lacking(self) -> list[str]:
        targets = {each.target for proposal in self.columns for each in proposal.mappings}
        return [name for name in REQUIRED.get(self.table, ()) if name not in targets]


@dataclass(frozen=True)
class Candidate:
    """A pair of a column and a target, with its score."""

    column: str
    target: Target
    score: float
    fit: Fit


def propose(files: Sequence[Table], tables: Sequence[str] = ()) -> list[FileProposal]:
    """Return a proposal for each file; `tables` are those that a person chose, empty where none was."""
    chosen = [*tables, *[""] * len(files)]
    first = [_best(file, {}, table) for file, table in zip(files, chosen, strict=False)]
    keys = joins.keys_of([(file, table, found) for file, (table, found) in zip(files, first, strict=True)])
    return [
        _proposal(file, *_best(file, joins.referring(file, keys), table))
        for file, table in zip(files, chosen, strict=False)
    ]


def _best(file: Table, referring: dict[tuple[str, str], float], wanted: str) -> tuple[str, list[Candidate]]:
    """Return the table of a file and the assignment of its columns."""
    scored = {table: _assigned(file, table, referring) for table in TARGETS if wanted in ("", table)}
    table = max(scored, key=lambda each: _table_score(each, scored[each]))
    enough = wanted or _table_score(table, scored[table]) >= _LEAST_TABLE
    return (table, scored[table]) if enough else ("", [])


def _table_score(table: str, assigned: Sequence[Candidate]) -> float:
    names = {each.target.name for each in assigned}
    needed = [name for name in REQUIRED[table] if name not in ("administration_id",)]
    return sum(each.score for each in assigned) - sum(name not in names for name in needed)


def _assigned(file: Table, table: str, referring: dict[tuple[str, str], float]) -> list[Candidate]:
    """Return the best assignment: each column has at most one target, and each target one column."""
    ranked = sorted(_candidates(file, table, referring), key=lambda each: -each.score)
    columns, targets, found = set[str](), set[str](), list[Candidate]()
    for each in ranked:
        if each.score < _LEAST or each.column in columns or targets & _covered(each.target.name):
            continue
        columns.add(each.column)
        targets |= _covered(each.target.name)
        found.append(each)
    return derived.with_patient_id(found, table)


def _covered(target: str) -> set[str]:
    """Return the bronze columns that a target stands for."""
    covered = {
        "full_name": {"last_name", "first_name"},
        "quantity": {"dose", "dose_unit"},
        "place": {"city", "state", "postal_code"},
    }
    return covered.get(target, {target})


def _candidates(file: Table, table: str, referring: dict[tuple[str, str], float]) -> Iterator[Candidate]:
    for column, values in file.values.items():
        named = words(column)
        for target in TARGETS[table]:
            score = max(target.score(named), derived.by_values(target.name, values, named))
            found = fits.fit(target.kind, target.name, values, column)
            evidence = referring.get((column, target.name), 0.0)
            total = max(score * found.share, evidence if found.share else 0.0)
            if total >= _LEAST / 2:
                yield Candidate(column, target, round(total, 3), found)


def _proposal(file: Table, table: str, assigned: list[Candidate]) -> FileProposal:
    if not table:
        unused = tuple(_unused(file, name, 0.5) for name in file.header if name)
        return FileProposal(file.name, file.header, "", 0.0, unused)
    is_sure = _is_sure_table(file, table, assigned)
    by_column = {each.column: _of(file, each, is_sure) for each in assigned}
    by_column = derived.combined(file, by_column, table)
    columns = [by_column.get(name) or _unused(file, name, 0.7) for name in file.header if name]
    constants = [
        Proposal("", (mapping,), confidence, note)
        for mapping, confidence, note in derived.constants(file, table, assigned)
    ]
    confidence = CERTAIN if is_sure else min(_MOST_UNSURE, _table_score(table, assigned) / 6)
    return FileProposal(file.name, file.header, table, max(confidence, 0.1), (*columns, *constants))


def _of(file: Table, each: Candidate, is_sure_table: bool) -> Proposal:
    is_sure = is_sure_table and _is_certain(each)
    confidence = CERTAIN if is_sure else min(each.score, _MOST_UNSURE)
    mappings = fits.mappings(each.target.name, each.column, each.fit)
    return Proposal(each.column, mappings, confidence, each.fit.note, _samples(file, each.column))


def _is_certain(each: Candidate) -> bool:
    plain = "".join(char for char in each.column.casefold() if char.isalnum())
    return plain in each.target.certain and each.fit.is_clear and each.fit.function == "copy"


def _is_sure_table(file: Table, table: str, assigned: Sequence[Candidate]) -> bool:
    """Return whether all columns that the table needs are certain, and none could be another's."""
    certain = {each.target.name for each in assigned if _is_certain(each)}
    columns = {each.column for each in assigned}
    plain = ["".join(filter(str.isalnum, name.casefold())) for name in file.header]
    return (
        all(name in certain for name in REQUIRED[table])
        and len(set(plain)) == len(plain)
        and len(columns) == len(assigned)
    )


def _unused(file: Table, column: str, confidence: float) -> Proposal:
    """Return the proposal not to use a column; certain only if it has no value in the whole sample."""
    return Proposal(column, (), confidence, "", _samples(file, column))


def _samples(file: Table, column: str) -> tuple[str, ...]:
    return file.values[column].different[:3]


def without_samples(proposal: FileProposal) -> FileProposal:
    """Return a proposal without values, for people who did not supply the file."""
    columns = tuple(replace(each, samples=()) for each in proposal.columns)
    return replace(proposal, columns=columns)
