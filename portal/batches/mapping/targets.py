"""The bronze columns of each table: the words that name them elsewhere, and the kind of their values."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Target:
    """A bronze column: kind of its values, scores of the words that name it, words that add nothing.

    A column is certain only if its name is one of `certain`, apart from case and punctuation.
    """

    name: str
    kind: str
    patterns: dict[frozenset[str], float]
    neutral: frozenset[str] = frozenset()
    certain: frozenset[str] = field(default=frozenset())

    def score(self, words: Iterable[str]) -> float:
        """Return how well the words of a column's name fit, from 0 to 1."""
        present = set(words)
        if present & VETO - self.neutral:
            return 0.0
        return max(
            (
                weight - 0.12 * len(present - pattern - self.neutral - _EMPTY_WORDS)
                for pattern, weight in self.patterns.items()
                if pattern <= present
            ),
            default=0.0,
        )


VETO = frozenset({"relative", "clerk", "middle", "los", "ssn"})
"""Words of columns about other people, other events or things that no table has."""

_EMPTY_WORDS = frozenset({"of", "the", "hospital", "legal", "home", "full", "desc", "code", "admin", "baby"})
_WHEN = "date time datetime at"


def _target(name: str, kind: str, patterns: str, neutral: str = "", certain: str = "") -> Target:
    """Return a target; `patterns` are words with their score in percent: "birth date 95, born 80"."""
    found = {}
    for each in patterns.split(", "):
        words, _, percent = each.rpartition(" ")
        found[frozenset(words.split())] = int(percent) / 100
    own = {name, *certain.split()}
    return Target(
        name, kind, found, frozenset(neutral.split()), frozenset(each.replace("_", "") for each in own)
    )


_PATIENT_OF = (
    "patient identifier 95, patient 85, mrn 85, patient mrn 90, chart identifier 80, "
    "unit identifier 60, pid 85"
)

TARGETS: dict[str, tuple[Target, ...]] = {
    "patients": (
        _target(
            "patient_id",
            "own key",
            "patient identifier 95, patient 85, mrn 80, identifier 70, chart identifier 80, pid 90",
        ),
        _target("mrn", "key", "mrn 95", "patient identifier", "medical_record_number"),
        _target("last_name", "name", "last 90, last name 95", "patient", "surname family_name"),
        _target(
            "first_name", "name", "first 90, first name 95, given name 95, given 80", "patient", "given_name"
        ),
        _target("full_name", "full name", "name 80, patient name 90, full name 92", ""),
        _target("birth_date", "date", "birth 90, dob 95", f"patient {_WHEN}", "date_of_birth dob"),
        _target("death_date", "date", "death 92", f"patient {_WHEN}", "date_of_death"),
        _target(
            "sex", "code", "sex 92", "patient given administrative assigned", "gender administrative_gender"
        ),
        _target("race", "text", "race 92", "patient description"),
        _target("ethnicity", "text", "ethnicity 92", "patient description group"),
        _target("marital_status", "text", "marital 90, marital status 95", "patient"),
        _target("language", "text", "language 90", "patient preferred pref spoken"),
        _target("street", "street", "street 90", "patient line 1"),
        _target("city", "name", "city 92", "patient street"),
        _target("place", "place", "city state zip 92, city state 70", "st"),
        _target("state", "state", "state 92", "patient street", ""),
        _target("postal_code", "zip", "zip 92", "patient street", "zip zip_code"),
        _target("phone", "phone", "phone 90", "patient identifier"),
        _target("email", "email", "email 92", "patient street"),
        _target("payer", "text", "payer 88, payer name 90", "principal patient name description"),
        _target("updated_at", "timestamp", "updated 88", f"last {_WHEN} record event patient"),
    ),
    "encounters": (
        _target(
            "encounter_id",
            "own key",
            "encounter identifier 95, encounter 85, identifier 60, admit identifier 70",
        ),
        _target("patient_id", "key", _PATIENT_OF),
        _target("provider_npi", "npi", "provider npi 95, npi 90, provider identifier 75", "", "npi"),
        _target("provider_name", "name", "provider name 95, provider 80", "principal full"),
        _target("provider_last", "name", "provider last 90", "name"),
        _target("provider_first", "name", "provider first 90", "name"),
        _target("provider_specialty", "text", "provider specialty 95, specialty 85", ""),
        _target(
            "department", "text", "department 85, department name 90, unit 60", "name description encounter"
        ),
        _target(
            "encounter_class", "code", "class 80, encounter class 95, patient class 95", "admit description"
        ),
        _target("admitted_at", "timestamp", "admit 90, start 80", f"encounter patient start {_WHEN}"),
        _target("discharged_at", "timestamp", "discharge 90, end 80", f"encounter patient end {_WHEN}"),
        _target("diagnosis_code", "diagnosis", "diagnosis 80, diagnosis code 95", "principal icd identifier"),
        _target("diagnosis_code_system", "code system", "diagnosis system 90, diagnosis class 80", "code"),
        _target(
            "diagnosis_description",
            "description",
            "diagnosis description 95, diagnosis name 95, diagnosis 78, reason encounter 75, reason 60",
            "principal for admit",
        ),
        _target(
            "discharge_disposition",
            "code",
            "disposition 88, discharge disposition 95, discharge department 90",
        ),
        _target("total_cost", "number", "cost 85, total cost 95", "encounter amount usd billed"),
        _target("updated_at", "timestamp", "updated 88", f"last {_WHEN} record event encounter"),
    ),
    "medications": (
        _target(
            "administration_id",
            "own key",
            "given identifier 92, ordered identifier 92, dispensed identifier 92, identifier 72, "
            "event identifier 82, dose identifier 75, admit identifier 60, medication identifier 50",
            "event",
        ),
        _target("encounter_id", "key", "encounter identifier 95, encounter 85, admit identifier 50"),
        _target("patient_id", "key", _PATIENT_OF),
        _target("provider_npi", "npi", "provider npi 95, npi 90, provider identifier 75", "ordered given"),
        _target(
            "medication_code",
            "medication code",
            "rxnorm 95, ndc 92, medication code 92, medication identifier 80, medication 60, code 60",
            "medication",
        ),
        _target("medication_code_system", "code system", "medication system 90, code system 80", ""),
        _target(
            "medication_name",
            "medication name",
            "medication name 95, medication 86, name 62, medication description 95",
            "generic given ordered",
        ),
        _target(
            "dose", "number", "dose 90, value 60", "given value mg mcg g ug ml iu unit ordered medication"
        ),
        _target("dose_unit", "unit", "dose unit 95, unit 90", "given medication ordered"),
        _target("quantity", "quantity", "dose 92, value 60", "given ordered medication unit"),
        _target("route", "code", "route 92", "given description ordered medication dose"),
        _target("ordered_at", "timestamp", "ordered 85", f"{_WHEN} start event medication"),
        _target(
            "administered_at",
            "timestamp",
            "given 90, dispensed 85, at 55, chart time 72, given start 80, dose time 70",
            f"{_WHEN} medication dose",
        ),
        _target("due_at", "timestamp", "due 90", f"{_WHEN} dose medication given"),
        _target("status", "code", "status 88", "given ordered dispensed medication dose"),
        _target("reason_not_given", "text", "reason 85", "not given for"),
        _target("barcode_scanned", "yes or no", "scanned 90", "medication given flag"),
        _target("updated_at", "timestamp", "updated 88", f"last {_WHEN} record event given"),
    ),
}
"""Targets by table. Some are no bronze columns: they stand for two or three of them, or for a part of one."""
