"""What the values of a column are: dates in a format, codes, NPIs, units, sexes, names, numbers."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial

from pipeline.reference import formulary, icd10cm_codes, state_codes, units
from pipeline.reference.code_lists import CODE_LISTS
from pipeline.sources.mapped.functions import DATE_FORMATS, ISO_DATE, TIME_FORMATS, converted, parse

ISO = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?\Z")
_NUMBER = re.compile(r"-?\d+(\.\d+)?\Z")
_WRITTEN_NUMBER = re.compile(r"-?(\$|USD |€)?\s?-?\d[\d., ]*\s?(€|USD|EUR)?\Z")
_PATTERNS = {
    "email": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}\Z"),
    "phone": re.compile(r"\+?[\d() .-]{7,20}(x\d+)?\Z"),
    "zip": re.compile(r"\d{5}(-?\d{4})?\Z"),
    "icd": re.compile(r"[A-Z]\d[0-9A-Z](\.?[0-9A-Z]{1,4})?\Z"),
    "ndc": re.compile(r"(\d{11}|\d{4,5}-\d{3,4}-\d{1,2})\Z"),
    "quantity": re.compile(r"\d+(\.\d+)?\s*[A-Za-zµ%\[][A-Za-zµ%\]]*\Z"),
    "place": re.compile(r"[^,]+,\s*[A-Za-z]{2}\.?,?\s+\d{5}(-?\d{4})?\Z"),
    "last, first": re.compile(r"[^\W\d][^,\d]*,\s*[^\W\d][^,\d]*\Z"),
    "words": re.compile(r"[^\W\d_]+([ .'-]+[^\W\d_]+\.?)+\Z"),
    "name": re.compile(r"[^\W\d_][^\d@]*\Z"),
    "yes or no": re.compile(r"(?i)(y|n|yes|no|true|false|t|f|0|1)\Z"),
}
_MOST, _MOST_OF = 1000, 0.9


@dataclass(eq=False)
class Values:
    """The values of a column in the first rows of a file; blanks are left out.

    `first` is the value of the first row."""

    texts: tuple[str, ...]
    rows: int
    first: str = ""

    @classmethod
    def of(cls, column: Sequence[str]) -> Values:
        texts = tuple(text.strip() for text in column[:_MOST])
        return cls(
            tuple(text for text in texts if text and text.upper() not in _MARKERS),
            len(texts),
            texts[0] if texts else "",
        )

    @cached_property
    def different(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.texts))

    @property
    def is_key(self) -> bool:
        """Whether each row has a value of its own."""
        return self.rows > 0 and len(self.different) == self.rows

    def all(self, test: Callable[[str], object]) -> bool:
        return bool(self.different) and all(test(text) for text in self.different)

    def share(self, test: Callable[[str], object]) -> float:
        """Return the share of different values that pass a test."""
        return sum(bool(test(text)) for text in self.different) / max(len(self.different), 1)

    def mostly(self, test: Callable[[str], object]) -> bool:
        """Return whether at least nine of ten different values pass a test; a file has a few wrong ones."""
        return bool(self.different) and self.share(test) >= _MOST_OF

    def are(self, kind: str) -> bool:
        """Return whether all values have the form of a kind."""
        return self.all(_PATTERNS[kind].match)

    @cached_property
    def is_iso(self) -> bool:
        return self.all(ISO.match) and self.all(_is_plausible_iso)

    @cached_property
    def is_mostly_iso(self) -> bool:
        return self.mostly(lambda text: ISO.match(text) and _is_plausible_iso(text))

    @cached_property
    def is_mostly_number(self) -> bool:
        return self.mostly(_NUMBER.match)

    @cached_property
    def is_number(self) -> bool:
        return self.all(_NUMBER.match)

    @cached_property
    def is_written_number(self) -> bool:
        return self.all(_WRITTEN_NUMBER.match)

    @cached_property
    def is_serial(self) -> bool:
        """Whether all values can be serial dates of Excel, from 1901 to 2099."""
        return self.is_number and self.all(lambda text: 400 <= float(text) <= 73_050)

    @cached_property
    def is_npi(self) -> bool:
        return self.all(_is_npi)

    @cached_property
    def is_snomed(self) -> bool:
        return self.all(lambda text: re.fullmatch(r"\d{6,18}", text) and _verhoeff(text))

    @cached_property
    def is_icd10cm(self) -> bool:
        codes = _icd10cm()
        return self.all(lambda text: text.upper().replace(".", "") in codes)

    @cached_property
    def rxnorm_share(self) -> float:
        known = {each.code for each in formulary()}
        return sum(text in known for text in self.different) / max(len(self.different), 1)

    @cached_property
    def drug_share(self) -> float:
        """The share of values that name a medication of the formulary."""
        names = tuple(each.name.casefold() for each in formulary())
        hits = sum(text.casefold().startswith(names) for text in self.different)
        return hits / max(len(self.different), 1)

    def coded(self, column: str) -> bool:
        """Return whether the contract's code list for a column has all values."""
        return self.all(lambda text: text.casefold() in CODE_LISTS[column])

    @cached_property
    def are_units(self) -> bool:
        return self.all(lambda text: text.casefold() in units())

    @cached_property
    def are_states(self) -> bool:
        known = {*state_codes(), *(code.casefold() for code in state_codes().values())}
        return self.all(lambda text: text.casefold() in known)

    @cached_property
    def dates(self) -> tuple[str, ...]:
        """The formats in which most values are dates or times, of those with the highest share; not ISO 8601.

        At least nine of ten different values have such a format.
        """
        if not self.different or self.is_mostly_iso:
            return ()
        both = [f"{date} {time}" for date in (ISO_DATE, *DATE_FORMATS) for time in TIME_FORMATS]
        shares = {each: self.share(partial(_is_time, format_=each)) for each in (*DATE_FORMATS, *both)}
        best = max(shares.values())
        return tuple(each for each, share in shares.items() if share == best) if best >= _MOST_OF else ()

    @cached_property
    def times(self) -> tuple[str, ...]:
        """The formats in which all values are times of day."""
        return tuple(each for each in TIME_FORMATS if self.all(partial(_is_clock, format_=each)))

    @cached_property
    def has_clock(self) -> bool:
        """Whether a value states a time of day."""
        return any(":" in text for text in self.different) or any("%H" in each for each in self.dates)

    @property
    def is_date(self) -> bool:
        return self.is_mostly_iso or bool(self.dates)

    def converted(self, function: str, options: dict[str, object]) -> list[str | None]:
        return [converted(text, function, options) for text in self.different]


