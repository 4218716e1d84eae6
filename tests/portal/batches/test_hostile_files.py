"""Hostile uploads are read or refused with one sentence, in little memory: 200, and 5,000 in `make fuzz`."""

from __future__ import annotations

import os
import resource

import pytest

from portal.batches import inspection
from portal.batches.source_file import SourceFile
from portal.core.errors import ServiceError
from tests.support import hostile

NUMBER = 5_000 if os.environ.get("HDP_FUZZ") else 200
SEED = int(os.environ.get("HDP_FUZZ_SEED", "24"))
MEMORY = 500_000
"""KB that reading may add to the memory of the process."""


def looked_at(seed):
    """The sentences and row counts of an upload's files."""
    name, content = hostile.upload(seed)
    found = []
    try:
        for each in inspection.expanded(SourceFile.from_bytes(name, content)):
            done = each if isinstance(each, inspection.Inspected) else inspection.inspect(each)
            found.append((done.use, done.rows, done.reason))
    except ServiceError as error:
        found.append(("refused", None, str(error)))
    return found


@pytest.mark.fuzz
def test_hostile_uploads_are_read_or_refused_with_a_sentence():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(SEED, SEED + NUMBER):
        for use, rows, reason in looked_at(seed):
            assert (rows is not None) if use == "loaded" else reason, f"HDP_FUZZ_SEED={seed}"
            assert len(reason) < 1000, f"HDP_FUZZ_SEED={seed}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MEMORY
