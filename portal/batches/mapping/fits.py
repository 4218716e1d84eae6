"""How the values of a column fit the kind of a target, and the function that converts them."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pipeline.reference import code_systems
from pipeline.sources.mapped.functions import parse
from pipeline.sources.mapped.model import ColumnMapping
from portal.batches.mapping import local_codes
from portal.batches.mapping.values import Values


@dataclass(frozen=True)
class Fit:
    """How well values fit (0 to 1), the function with its options, and whether there is only one reading."""

    share: float
    function: str = "copy"
    options: dict[str, Any] = field(default_factory=dict)
    is_clear: bool = False
    note: str = ""


NONE = Fit(0.0)
_SOME = "some values do not fit"
_EMPTY = Fit(0.6, note="no value in the first rows")


def fit(kind: str, target: str, values: Values, name: str) -> Fit:
    """Return how the values of the column `name` fit a target."""
    if not values.different:
        return _EMPTY if kind not in {"own key", "key"} else NONE
    return _KINDS[kind](target, values, name)


def _own_key(_target: str, values: Values, _name: str) -> Fit:
    if values.is_date and not values.is_number:
        return NONE
    return Fit(1.0, is_clear=True) if values.is_key else Fit(0.6, note="not different in each row")


def _key(_target: str, values: Values, _name: str) -> Fit:
    return NONE if values.is_date and not values.is_number else Fit(1.0, is_clear=True)


def _date(_target: str, values: Values, _name: str) -> Fit:
    return _when(values, "date")


def _timestamp(_target: str, values: Values, _name: str) -> Fit:
    return _when(values, "timestamp")


def _when(values: Values, function: str) -> Fit:
    if values.is_iso:
        return Fit(1.0, is_clear=True)
    if values.is_mostly_iso:
        return Fit(0.95, note=_SOME)
    if values.dates:
        return _format(values, function)
    if values.is_serial:
        return Fit(0.85, "excel_date", {"system": "1900"}, note="serial dates of Excel")
    return NONE


def _format(values: Values, function: str) -> Fit:
    """Return the format of dates; the American one if the values fit both.

    A date without a time stays a date, because silver reads it as midnight in the hospital's time zone.
    """
    format_ = _preferred(values.dates)
    function = function if " %H" in format_ or " %I" in format_ else "date"
    options: dict[str, Any] = {"format": format_}
    if "%y" in format_:
        options["pivot"] = datetime.now(UTC).year % 100
        return Fit(0.85, function, options, note="the century is a guess: check the years")
    if _is_day_first_possible(values.dates):
        return Fit(0.8, function, options, note="day and month could be the other way round")
    is_whole = values.all(lambda text: parse(text, format_))
    return Fit(0.97, function, options) if is_whole else Fit(0.92, function, options, note=_SOME)


def _preferred(formats: tuple[str, ...]) -> str:
    """Return the first format, with day before month where points separate them, as in Europe."""
    return next((each for each in formats if each.startswith("%d.%m")), formats[0])


def _is_day_first_possible(formats: tuple[str, ...]) -> bool:
    return any(each.startswith("%d") for each in formats) and any(each.startswith("%m") for each in formats)


def _code(target: str, values: Values, name: str) -> Fit:
    if declared := _declared(target, name):
        return Fit(0.95, "code", {"codes": declared}, note="codes as the column's name states")
    if (
        values.all(lambda text: local_codes.is_contract_code(target, text))
        and target != "discharge_disposition"
    ):
        return Fit(1.0, is_clear=True)
    if values.mostly(lambda text: local_codes.is_contract_code(target, text)) and (
        target != "discharge_disposition"
    ):
        return Fit(0.93, note=_SOME)
    codes = local_codes.table(target, values.different)
    if codes is None:
        return NONE
    left = [text for text in values.different if text.casefold() not in codes]
    return Fit(0.9, "code", {"codes": codes}, note=f"{len(left)} values have no code" if left else "")


def _declared(target: str, name: str) -> dict[str, str]:
    """Return the codes that a column's name states: "Sex (1=M,2=F)"."""
    pairs = re.findall(r"(\w+)\s*[=:]\s*(\w+)", name)
    codes: dict[str, str] = dict(pairs)
    table = local_codes.table(target, list(codes.values())) if codes else None
    return {theirs: table[ours.casefold()] for theirs, ours in codes.items()} if table else {}


def _text(_target: str, values: Values, _name: str) -> Fit:
    if values.is_number or values.is_date:
        return Fit(0.45)
    return Fit(1.0, is_clear=True)


