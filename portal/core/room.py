"""Check that the lake has room before something large is written to it."""

from __future__ import annotations

import shutil

from pipeline.lake.room import no_space
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.rights import requires


@requires("see_charts")
def check(context: Context, needed: int) -> None:
    """Raise `ServiceError` unless the disk of the lake has `needed` bytes free; S3 on AWS has no limit."""
    folder = context.settings.lake_folder
    if folder and (free := shutil.disk_usage(folder).free) < needed:
        raise ServiceError(no_space(free, needed, folder))
