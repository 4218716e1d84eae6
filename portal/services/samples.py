"""Sample data: generate it here, import it as a batch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.generator import Options
from pipeline.generator.write import ANSWER_KEY, Progress, Written, generate
from portal.services import batches
from portal.services.aws import Aws
from portal.services.batches import Batch


@dataclass(frozen=True)
class Sample:
    """A generated batch; `answer_key` is the CSV of its seeded defects, empty where there are none."""

    batch: Batch
    written: Written
    answer_key: str


def create(
    aws: Aws,
    options: Options,
    *,
    uploader: str,
    progress: Callable[[Progress], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Sample:
    """Generate into a temporary folder and import that; a cancel leaves nothing behind."""
    with tempfile.TemporaryDirectory(prefix="hdp-sample-") as temporary:
        folder = Path(temporary) / "sample"
        written = generate(options, folder, progress=progress, cancelled=cancelled)
        batch = batches.import_folder(aws, folder, format="native", uploader=uploader, seed=options.seed)
        key = folder / ANSWER_KEY
        return Sample(batch, written, key.read_text(encoding="utf-8") if key.is_file() else "")
