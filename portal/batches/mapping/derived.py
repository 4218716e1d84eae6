"""Parts of a proposal that no single name gives: joined columns, constants, columns known by values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from pipeline.reference import units
from pipeline.sources.mapped.functions import ISO_DATE
from pipeline.sources.mapped.model import ColumnMapping
from portal.batches.mapping.targets import TARGETS
from portal.batches.mapping.values import Values
from portal.batches.mapping.words import words

if TYPE_CHECKING:
    from portal.batches.mapping.propose import Candidate, Proposal, Table

Constant = tuple[ColumnMapping, float, str]


def by_values(target: str, values: Values, named: Sequence[str]) -> float:
    """Return a score for columns that their values alone identify, whatever their name is."""
    is_named = set(named) & {"code", "key"}
    found = {
        "email": 0.75 if values.are("email") else 0.0,
        "provider_npi": 0.7 if values.is_npi else 0.0,
        "diagnosis_code": 0.7
        if values.is_icd10cm and values.are("icd") and "." in "".join(values.texts)
        else 0.0,
        "medication_code": 0.6 if values.rxnorm_share >= 0.8 and is_named else 0.0,
        "medication_name": 0.65 if values.drug_share >= 0.8 else 0.0,
    }
    return found.get(target, 0.0)


def with_patient_id(assigned: list[Candidate], table: str) -> list[Candidate]:
    """Use the medical record number as the patient's id if the file has no other id."""
    names = {each.target.name for each in assigned}
    if table != "patients" or "patient_id" in names:
        return assigned
    target = next(each for each in TARGETS[table] if each.name == "patient_id")
    return [
        replace(each, target=target, score=min(each.score, 0.85)) if each.target.name == "mrn" else each
        for each in assigned
    ]


def combined(file: Table, found: Mapping[str, Proposal], table: str) -> dict[str, Proposal]:
    """Return the proposals, with dates and times of day joined, and with first and last name joined."""
    joined = dict(found)
    for column, proposal in found.items():
        clock = next((each for each in _clocks(file, joined) if _is_pair(column, each)), None)
        mapping = proposal.mappings[0]
        if clock and mapping.function in {"copy", "date", "timestamp"} and mapping.target.endswith("_at"):
            joined.update(_with_clock(file, proposal, clock))
    return _with_provider(joined) if table == "encounters" else joined


def _clocks(file: Table, joined: Mapping[str, Proposal]) -> list[str]:
    return [name for name, values in file.values.items() if values.times and name not in joined]


def _is_pair(date: str, time: str) -> bool:
    """Return whether two names differ only in the words date and time."""
    plain = {"date", "time", "datetime", "at"}
    return set(words(date)) - plain == set(words(time)) - plain and "time" in words(time)


def _with_clock(file: Table, proposal: Proposal, clock: str) -> dict[str, Proposal]:
    mapping = proposal.mappings[0]
    date = mapping.options.get("format", ISO_DATE)
    options = {**mapping.options, "format": f"{date} {file.values[clock].times[0]}"}
    joined = ColumnMapping(mapping.target, "timestamp", (*mapping.columns, clock), options)
    confidence = min(proposal.confidence, 0.9)
    first = replace(proposal, mappings=(joined,), confidence=confidence, note="date and time of day joined")
    return {
        proposal.column: first,
        clock: replace(first, column=clock, samples=file.values[clock].different[:3]),
    }


def _with_provider(found: dict[str, Proposal]) -> dict[str, Proposal]:
    """Join last and first name of the provider to one name."""
    parts = {
        each.mappings[0].target: each
        for each in found.values()
        if each.mappings[0].target.startswith("provider_")
    }
    last, first = parts.get("provider_last"), parts.get("provider_first")
    kept = {name: each for name, each in found.items() if each not in (last, first)}
    if not (last and first) or "provider_name" in parts:
        return kept
    name = ColumnMapping("provider_name", "join", (last.column, first.column), {"separator": ", "})
    both = {each.column: replace(each, mappings=(name,), confidence=0.85) for each in (last, first)}
    return {**kept, **both}


def constants(file: Table, table: str, assigned: Sequence[Candidate]) -> Iterator[Constant]:
    """Yield bronze columns that are the same in all rows, as the other columns show."""
    columns = {each.target.name: each.column for each in assigned}
    if table == "encounters":
        yield from _diagnosis_system(file, columns)
    if table == "medications":
        yield from _medication_system(file, columns)
        yield from _unit_in_header(columns)
        yield from _event_kind(columns)
        yield from _made_key(columns)


def _where(target: str, column: str, value: str) -> ColumnMapping:
    return ColumnMapping(target, "constant_where", (column,), {"value": value})


def _diagnosis_system(file: Table, columns: Mapping[str, str]) -> Iterator[Constant]:
    column = columns.get("diagnosis_code")
    if not column or "diagnosis_code_system" in columns:
        return
    values = file.values[column]
    if values.is_snomed:
        yield (
            _where("diagnosis_code_system", column, "SNOMED-CT"),
            0.9,
            "the codes have SNOMED CT check digits",
        )
    elif _is_american(file) and values.is_icd10cm:
        yield _where("diagnosis_code_system", column, "ICD-10-CM"), 0.9, "ICD-10-CM lists the codes"
    else:
        yield _where("diagnosis_code_system", column, "ICD-10"), 0.75, "the codes have the form of ICD-10"


def _is_american(file: Table) -> bool:
    """Return whether nothing speaks for a hospital in Germany: its codes look the same."""
    german = {"fall", "aufnahme", "aufnahmedatum", "diagnose", "hauptdiagnose", "abteilung"}
    return not german & {word for name in file.header for word in re.findall(r"[a-z]+", name.lower())}


def _medication_system(file: Table, columns: Mapping[str, str]) -> Iterator[Constant]:
    column = columns.get("medication_code")
    if not column or "medication_code_system" in columns:
        return
    is_ndc = "ndc" in words(column) or file.values[column].are("ndc")
    system, note = ("NDC", "eleven digits") if is_ndc else ("RxNorm", "numbers of RxNorm")
    yield _where("medication_code_system", column, system), 0.9 if is_ndc else 0.85, note


def _unit_in_header(columns: Mapping[str, str]) -> Iterator[Constant]:
    column = columns.get("dose")
    if not column or "dose_unit" in columns:
        return
    known = units()
    tokens = [token for token in re.findall(r"[^\W_]+", column.casefold()) if token in known]
    if tokens:
        yield _where("dose_unit", column, known[tokens[-1]]), 0.9, "the unit in the column's name"


def _event_kind(columns: Mapping[str, str]) -> Iterator[Constant]:
    """Yield the kind of the events, as the names of their times and ids say."""
    names = {
        word for target in ("administered_at", "administration_id") for word in words(columns.get(target, ""))
    }
    if "dispensed" in names:
        kind = "dispense"
    else:
        kind = "administration" if "administered_at" in columns else "order"
    yield (
        ColumnMapping("event_kind", "constant", (), {"value": kind}),
        0.85,
        "from the times that the file has",
    )


def _made_key(columns: Mapping[str, str]) -> Iterator[Constant]:
    """Yield a key of encounter, medication and time for a file without one."""
    if "administration_id" in columns:
        return
    times = ("administered_at", "ordered_at", "due_at")
    parts = [
        columns[name] for name in ("encounter_id", "patient_id", "medication_code", *times) if name in columns
    ]
    if len(parts) > 2:
        mapping = ColumnMapping("administration_id", "join", tuple(parts), {"separator": "|"})
        yield mapping, 0.6, "the file has no key: encounter, medication and time together"
