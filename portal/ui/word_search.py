"""Find columns by the words that people use: stems, and synonyms of the field."""

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
"""Words that mean the same to a reader; the first is the glossary's."""

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
    """A word without its ending: readmission and readmitted are both ``readm``."""
    for ending in _ENDINGS:
        if word.endswith(ending) and not word.endswith("ss") and len(word) - len(ending) >= 3:
            return word.removesuffix(ending)
    return word


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z]+|[0-9]+", text.lower())


def _stems(text: str) -> list[str]:
    return [stem(word) for word in _words(text)]


def _phrases(wanted: str) -> list[list[str]]:
    """What is looked for, and its synonyms, as stems."""
    mine = _stems(wanted)
    groups = [[_stems(each) for each in group] for group in SYNONYMS]
    return [mine, *(each for group in groups if mine in group for each in group)]


def matches(wanted: str, *texts: str) -> bool:
    """Whether a text has every word that is wanted, its beginning at least, or a synonym of them all."""
    there = [form for text in texts for word in _words(text) for form in (stem(word), word)]
    return any(phrase and all(_is_there(word, there) for word in phrase) for phrase in _phrases(wanted))


def _is_there(word: str, there: list[str]) -> bool:
    """A word of three letters or fewer is there as a whole only: `ed` is no `edema`."""
    return any(each == word or (len(word) > 3 and each.startswith(word)) for each in there)
