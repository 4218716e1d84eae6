"""Failing rows for review: checked columns first, then the expected value; identifiers masked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pipeline.contracts.model import Contract, Rule
from pipeline.reference import Medication, formulary

if TYPE_CHECKING:
    import pandas as pd  # takes a second to import, so functions that need it import it

HIDDEN = "•••"
EXPECTED = "expected"
SOURCE = ("source_line", "source_file")
"""Columns with the line and file in which a row was received."""
_IDENTIFYING = re.compile(r"\d(?:[\s().-]*\d){6,}|\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\S+@\S+")
"""A phone number, identifier, date or e-mail address in a free-text field."""


def masked(
    frame: pd.DataFrame, contract: Contract, labels: Sequence[str], rule: Rule | None = None
) -> pd.DataFrame:
    """Return the rows with identifiers and exact dates masked.

    With `rule`, the columns that it shows come first, with the expected value after the failing ones; if two
    of them are dates, their difference is added. `labels` are the pseudonyms that replace their keys.
    """
    types = {column.name: column for column in contract.columns}
    if rule is not None and "as_received" not in frame:  # a quarantined row has no field for a missing value
        frame = frame.assign(**{name: None for name in rule.shows if name not in frame})
    shown = frame.assign(**{name: frame[name].map(_masking(types.get(name))) for name in frame.columns})
    if "row" in frame:
        shown["row"] = list(labels)
    if rule is None:
        return shown
    shown[EXPECTED] = [_expected(row, rule) for row in frame.to_dict("records")]
    checked = [name for name in rule.shows if name in frame]
    dates = [name for name in checked if types[name].type in {"date", "timestamp"}]
    if len(dates) == 2:
        shown["difference"] = [_difference(row, *dates) for row in frame.to_dict("records")]
    failing, context = _parted(checked, rule)
    wanted = ("row", *failing, "difference", EXPECTED, *context, *SOURCE)
    first = list(dict.fromkeys(name for name in wanted if name in shown))
    rest = [name for name in shown if name not in first]
    is_hidden = {name: bool((shown[name].isna() | (shown[name] == HIDDEN)).all()) for name in rest}
    return shown[[*first, *sorted(rest, key=is_hidden.__getitem__)]]


def _parted(shows: Sequence[str], rule: Rule) -> tuple[Sequence[str], Sequence[str]]:
    """Split columns after the last one that the rule reads; if it reads none of them, after the last one."""
    read = {name.removeprefix("raw.") for name in rule.reads}
    last = max((n for n, name in enumerate(shows, 1) if name in read), default=len(shows))
    return shows[:last], shows[last:]


def _masking(column: Any) -> Any:
    """Return the function that masks the values of a column."""
    if column is None or column.classification == "direct_identifier":
        return lambda value: value if _is_missing(value) else HIDDEN
    if column.classification == "none":
        return lambda value: value
    if column.type in {"date", "timestamp"}:
        return lambda value: value if _is_missing(value) else _form(str(value))
    return _number if column.type.startswith(("double", "decimal", "int")) else _without_identifiers


def _form(text: str) -> str:
    """Return the format of a date without its digits (``••/••/••••``); `HIDDEN` for any other text."""
    form = re.sub(r"\d", "•", text)
    return form if re.fullmatch(r"[•\s:/.,+TZ-]*", form) else HIDDEN


def _without_identifiers(value: Any) -> Any:
    return HIDDEN if isinstance(value, str) and _IDENTIFYING.search(value) else value


def _number(value: Any) -> Any:
    """Return a number unchanged, and text masked if it may contain an identifier."""
    try:
        float(value)
    except (TypeError, ValueError):
        return _without_identifiers(value)
    return value


def _is_missing(value: Any) -> bool:
    import pandas as pd  # noqa: PLC0415

    return value is None or value is pd.NaT or (isinstance(value, float) and pd.isna(value))


def _difference(row: Mapping[Any, Any], first: str, second: str) -> str:
    """Return the difference between two dates of a row, without the dates; empty if one is not a date."""
    import pandas as pd  # noqa: PLC0415

    try:
        apart = pd.to_datetime(str(row[second]), utc=True) - pd.to_datetime(str(row[first]), utc=True)
    except (ValueError, TypeError):
        return ""
    if pd.isna(apart):
        return ""
    hours = apart.total_seconds() / 3600
    amount = f"{hours:+,.1f} h" if abs(hours) < 48 else f"{hours / 24:+,.1f} days"
    return f"{second} − {first} = {amount.replace('-', '−')}"


def _expected(row: Mapping[Any, Any], rule: Rule) -> str:
    """Return the value that a rule expects in a row: from the formulary, else from its contract."""
    drug = next((m for m in formulary() if m.code == str(row.get("medication_code"))), None)
    fails = rule.fails or ""
    if drug and "formulary.routes" in fails:
        return f"route {' or '.join(drug.routes)}"
    if drug and "formulary.form" in fails and "usual" not in fails:
        return f"a route for the form {drug.form}"
    if drug and "formulary" in fails:
        return _usual(row, drug)
    return rule.expected


def _usual(row: Mapping[Any, Any], drug: Medication) -> str:
    """Return the usual dose range of a drug as text.

    If the row's dose is outside the range, in the unit of the range, add its ratio to the nearer end.
    """
    usual = f"usual {drug.usual_low:g}–{drug.usual_high:g} {drug.unit}"
    try:
        dose = float(row.get("dose") or "nan")
    except ValueError:
        return usual
    if row.get("dose_unit") != drug.unit or not dose > 0 or drug.usual_low <= dose <= drug.usual_high:
        return usual
    end, limit = ("upper", drug.usual_high) if dose > drug.usual_high else ("lower", drug.usual_low)
    return f"{usual} (× {dose / limit:.3g} of the {end} end)"
