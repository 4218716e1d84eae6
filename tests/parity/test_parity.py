"""The same batches give the same silver, gold, quarantine and rule results on Sail and on Spark."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from tests.support import parity

SHARED = Path(__file__).parents[3] / "shared" / "data"
EXTRACTS = (SHARED / "synthea-export", SHARED / "fhir-bulk", SHARED / "omop" / "Synthea27Nj_5.4.zip")
DEFECTS = Options(
    patients=300, seed=3, start=date(2025, 1, 1), end=date(2025, 6, 30), defect_rate=0.15, defects=()
)


@pytest.mark.slow
@pytest.mark.integration
def test_every_defect_and_real_extracts_of_each_format_are_the_same_on_both(tmp_path):
    """All in one run: starting Spark and planning its jobs takes longer than their rows do."""
    if missing := [str(each) for each in EXTRACTS if not each.exists()]:
        pytest.skip(f"real extracts are missing: {', '.join(missing)}")
    sample = generate(DEFECTS, tmp_path / "extract").folder
    lakes = parity.run_on_both([sample, *EXTRACTS], tmp_path)
    counts = parity.row_counts(lakes["sail"])
    assert counts["encounters"] > 604 + 1215 + 1791
    assert counts["quarantine/encounters"] > 10
    assert parity.differences(lakes) == []


@pytest.mark.parity
@pytest.mark.parametrize("seed", [11, 12, 13])
def test_larger_samples_are_the_same_on_both(seed, tmp_path):
    options = Options(
        patients=2000, seed=seed, start=date(2024, 1, 1), end=date(2025, 6, 30), defect_rate=0.04, defects=()
    )
    lakes = parity.run_on_both([generate(options, tmp_path / "extract").folder], tmp_path)
    assert parity.differences(lakes) == []
