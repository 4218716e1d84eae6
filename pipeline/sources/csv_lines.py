"""Distinguish rows from other lines: blank lines, comma-only rows, footers, titles, repeated headers.

Reports, spreadsheets and database clients add such lines to extracts. They are counted by kind in the
manifest, never loaded and never quarantined. A line is counted as one of them only if it contains nothing
that a row could contain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

BLANK = "".join(map(chr, range(33))) + (
    "\x7f\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u2028\u2029"
    "\u202f\u205f\u3000\ufeff"
)
"""Characters of a blank field: whitespace and control characters (Ctrl-Z ends a DOS file)."""

KINDS = {
    "blank": "blank lines",
    "comma_only": "rows without a value",
    "footer": "totals and footers",
    "title": "lines above the header",
    "repeated_header": "repeated headers",
}
"""Kinds of lines that are not data, with their plural names."""

_COUNTED = r"(rows?|records?|lines?|entries|results?)(\(s\)|\b)"
_TOTAL = r"((grand|sub)[ -]?)?totals?\b|(sum|summe|gesamt|count|row ?count|record ?count|rows|records)\b"
_NUMBER = r"[-+(]?\s*[$€£]?\s*[\d.,' ]*\d\s*[%)]?"

START = (
    rf"(?i)^[^0-9a-z]*({_TOTAL}|total ?(rows|records)|[\d.,]+\s*{_COUNTED}|"
    r"end of (report|file|extract|data|export)\b|query ok\b)|^[-=_]{2,}$|^\([\d.,]+$"
)
"""Pattern of the first value of a footer, in syntax that both Python's `re` and RE2 accept."""

_TOTAL_ROW = re.compile(rf"(?i)^[^0-9a-z]*({_TOTAL})[\s:.=]*(rows|records)?[\s:.=]*({_NUMBER})?$")
_ROW_COUNT = re.compile(rf"(?i)^[^0-9a-z]*[\d.,]+\s*{_COUNTED}[^0-9]*(\([\d.]+ ?(s|sec|ms)\))?[^0-9a-z]*$")
_END = re.compile(r"(?i)^[^0-9a-z]*(end of (report|file|extract|data|export)|query ok)\b.{0,60}$")
_RULER = re.compile(r"^[-=_]{2,}$")
_IS_NUMBER = re.compile(rf"^{_NUMBER}$")
_SUSPECT = re.compile(START, re.ASCII)


def is_blank(value: str) -> bool:
    """Return True if a value consists of blank characters."""
    return not value.strip(BLANK)


def kind_of(fields: Sequence[str], header: Sequence[str]) -> str | None:
    """Return the kind of a line that is not data; None for a row."""
    first = fields[0].strip(BLANK) if fields else ""
    is_whole = len(fields) >= len(header)
    if is_whole and first and first != header[0] and not _SUSPECT.match(first):
        return None
    filled = [text for value in fields if (text := value.strip(BLANK))]
    if not filled:
        return "comma_only" if len(fields) > 1 else "blank"
    if [value.strip(BLANK) for value in fields] == list(header):
        return "repeated_header"
    return "footer" if _is_footer(filled) else None


def _is_footer(filled: Sequence[str]) -> bool:
    """Return True for a total followed by numbers only, a row count, a ruler, or the end of a report."""
    text = ",".join(filled)
    if _ROW_COUNT.match(text) or (len(filled) == 1 and _END.match(text)):
        return True
    if all(_RULER.match(value) for value in filled):
        return True
    return bool(_TOTAL_ROW.match(filled[0])) and all(_IS_NUMBER.match(value) for value in filled[1:])


def is_title(fields: Sequence[str], width: int) -> bool:
    """Return True if a line above the header is so empty that it can be a title, a separator or blank.

    `width` is the number of columns of the header.
    """
    return sum(not is_blank(value) for value in fields) <= max(1, width // 3)
