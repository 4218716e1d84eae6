"""Find columns by word stems and synonyms."""

from __future__ import annotations

import re
from functools import cache

SYNONYMS = (
    ("readmission", "readmitted", "rehospitalization"),
    ("length of stay", "los", "stay"),
    ("emergency", "ed", "er", "emer"),
    ("inpatient", "imp", "admission", "hospitalization"),
    ("outpatient", "ambulatory", "amb"),
    ("payer", "insurance", "insurer", "coverage", "health plan"),
    ("provider", "clinician", "doctor", "physician", "npi"),
    ("medication", "drug", "medicine", "rxnorm"),
    ("administration", "dose given"),
    ("diagnosis", "icd", "condition", "disease"),
    ("encounter", "visit"),
    ("discharge", "disposition"),
    ("patient", "person"),
    ("identifier", "id", "key"),
    ("birth", "dob", "born"),
    ("death", "deceased", "mortality", "died"),
    ("sex", "gender"),
    ("zip", "postal", "postcode"),
    ("cost", "charge", "price", "spend"),
    ("department", "ward", "unit"),
    ("mrn", "medical record"),
)
"""Groups of synonyms."""

_ENDINGS = (
    "izations",
    "ization",
    "issions",
    "ission",
    "itted",
    "ations",
    "ation",
    "ings",
    "ing",
    "ies",
    "ed",
    "es",
    "e",
    "s",
    "y",
)


@cache
def stem(word: str) -> str:
    """Return a word without its ending, unless fewer than three letters remain: ``readm`` for readmission."""
    for ending in _ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", text.lower())


def _stems(text: str) -> list[str]:
    return [stem(word) for word in _words(text)]


def _phrases(wanted: str) -> list[list[str]]:
    """Return the stems of the search words and, if these are a synonym, of each synonym in its group."""
    stems = _stems(wanted)
    groups = [[_stems(each) for each in group] for group in SYNONYMS]
    return [stems, *(each for group in groups if stems in group for each in group)]


def matches(wanted: str, *texts: str) -> bool:
    """Return whether the texts contain all words of the search, or of one synonym of it, by stem."""
    forms = [form for text in texts for word in _words(text) for form in (stem(word), word)]
    return any(phrase and all(_occurs(word, forms) for word in phrase) for phrase in _phrases(wanted))


def _occurs(word: str, forms: list[str]) -> bool:
    """Return whether a word, or one that begins with it, is among the forms.

    Words of up to three letters match only as a whole (`ed` is not `edema`).
    """
    return any(each == word or (len(word) > 3 and each.startswith(word)) for each in forms)
