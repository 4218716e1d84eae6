"""An extract on its way into the lake, beside the page: whoever leaves the page, or touches it, does not stop it."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from portal.batches import service as batches
from portal.batches.inspection import SourceFile
from portal.batches.service import Batch
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error


@dataclass
class Import:
    """What is being done and how far it is, 0 to 1; in the end the batch, or why there is none."""

    words: str = "Reading …"
    share: float = 0.0
    batch: Batch | None = None
    error: str | None = None
    is_over: bool = False


_UNDER_WAY: dict[tuple[str, str], Import] = {}
"""What this process imports, or has imported and not yet told, by lake and person."""

_BEGINNING = threading.Lock()


def under_way(context: Context) -> Import | None:
    """What is imported for this person now, or was and has not been told yet."""
    context.require("import_data")
    return _UNDER_WAY.get(_whose(context))


def told(context: Context) -> None:
    """The person has been told how it ended."""
    _UNDER_WAY.pop(_whose(context), None)


def begin(context: Context, files: Sequence[SourceFile], encoding: str = "utf-8") -> Import:
    """Start `batches.import_files` in a thread of this process; one a person, so that a double click starts one."""
    with _BEGINNING:
        if present := under_way(context):
            return present
        task = _UNDER_WAY[_whose(context)] = Import()
    threading.Thread(target=_import, args=(context, files, encoding, task), daemon=True).start()
    return task


def _import(context: Context, files: Sequence[SourceFile], encoding: str, task: Import) -> None:
    def note(words: str, done: int, total: int) -> None:
        task.words, task.share = words, done / max(total, 1)

    try:
        task.batch = batches.import_files(
            context, files, encoding=encoding, uploader=context.user.name, progress=note
        )
    except Exception as error:
        is_known = isinstance(error, ServiceError) or is_aws_error(error)
        task.error = explain(error) if is_known else (
            f"The extract could not be imported ({type(error).__name__}): try again, or tell the engineers."
        )  # fmt: skip
    task.is_over = True


def _whose(context: Context) -> tuple[str, str]:
    return context.lake.prefix, context.user.name
