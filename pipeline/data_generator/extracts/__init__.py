"""Write a generated sample as an extract of another system: Synthea, FHIR, OMOP or Clarity.

The native files are the ground truth: they are kept below `_truth`, which an import ignores. Each module says
what its format cannot express; `docs/sample-formats.md` lists the differences.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pipeline.data_generator import BadOptions

NATIVE = "native"
NAMES = (NATIVE, "synthea", "fhir", "omop", "clarity")
TRUTH = "_truth"
MOST_PATIENTS = 100_000

Row = Mapping[str, str]
Table = Sequence[Mapping[str, object]]


@dataclass(frozen=True)
class Sample:
    """The native rows: the newest version of each patient, all encounters and all medication events."""

    patients: list[dict[str, str]]
    encounters: list[dict[str, str]]
    medications: list[dict[str, str]]
    zone: ZoneInfo

    def local(self, time: str) -> str:
        """Return a UTC timestamp as local time without an offset; an empty one stays empty."""
        if not time:
            return ""
        return f"{datetime.fromisoformat(time).astimezone(self.zone):%Y-%m-%d %H:%M:%S}"

    def of_kind(self, kind: str) -> list[dict[str, str]]:
        """Return the medication events of a kind."""
        return [row for row in self.medications if row["event_kind"] == kind]

    def orders_by_dose(self) -> dict[tuple[str, str, str], str]:
        """Return the id of each order by encounter, medication and time of order."""
        return {order_of(row): row["administration_id"] for row in self.of_kind("order")}


def order_of(row: Row) -> tuple[str, str, str]:
    """Return the key by which an administration or dispense finds its order."""
    return row["encounter_id"], row["medication_code"], row["ordered_at"]


def check(format: str, patients: int, defect_rate: float) -> None:
    """Raise `BadOptions` if a sample cannot be written in a format."""
    if format not in NAMES:
        raise BadOptions(f"Unknown format '{format}'. Choose {', '.join(NAMES[:-1])} or {NAMES[-1]}.")
    if format == NATIVE:
        return
    if defect_rate:
        raise BadOptions(
            f"Defects are seeded in native samples only. Choose a defect rate of 0 for {format}."
        )
    if patients > MOST_PATIENTS:
        raise BadOptions(
            f"{format} samples have at most {MOST_PATIENTS:,} patients; {patients:,} were chosen."
        )


def convert(folder: Path, format: str, time_zone: str) -> None:
    """Replace the native CSV files of a folder by an extract in `format`; keep them below `_truth`."""
    if format == NATIVE:
        return
    truth = folder / TRUTH
    truth.mkdir()
    for file in sorted(folder.glob("*.csv")):
        file.rename(truth / file.name)
    _writer(format)(_sample(truth, time_zone), folder)


def _writer(format: str) -> Callable[[Sample, Path], None]:
    from pipeline.data_generator.extracts import clarity, fhir, omop, synthea  # noqa: PLC0415  (a cycle)

    return {"synthea": synthea.write, "fhir": fhir.write, "omop": omop.write, "clarity": clarity.write}[
        format
    ]


def _sample(folder: Path, time_zone: str) -> Sample:
    newest: dict[str, dict[str, str]] = {}
    for row in _rows(folder / "patients.csv"):
        if row["patient_id"] not in newest or newest[row["patient_id"]]["updated_at"] <= row["updated_at"]:
            newest[row["patient_id"]] = row
    encounters, medications = (_rows(folder / f"{name}.csv") for name in ("encounters", "medications"))
    return Sample(list(newest.values()), encounters, medications, ZoneInfo(time_zone))


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_csv(path: Path, rows: Table, delimiter: str = ",") -> None:
    """Write rows, of which there is at least one, with a header; None is empty."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]) if rows else [], delimiter=delimiter, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def write_ndjson(path: Path, resources: Iterable[Mapping[str, Any]]) -> None:
    """Write one resource per line, without empty elements."""
    with path.open("w", encoding="utf-8") as file:
        for each in resources:
            file.write(json.dumps(_without_empty(each), separators=(",", ":")) + "\n")


def _without_empty(value: Any) -> Any:
    if isinstance(value, Mapping):
        kept = {name: _without_empty(each) for name, each in value.items()}
        return {name: each for name, each in kept.items() if each not in (None, "", {}, [])}
    if isinstance(value, list):
        return [found for each in value if (found := _without_empty(each)) not in (None, "", {}, [])]
    return value


def distinct(rows: Iterable[Row], *names: str) -> list[tuple[str, ...]]:
    """Return the distinct values of columns, sorted."""
    return sorted({tuple(row[name] for name in names) for row in rows})
