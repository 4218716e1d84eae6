"""A model of gold in plain Python, written from the contracts and not from the jobs: rows of both facts.

Silver rows are dicts by column; timestamps are aware datetimes in UTC.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
KEYS = {"patients": "patient_id", "encounters": "encounter_id", "medications": "administration_id"}
PROVENANCE = {"batch_id", "source_file", "source_line"}
TRACKED = (
    "birth_date", "death_date", "sex", "race", "ethnicity", "marital_status", "language", "state", "payer"
)  # fmt: skip
INPATIENT = {"IMP", "ACUTE"}


def age(day: date | None, birth: date | None) -> int | None:
    """Return completed years, at least 0; 90 means 90 and over."""
    if day is None or birth is None:
        return None
    years = day.year - birth.year - ((day.month, day.day) < (birth.month, birth.day))
    return min(max(years, 0), 90)


def readmissions(stays: Sequence[Row], last_day: date | None) -> dict[str, str]:
    """Return the readmission status of each inpatient stay by encounter.

    An episode consists of all stays that overlap directly or through others. A stay has encounter_id,
    patient_id, first and last date (None while it is open) and died.
    """
    of_patient = defaultdict(list)
    for stay in stays:
        of_patient[stay["patient_id"]].append(stay)
    return {
        stay["encounter_id"]: _state(_episode(stay, theirs), theirs, last_day)
        for theirs in of_patient.values()
        for stay in theirs
    }


def _episode(stay: Row, of_patient: Sequence[Row]) -> list[Row]:
    found = [stay]
    while more := [o for o in of_patient if o not in found and any(_touch(o, each) for each in found)]:
        found += more
    return found


def _touch(one: Row, other: Row) -> bool:
    """Return True if two stays share a calendar day."""
    ends = [each["last"] or date.max for each in (one, other)]
    return max(one["first"], other["first"]) <= min(ends)


def _state(episode: Sequence[Row], of_patient: Sequence[Row], last_day: date | None) -> str:
    if any(stay["died"] for stay in episode):
        return "died"
    if any(stay["last"] is None for stay in episode):
        return "in hospital"
    end = max(stay["last"] for stay in episode)
    if any(1 <= (stay["first"] - end).days <= 30 for stay in of_patient):
        return "readmitted"
    return "window open" if (last_day - end).days <= 30 else "not readmitted"


def statuses(rows: Sequence[Row], key: str) -> list[tuple[Row, str]]:
    """Return each row with its status: newest, superseded or conflicting.

    An identifier of a medication belongs to one event within its kind.
    """
    rows = [{**row, "_key": (row.get("event_kind"), row[key])} for row in rows]
    return [
        ({name: row[name] for name in row if name != "_key"}, status) for row, status in _judged(rows, "_key")
    ]


def _judged(rows: Sequence[Row], key: str) -> list[tuple[Row, str]]:
    contents, newest = defaultdict(set), {}
    for row in rows:
        contents[row[key], row["updated_at"]].add(_content(row))
    for row in rows:
        if len(contents[row[key], row["updated_at"]]) == 1:
            newest[row[key]] = max(newest.get(row[key], row["updated_at"]), row["updated_at"])
    with_status, seen = [], set()
    for row in rows:
        if len(contents[row[key], row["updated_at"]]) > 1:
            with_status.append((row, "conflicting"))
        elif row["updated_at"] == newest[row[key]] and row[key] not in seen:
            seen.add(row[key])
            with_status.append((row, "newest"))
        else:
            with_status.append((row, "superseded"))
    return with_status


def _content(row: Row) -> tuple:
    return tuple(sorted((name, str(value)) for name, value in row.items() if name not in PROVENANCE))


class Model:
    """Both facts of a release, by business key."""

    def __init__(self, silver: Mapping[str, Sequence[Row]], time_zone: str) -> None:
        self.zone = ZoneInfo(time_zone)
        with_status = {table: statuses(silver[table], key) for table, key in KEYS.items()}
        self.patients = self._patients(with_status["patients"])
        versions = defaultdict(list)
        for row, status in with_status["patients"]:
            if status != "conflicting":
                versions[row["patient_id"]].append(row)
        self.histories = {who: _history(versions[who]) for who in self.patients}
        stays = [row for row, status in with_status["encounters"] if status == "newest"]
        self.stays = {row["encounter_id"]: row for row in stays if self._is_possible_stay(row)}
        doses = [row for row, status in with_status["medications"] if status == "newest"]
        possible = [row for row in doses if self._is_possible_dose(row)]
        self.doses = {row["administration_id"]: row for row in possible if not _is_order(row)}
        self.placed = {
            f"{row['event_kind']} {row['administration_id']}": row for row in possible if _is_order(row)
        }
        self.states = readmissions(list(self._inpatient()), self._last_day())

    @staticmethod
    def _patients(with_status: Iterable[tuple[Row, str]]) -> dict[str, Row]:
        candidates = [(row, status) for row, status in with_status if status != "superseded"]
        owners = defaultdict(set)
        for row, _ in candidates:
            owners[row["mrn"]].add(row["patient_id"])
        return {
            row["patient_id"]: row
            for row, status in candidates
            if status == "newest" and (row["mrn"] is None or len(owners[row["mrn"]]) == 1)
        }

    def day(self, timestamp: datetime | None) -> date | None:
        return timestamp and timestamp.astimezone(self.zone).date()

    def _of_patient(self, row: Row, column: str) -> date | None:
        return self.patients.get(row["patient_id"], {}).get(column)

    def _is_possible_stay(self, row: Row) -> bool:
        day, birth, death = (
            self.day(row["admitted_at"]),
            *(self._of_patient(row, f"{e}_date") for e in ("birth", "death")),
        )
        return not (birth and day < birth) and not (death and day > death + timedelta(days=30))  # fmt: skip

    def _is_possible_dose(self, row: Row) -> bool:
        given, death = row["administered_at"], self._of_patient(row, "death_date")
        if given and death and self.day(given) > death + timedelta(days=1):
            return False
        stay = self.stays.get(row["encounter_id"])
        if stay is None:
            return True
        if stay["patient_id"] != row["patient_id"]:
            return False
        grace, left = timedelta(hours=24), stay["discharged_at"]
        outside = given and (given < stay["admitted_at"] - grace or (left and given > left + grace))
        return _is_order(row) or not outside

    def _inpatient(self) -> Iterable[Row]:
        for row in self.stays.values():
            if row["encounter_class"] in INPATIENT:
                last, death = self.day(row["discharged_at"]), self._of_patient(row, "death_date")
                expired = (row["discharge_disposition"] or "").lower() == "expired"
                yield {
                    "encounter_id": row["encounter_id"],
                    "patient_id": row["patient_id"],
                    "first": self.day(row["admitted_at"]),
                    "last": last,
                    "died": expired or bool(death and last and death <= last),
                }

    def _last_day(self) -> date | None:
        return max((self.day(row["admitted_at"]) for row in self.stays.values()), default=None)

    def _version(self, row: Row, timestamp: datetime) -> tuple[str, int] | None:
        """Return the patient and the number of the version valid at `timestamp`."""
        if row["patient_id"] not in self.patients:
            return None
        begun = [n for n, since in enumerate(self.histories[row["patient_id"]], 1) if since <= timestamp]
        return row["patient_id"], max(begun, default=1)

    def encounters(self) -> dict[str, Row]:
        return {key: self._encounter(row) for key, row in self.stays.items()}

    def _encounter(self, row: Row) -> Row:
        start, end = row["admitted_at"], row["discharged_at"]
        first, last = self.day(start), self.day(end)
        state = self.states.get(row["encounter_id"], "not an index stay")
        return {
            "patient": self._version(row, start),
            "provider": row["provider_npi"],
            "diagnosis": row["diagnosis_code"],
            "admitted_date_key": _number(first),
            "discharged_date_key": _number(last),
            "local_date": first,
            "local_hour": start.astimezone(self.zone).hour,
            "discharged_local_date": last,
            "admitted_month": f"{first:%Y-%m}",
            "length_of_stay_hours": end and (end - start).total_seconds() / 3600,
            "length_of_stay_days": end and (last - first).days,
            "total_cost": row["total_cost"],
            "encounter_class": row["encounter_class"],
            "age_at_admission": age(first, self._of_patient(row, "birth_date")),
            "readmission_status": state,
            "is_readmitted_30d": {"readmitted": True, "not readmitted": False}.get(state),
        }

    def medications(self) -> dict[str, Row]:
        return {key: self._medication(row) for key, row in self.doses.items()}

    def _medication(self, row: Row) -> Row:
        given, ordered = row["administered_at"], row["ordered_at"]
        timestamp = given or ordered or row["updated_at"]
        return {
            "patient": self._version(row, timestamp),
            "provider": row["provider_npi"],
            "medication": row["medication_code"],
            "encounter": row["encounter_id"] if row["encounter_id"] in self.stays else None,
            "ordered_date_key": _number(self.day(ordered)),
            "administered_date_key": _number(self.day(given)),
            "local_date": self.day(given),
            "local_hour": given and given.astimezone(self.zone).hour,
            "administered_month": f"{self.day(timestamp):%Y-%m}",
            "minutes_from_order": _minutes(ordered, given),
            "minutes_from_due": _minutes(row.get("due_at"), given),
            "dose": row["dose"],
        }

    def orders(self) -> dict[str, Row]:
        """Return the orders and dispenses by kind and identifier."""
        return {key: self._order(row) for key, row in self.placed.items()}

    def _order(self, row: Row) -> Row:
        ordered, dispensed = row["ordered_at"], row["administered_at"]
        recorded = dispensed or ordered
        timestamp = recorded or row["updated_at"]
        return {
            "patient": self._version(row, timestamp),
            "provider": row["provider_npi"],
            "medication": row["medication_code"],
            "encounter": row["encounter_id"] if row["encounter_id"] in self.stays else None,
            "event_kind": row["event_kind"],
            "status": row["status"],
            "ordered_date_key": _number(self.day(ordered)),
            "dispensed_date_key": _number(self.day(dispensed)),
            "local_date": self.day(recorded),
            "local_hour": recorded and recorded.astimezone(self.zone).hour,
            "ordered_month": f"{self.day(timestamp):%Y-%m}",
            "dose": row["dose"],
        }


def _is_order(row: Row) -> bool:
    return row.get("event_kind") in {"order", "dispense"}


def _minutes(start: datetime | None, end: datetime | None) -> float | None:
    return (end - start).total_seconds() / 60 if start and end else None


def _history(versions: Sequence[Row]) -> list[datetime]:
    """Return the times at which a tracked column changed, starting with the first version."""
    since, before = [], None
    for row in sorted(versions, key=lambda row: row["updated_at"]):
        # only three digits of the ZIP code are tracked
        content = (*(row.get(name) for name in TRACKED), (row["postal_code"] or "")[:3])
        if content != before:
            since.append(row["updated_at"])
        before = content
    return since


def _number(day: date | None) -> int:
    return int(f"{day:%Y%m%d}") if day else -1


def differences(expected: Mapping[str, Row], got: Mapping[str, Row]) -> list[tuple[str, str, Any, Any]]:
    """Return key, column, expected and actual value of each difference; column '' for a missing fact."""
    missing = [(key, "", key in expected, key in got) for key in expected.keys() ^ got.keys()]
    return missing + [
        (key, name, value, got[key][name])
        for key in expected.keys() & got.keys()
        for name, value in expected[key].items()
        if not _same(value, got[key][name])
    ]


def _same(one: Any, other: Any) -> bool:
    is_close = isinstance(one, float) and other is not None and abs(one - other) < 1e-9
    return is_close or bool(one == other)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
