"""The recognized type and layout of a file, or why it was not recognized."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.sources import Match
from pipeline.sources.csv_layout import Layout


class EmptyFile(ValueError):
    """A file without content."""


class NotUnderstood(ValueError):
    """A file cannot be read as a table; `may_be_needed` is False if it resembles no table that is loaded."""

    def __init__(self, text: str, *, may_be_needed: bool = True) -> None:
        super().__init__(text)
        self.may_be_needed = may_be_needed


@dataclass(frozen=True)
class Identified:
    """A file's type and layout, and the number of title and blank lines above its header."""

    match: Match
    layout: Layout
    titles: int
    blanks: int