def _description(_target: str, values: Values, _name: str) -> Fit:
    if values.are("icd") or values.is_number or values.is_date or values.is_iso:
        return NONE
    return Fit(1.0)


def _name(_target: str, values: Values, _name: str) -> Fit:
    if values.is_number or values.is_date:
        return NONE
    return Fit(1.0, is_clear=True) if values.are("name") else Fit(0.6)


def _full_name(_target: str, values: Values, _name: str) -> Fit:
    if values.are("last, first"):
        return Fit(0.95, "name", {"order": "last, first"})
    return Fit(0.85, "name", {"order": "first last"}) if values.are("words") else NONE


def _street(_target: str, values: Values, _name: str) -> Fit:
    return NONE if values.are("email") or values.are("place") else Fit(0.95 if not values.is_number else 0.3)


def _place(_target: str, values: Values, _name: str) -> Fit:
    return Fit(0.95, "place") if values.are("place") else NONE


def _state(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0, is_clear=True) if values.are_states else NONE


def _zip(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0, is_clear=True) if values.are("zip") else NONE


def _phone(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0, is_clear=True) if values.are("phone") and not values.is_iso else NONE


def _email(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0, is_clear=True) if values.are("email") else NONE


def _number(_target: str, values: Values, _name: str) -> Fit:
    if values.is_number:
        return Fit(1.0, is_clear=True)
    if values.is_mostly_number:
        return Fit(0.95, note=_SOME)
    if not values.is_written_number:
        return NONE
    for decimal in (".", ","):
        results = values.converted("number", {"decimal": decimal})
        if all(result and re.fullmatch(r"-?\d+(\.\d+)?", result) for result in results):
            return Fit(0.92, "number", {"decimal": decimal})
    return NONE


def _unit(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0, is_clear=True) if values.are_units else NONE


def _quantity(_target: str, values: Values, _name: str) -> Fit:
    return Fit(0.95, "quantity") if values.are("quantity") and not values.is_date else NONE


def _npi(_target: str, values: Values, _name: str) -> Fit:
    if values.is_npi:
        return Fit(1.0, is_clear=True)
    return NONE if values.is_date else Fit(0.7, note="not NPIs: kept as the source's identifiers")


def _diagnosis(_target: str, values: Values, _name: str) -> Fit:
    if values.are("icd") or values.is_snomed:
        return Fit(1.0, is_clear=True)
    return NONE


def _medication_code(_target: str, values: Values, name: str) -> Fit:
    if values.are("ndc") and "ndc" in name.lower():
        return Fit(1.0)
    if values.is_number and values.all(lambda text: len(text) <= 8 and "." not in text):
        return Fit(1.0 if values.rxnorm_share >= 0.5 else 0.8)
    return Fit(0.95) if values.are("ndc") else NONE


def _medication_name(_target: str, values: Values, _name: str) -> Fit:
    if values.is_number or values.is_date:
        return NONE
    return Fit(1.0, is_clear=True) if values.drug_share >= 0.5 else Fit(0.85)


def _yes_or_no(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0, is_clear=True) if values.are("yes or no") else NONE


def _code_system(_target: str, values: Values, _name: str) -> Fit:
    return Fit(1.0) if values.all(lambda text: text.casefold() in code_systems()) else NONE


_KINDS: dict[str, Callable[[str, Values, str], Fit]] = {
    "own key": _own_key,
    "key": _key,
    "date": _date,
    "timestamp": _timestamp,
    "code": _code,
    "code system": _code_system,
    "text": _text,
    "description": _description,
    "name": _name,
    "full name": _full_name,
    "street": _street,
    "place": _place,
    "state": _state,
    "zip": _zip,
    "phone": _phone,
    "email": _email,
    "number": _number,
    "unit": _unit,
    "quantity": _quantity,
    "npi": _npi,
    "diagnosis": _diagnosis,
    "medication code": _medication_code,
    "medication name": _medication_name,
    "yes or no": _yes_or_no,
}


def mappings(target: str, column: str, fit: Fit) -> tuple[ColumnMapping, ...]:
    """Return what is computed from a column: one bronze column, or those that its target stands for."""
    parts = {
        "full_name": [("last_name", "last"), ("first_name", "first")],
        "quantity": [("dose", "value"), ("dose_unit", "unit")],
        "place": [(each, each) for each in ("city", "state", "postal_code")],
    }
    if target not in parts:
        return (ColumnMapping(target, fit.function, (column,), fit.options),)
    return tuple(
        ColumnMapping(name, fit.function, (column,), {**fit.options, "part": part})
        for name, part in parts[target]
    )
