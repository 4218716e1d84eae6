"""Import an extract in a background thread, which continues when the user leaves the page."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from portal.batches import service as batches
from portal.batches.inspection import Inspected
from portal.batches.origin import NOT_STATED, Extract, Origin
from portal.batches.service import Batch
from portal.batches.source_file import SourceFile
from portal.core.context import Context
from portal.core.errors import ServiceError, explain, is_aws_error
from portal.core.rights import requires


@dataclass
class Import:
    """An import in the background: current step, progress (0 to 1) and, in the end, a batch or an error."""

    step: str = "Reading …"
    progress: float = 0.0
    batch: Batch | None = None
    error: str | None = None
    is_over: bool = False


_TASKS: dict[tuple[str, str], Import] = {}
"""Imports of this process by lake prefix and user name, kept until they are acknowledged."""

_START_LOCK = threading.Lock()


@requires("import_data")
def current(context: Context) -> Import | None:
    """Return the user's import that is running or not yet acknowledged, or None."""
    return _TASKS.get(_owner(context))


@requires("import_data")
def acknowledge(context: Context) -> None:
    """Forget the user's finished import task after its result was shown; the batch stays."""
    _TASKS.pop(_owner(context), None)


@requires("import_data")
def start(
    context: Context,
    files: Sequence[SourceFile | Inspected],
    encoding: str = "utf-8",
    origin: Origin = NOT_STATED,
    extract: Extract = "delta",
) -> Import:
    """Start an import in a thread and return it; if the user already has an import, return that instead."""
    with _START_LOCK:
        if present := current(context):
            return present
        task = _TASKS[_owner(context)] = Import()
    arguments = (context, files, encoding, origin, extract, task)
    threading.Thread(target=_import, args=arguments, daemon=True).start()
    return task


def _import(
    context: Context,
    files: Sequence[SourceFile | Inspected],
    encoding: str,
    origin: Origin,
    extract: Extract,
    task: Import,
) -> None:
    def note(step: str, done: int, total: int) -> None:
        task.step, task.progress = step, done / max(total, 1)

    try:
        task.batch = batches.import_files(
            context,
            files,
            encoding=encoding,
            uploader=context.user.name,
            origin=origin,
            extract=extract,
            progress=note,
        )
    except Exception as error:
        if isinstance(error, ServiceError) or is_aws_error(error):
            task.error = explain(error)
        else:
            name = type(error).__name__
            task.error = f"The extract could not be imported ({name}). Try again, or contact an engineer."
    task.is_over = True


def _owner(context: Context) -> tuple[str, str]:
    return context.lake.prefix, context.user.name
