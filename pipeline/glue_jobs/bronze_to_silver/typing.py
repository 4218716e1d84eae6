"""SQL expressions that convert received text to typed values; unreadable values become NULL."""

from __future__ import annotations

from pipeline.frames import stripped
from pipeline.reference import code_systems, state_codes, units
from pipeline.reference.code_lists import EVENT_KIND, REASON_NOT_GIVEN

_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\\z"
_TIMESTAMP = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([T ][0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,9})?)?(Z|[+-][0-9]{2}:?[0-9]{2})?)?\\z"
)


def text(column: str) -> str:
    """Return SQL for a column's text without surrounding whitespace."""
    return stripped(f"raw.{column}")


def upper(column: str) -> str:
    return f"upper({text(column)})"


def date(column: str) -> str:
    """Return SQL for the date of a text in ISO 8601, which is a date or a timestamp."""
    day = f"left({text(column)}, 10)"
    is_date = f"{day} rlike '{_DATE}' and {text(column)} rlike '{_TIMESTAMP}'"
    return f"case when {is_date} then cast({day} as date) end"


def timestamp(column: str, time_zone: str) -> str:
    """Return SQL for an ISO 8601 timestamp.

    Without an offset it is UTC, but a date alone is midnight in `time_zone`.
    """
    value = text(column)
    day = f"when {value} rlike '{_DATE}' then to_utc_timestamp(cast({value} as timestamp), '{time_zone}')"
    return f"case {day} when {value} rlike '{_TIMESTAMP}' then cast({value} as timestamp) end"


def number(column: str) -> str:
    value = text(column)
    return f"case when {value} rlike '^-?[0-9]+(\\\\.[0-9]+)?\\\\z' then cast({value} as double) end"


def money(column: str) -> str:
    pattern = "^-?[0-9]{1,10}(\\\\.[0-9]{1,2})?\\\\z"
    return f"case when {text(column)} rlike '{pattern}' then cast({text(column)} as decimal(12,2)) end"


def code(column: str, codes: dict[str, str]) -> str:
    """Return SQL that maps a column's text, regardless of case, by `codes`; NULL if they do not list it."""
    whens = " ".join(f"when '{theirs}' then '{ours}'" for theirs, ours in codes.items())
    return f"case lower({text(column)}) {whens} end"


def code_system(column: str) -> str:
    """Return SQL for the standard name of a code system; an unknown system is kept as received."""
    return _mapped(column, code_systems())


def unit(column: str) -> str:
    """Return SQL for the UCUM code of a unit; an unknown unit is kept as received and fails its rule."""
    return _mapped(column, units())


def reason_not_given(column: str) -> str:
    """Return SQL for the contract's word for a reason; an unknown reason is kept as received."""
    return _mapped(column, REASON_NOT_GIVEN)


def event_kind(column: str, default: str) -> str:
    """Return SQL for the kind of a medication event; `default` if none was received."""
    return f"case when {text(column)} is null then '{default}' else {code(column, EVENT_KIND)} end"


def boolean(column: str) -> str:
    """Return SQL for a boolean written as true, yes, y, t or 1, or as false, no, n, f or 0."""
    value = f"lower({text(column)})"
    return (
        f"case when {value} in ('true', 'yes', 'y', 't', '1') then true "
        f"when {value} in ('false', 'no', 'n', 'f', '0') then false end"
    )


def _mapped(column: str, names: dict[str, str]) -> str:
    whens = " ".join(f"when '{theirs}' then '{ours}'" for theirs, ours in names.items())
    return f"coalesce(case lower({text(column)}) {whens} end, {text(column)})"


def diagnosis(column: str, system: str) -> str:
    """Return SQL for a diagnosis code in capitals; ICD-9-CM and ICD-10 codes get their point (E11.9)."""
    value, of = upper(column), code_system(system)
    is_icd10 = f"({of}) in ('ICD-10-CM', 'ICD-10', 'ICD-10-GM')"
    icd10 = f"{is_icd10} and {value} rlike '^[A-Z][0-9A][0-9A-Z][0-9A-Z]{{1,4}}\\\\z'"
    icd9 = f"({of}) = 'ICD-9-CM' and {value} rlike '^(E[0-9]|[0-9V])[0-9]{{3,4}}\\\\z'"
    category = f"if({value} like 'E%' and {of} = 'ICD-9-CM', 4, 3)"
    pointed = f"concat(left({value}, {category}), '.', substring({value}, {category} + 1))"
    return f"case when ({icd10}) or ({icd9}) then {pointed} else {value} end"


def state(column: str) -> str:
    """Return SQL for the USPS code of a state's name or code; other text is converted to capitals."""
    whens = " ".join(f"when '{name}' then '{usps}'" for name, usps in state_codes().items())
    return f"case lower({text(column)}) {whens} else upper({text(column)}) end"
