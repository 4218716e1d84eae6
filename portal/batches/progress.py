"""Progress of an import."""

from __future__ import annotations

from collections.abc import Callable

from portal.batches.source_file import SourceFile

Report = Callable[[str, int, int], None]
"""Called with the current step, the number of bytes done and the total number of bytes."""


class Progress:
    """Reports the progress of an import in bytes."""

    def __init__(self, report: Report | None, total: int) -> None:
        self._report, self._total, self._done = report or _silent, total, 0

    def begin(self, what: str, file: SourceFile) -> None:
        self._report(f"{what} {file.name}", self._done, self._total)
        self._done += file.size

    def end(self) -> None:
        self._report("Done", self._total, self._total)


def _silent(what: str, done: int, total: int) -> None:
    """Report nothing."""
