"""The functions of mappings: text in, text out. A text that a function cannot convert is returned unchanged.

An unchanged text is then refused by the rule of its column, with the value as received. No function guesses.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

DATE_FORMATS = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%d.%m.%Y",
    "%m.%d.%Y",
    "%d-%m-%Y",
    "%m-%d-%Y",
    "%Y/%m/%d",
    "%Y%m%d",
    "%d-%b-%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%B %d, %Y",
    "%d %B %Y",
    "%d%b%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%d.%m.%y",
    "%d-%b-%y",
)
TIME_FORMATS = ("%H:%M", "%H:%M:%S", "%H%M", "%I:%M %p", "%I:%M:%S %p", "%H:%M:%S.%f")
ISO_DATE = "%Y-%m-%d"

_DAY_ZERO = {"1900": datetime.fromisoformat("1899-12-30"), "1904": datetime.fromisoformat("1904-01-01")}
"""Day 0 of serial dates in Excel; dates before March 1900 are a day off in the system of 1900."""

_SERIAL = re.compile(r"\d{1,6}(\.\d+)?\Z")
_QUANTITY = re.compile(r"(?P<value>\d+(\.\d+)?)\s*(?P<unit>[^\d\s.,][^\d]*)\Z")
_PLACE = re.compile(r"(?P<city>[^,]+),\s*(?P<state>[A-Za-z]{2})\.?,?\s+(?P<postal_code>\d{5}(-?\d{4})?)\Z")
_NUMBERS = {
    ".": re.compile(r"-?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?\Z"),
    ",": re.compile(r"-?(\d{1,3}([. ]\d{3})+|\d+)(,\d+)?\Z"),
}
_CURRENCY = re.compile(r"^(-?)\s*(?:US\$|USD|\$|€)\s*|\s*(?:USD|EUR|€)$")

Options = Mapping[str, Any]


def _copy(text: str, _options: Options) -> str | None:
    return text


def _constant(_text: str, options: Options) -> str | None:
    return str(options["value"])


def _code(text: str, options: Options) -> str | None:
    """Return the code for a local one, regardless of case."""
    codes: Mapping[str, str] = options["codes"]
    return codes.get(text, codes.get(text.casefold(), text))


def _date(text: str, options: Options) -> str | None:
    found = parse(text, options["format"], options.get("pivot"))
    return text if found is None else found.strftime("%Y-%m-%d").zfill(10)


def _timestamp(text: str, options: Options) -> str | None:
    """Return a time in ISO 8601; a date without a time stays a date."""
    found = parse(text, options["format"], options.get("pivot"))
    if found is not None:
        return found.isoformat(timespec="microseconds" if found.microsecond else "seconds")
    return _date(text, {**options, "format": _date_of(options["format"])})


def _date_of(format_: str) -> str:
    """Return the part of a format that stands for the date."""
    return re.split(r" %[HI]", format_)[0]


def parse(text: str, format_: str, pivot: int | None = None) -> datetime | None:
    """Return the time that a text states in a format, or None.

    A year of two digits is of this century up to `pivot`, and of the last one above.
    """
    try:
        found = datetime.strptime(text, format_)  # noqa: DTZ007  (a local time: the import knows the zone)
    except ValueError:
        return None
    if "%y" in format_ and pivot is not None:
        return found.replace(year=(1900 if found.year % 100 > pivot else 2000) + found.year % 100)
    return found


def _excel_date(text: str, options: Options) -> str | None:
    """Return the date or time of a serial number of Excel, to the second."""
    if not _SERIAL.match(text):
        return text
    found = _DAY_ZERO[options["system"]] + timedelta(seconds=round(float(text) * 86_400))
    return found.strftime("%Y-%m-%d") if found.time() == datetime.min.time() else found.isoformat()


def _number(text: str, options: Options) -> str | None:
    """Return a number with a decimal point, without thousands separators and currency."""
    decimal = options["decimal"]
    plain = _CURRENCY.sub(r"\1", text).strip()
    if not _NUMBERS[decimal].match(plain):
        return text
    if decimal == ".":
        return plain.replace(",", "")
    return plain.replace(".", "").replace(" ", "").replace(",", ".")


def _split(text: str, options: Options) -> str | None:
    """Return one part of a text, counted from 1; None if the text has fewer parts."""
    parts = [part.strip() for part in text.split(options["separator"])]
    number = int(options["part"])
    return (parts[number - 1] or None) if number <= len(parts) else None


def _name(text: str, options: Options) -> str | None:
    """Return the first or last name of a full name; a name of one word is a last name."""
    if options["order"] == "last, first":
        last, _, first = (part.strip() for part in text.partition(","))
    else:
        first, _, last = text.rpartition(" ")
    return (last if options["part"] == "last" else first.strip()) or None


def _quantity(text: str, options: Options) -> str | None:
    """Return value or unit of a quantity such as "40 mg"; a text that is none has no unit."""
    found = _QUANTITY.match(text)
    if options["part"] == "unit":
        return found["unit"].strip() if found else None
    return found["value"] if found else text


def _place(text: str, options: Options) -> str | None:
    """Return city, state or ZIP code of "City, ST 12345"; a text that is none is all city."""
    found = _PLACE.match(text)
    if found:
        return found[options["part"]]
    return text if options["part"] == "city" else None


@dataclass(frozen=True)
class Function:
    """A function of mappings: conversion of one text, its label, and its options with their choices.

    An option with no choices is any text. The texts of several columns are joined, by the option `separator`
    or a blank, before the conversion.
    """

    label: str
    convert: Callable[[str, Options], str | None]
    options: Mapping[str, tuple[str, ...]]
    reads_columns: bool = True

    def problem(self, options: Options) -> str:
        """Return what is wrong with options, or an empty text."""
        for name, choices in self.options.items():
            if name not in options:
                return f"the option {name} is missing"
            if choices and str(options[name]) not in choices:
                return f"the option {name} is not one of {', '.join(choices)}"
        if "codes" in self.options and not isinstance(options["codes"], dict):
            return "the option codes is not a table of codes"
        if unknown := set(options) - set(self.options) - {"pivot", "separator"}:
            return f"the option {min(unknown)} is unknown"
        return _format_problem(options) if "format" in self.options else ""


def _format_problem(options: Options) -> str:
    format_ = str(options["format"])
    date = _date_of(format_)
    is_known = date in (ISO_DATE, *DATE_FORMATS) and format_[len(date) + 1 :] in ("", *TIME_FORMATS)
    return "" if is_known else "the option format is not one of the known formats"


FUNCTIONS: dict[str, Function] = {
    "copy": Function("as received", _copy, {}),
    "constant": Function("the same for all rows", _constant, {"value": ()}, reads_columns=False),
    "constant_where": Function("the same for all rows with a value", _constant, {"value": ()}),
    "code": Function("by a table of codes", _code, {"codes": ()}),
    "date": Function("a date", _date, {"format": ()}),
    "timestamp": Function("a time", _timestamp, {"format": ()}),
    "excel_date": Function("a serial date of Excel", _excel_date, {"system": tuple(_DAY_ZERO)}),
    "number": Function("a number", _number, {"decimal": tuple(_NUMBERS)}),
    "split": Function("a part of the text", _split, {"separator": (), "part": ()}),
    "name": Function(
        "a part of the name", _name, {"part": ("first", "last"), "order": ("last, first", "first last")}
    ),
    "quantity": Function("a part of the quantity", _quantity, {"part": ("value", "unit")}),
    "place": Function("a part of the place", _place, {"part": ("city", "state", "postal_code")}),
    "join": Function("joined", _copy, {"separator": ()}),
}
"""The functions of mappings by name. There is no other way to compute a value: no SQL, no code."""


def converted(text: str, name: str, options: Options) -> str | None:
    """Return a text converted by a function; None for a blank text."""
    stripped = text.strip()
    return FUNCTIONS[name].convert(stripped, options) if stripped else None
