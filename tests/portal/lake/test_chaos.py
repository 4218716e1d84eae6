"""Each operation, killed before a write or with a lost or doubled response, succeeds once if repeated."""

from __future__ import annotations

import os

import pytest

from tests.support import chaos

TRIED = chaos.OPERATIONS if os.environ.get("HDP_CHAOS") else chaos.OPERATIONS[:1]
"""Only the import in each run of the tests; `make chaos` tries all."""


@pytest.mark.slow
@pytest.mark.parametrize("operation", TRIED, ids=lambda operation: operation.name)
def test_an_operation_that_was_disturbed_succeeds_once(operation):
    is_held, writes = chaos.tried(operation, "none", -1)
    assert is_held
    assert writes >= 2
    lost = [
        (fault, at)
        for fault in chaos.FAULTS
        for at in range(writes)
        if not chaos.tried(operation, fault, at)[0]
    ]
    assert lost == []
