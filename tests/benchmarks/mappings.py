"""Columns of files of unknown shapes that are mapped right without help, against similar names alone."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from difflib import get_close_matches

from pipeline.contracts.model import load
from pipeline.sources.mapped.model import REQUIRED
from tests.benchmarks.figures import Figure, Size
from tests.support.mapping_corpus import CORPUS, HELD_OUT, Outcome, outcomes

_BRONZE = {column.name for table in REQUIRED for column in load("bronze", table).data_columns}


def columns(_size: Size) -> Iterator[Figure]:
    """Yield the share of columns that are right without help, of the corpus and of the held-out files."""
    for folder, what in ((CORPUS, "corpus"), (HELD_OUT, "files held out of tuning")):
        found = outcomes(folder)
        _print(what, found)
        share = 100 * sum(each.is_right for each in found) / len(found)
        peer = 100 * sum(_is_similar(each) for each in found) / len(found)
        yield Figure(f"columns mapped without help, {what}", share, "%", "similar names alone", peer)


def _is_similar(outcome: Outcome) -> bool:
    """Return whether the most similar name of a bronze column is the right one."""
    near = get_close_matches(outcome.column.casefold(), sorted(_BRONZE), 1, 0.6)
    return ", ".join(near) == outcome.right.partition("=")[0]


def _print(what: str, found: Sequence[Outcome]) -> None:
    rows = [("file", "columns", "right", "to confirm", "wrong unasked")]
    for name in dict.fromkeys(each.file for each in found):
        rows.append((name, *_counts([each for each in found if each.file == name])))
    rows.append((what, *_counts(found)))
    for row in rows:
        sys.stdout.write(f"{row[0]:<36}" + "".join(f"{cell:>15}" for cell in row[1:]) + "\n")


def _counts(found: Sequence[Outcome]) -> tuple[str, ...]:
    wrong = sum(each.confidence >= 1.0 and not each.is_right for each in found)
    to_confirm = sum(each.confidence < 1.0 for each in found)
    return (str(len(found)), str(sum(each.is_right for each in found)), str(to_confirm), str(wrong))
