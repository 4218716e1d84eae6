"""Import an extract as people do: by command, and by the code behind the Data page."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

from portal.batches import imports, inspection, preview
from portal.batches.service import Batch
from portal.batches.source_file import SourceFile
from portal.core.context import Context


def by_command(state: Path, path: Path) -> tuple[dict, list[str]]:
    """Return what `hdp batches import` prints: its document, and the lines about files."""
    program = "from portal.cli.main import main; main()"
    command = [sys.executable, "-c", program, "--state", str(state), "batches", "import", str(path), "--json"]
    environment = {**os.environ, "HDP_USER": "tester"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr.splitlines()


def by_page(context: Context, path: Path) -> tuple[Batch, dict[str, str]]:
    """Return the batch of an upload, and the contents that the page shows for each file before it."""
    given = sorted(path.iterdir()) if path.is_dir() else [path]
    uploaded = [SourceFile.of(each) for each in given]
    files = [each for file in uploaded for each in inspection.expanded(file)]
    shown = {each.file: each.contents for each in (preview.contents(context, file) for file in files)}
    task = imports.start(context, files)
    try:
        waited = threading.Event()
        for _ in range(3000):
            if task.is_over or waited.wait(0.1):
                break
        assert task.batch, task.error
        return task.batch, shown
    finally:
        imports.acknowledge(context)