_MARKERS = {"NULL", "N/A", "NA", "#N/A", "\\N", "NONE", "-", "--", "?"}


def _is_clock(text: str, format_: str) -> bool:
    return parse(f"2000-01-01 {text}", f"{ISO_DATE} {format_}") is not None


def _is_time(text: str, format_: str) -> bool:
    found = parse(text, format_)
    return (
        found is not None
        and 1850 <= found.year <= 2250
        and not ("%Y%m%d" in format_ and not re.match(r"\d{8}(\D|\Z)", text))
    )


def _is_plausible_iso(text: str) -> bool:
    return parse(text[:10], ISO_DATE) is not None


def _is_npi(text: str) -> bool:
    """Return whether a text is a National Provider Identifier: ten digits with a right check digit (CMS)."""
    if not re.fullmatch(r"[12]\d{9}", text):
        return False
    digits = [int(char) for char in f"80840{text}"[::-1]]
    doubled = [
        sum(divmod(2 * digit, 10)) if odd else digit for digit, odd in zip(digits, _odd(), strict=False)
    ]
    return sum(doubled) % 10 == 0


def _odd() -> list[bool]:
    return [False, True] * 8


_D = (
    "0123456789", "1234067895", "2340178956", "3401289567", "4012395678",
    "5987604321", "6598710432", "7659821043", "8765932104", "9876543210",
)  # fmt: skip
_P = (
    "0123456789", "1576283094", "5803796142", "8916043527", "9453126870", "4286573901", "2793806415",
    "7046913258",
)  # fmt: skip


def _verhoeff(text: str) -> bool:
    """Return whether the check digit of a SNOMED CT identifier is right (Verhoeff's algorithm)."""
    check = 0
    for position, char in enumerate(reversed(text)):
        check = int(_D[check][int(_P[position % 8][int(char)])])
    return check == 0


@cache
def _icd10cm() -> frozenset[str]:
    return frozenset(icd10cm_codes())
