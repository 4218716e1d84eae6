"""The same batches give the same silver, gold, quarantine and rule results on Sail and on Spark."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from pipeline.data_generator import Options
from pipeline.data_generator.writer import generate
from tests.support import parity

SHARED = Path(__file__).parents[3] / "shared" / "data"
DEFECTS = Options(
    patients=300, seed=3, start=date(2025, 1, 1), end=date(2025, 6, 30), defect_rate=0.15, defects=()
)


@pytest.mark.integration
def test_a_sample_with_every_defect_and_a_real_extract_are_the_same_on_both(synthea, tmp_path):
    sample = generate(DEFECTS, tmp_path / "extract").folder
    lakes = parity.run_on_both([sample, synthea], tmp_path)
    counts = parity.row_counts(lakes["sail"])
    assert counts["fact_encounter"] > 604
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


@pytest.mark.slow
@pytest.mark.integration
def test_the_stock_synthea_export_is_the_same_on_both(tmp_path):
    folder = SHARED / "synthea-export"
    if not folder.is_dir():
        pytest.skip(f"the Synthea export is not at {folder}")
    lakes = parity.run_on_both([folder], tmp_path)
    assert parity.row_counts(lakes["sail"])["fact_encounter"] == 604
    assert parity.differences(lakes) == []


@pytest.mark.slow
@pytest.mark.integration
def test_real_fhir_and_omop_extracts_are_the_same_on_both(tmp_path):
    folders = [SHARED / "fhir-bulk", SHARED / "omop" / "Synthea27Nj_5.4.zip"]
    if missing := [str(each) for each in folders if not each.exists()]:
        pytest.skip(f"real extracts are missing: {', '.join(missing)}")
    lakes = parity.run_on_both(folders, tmp_path)
    assert parity.row_counts(lakes["sail"])["encounters"] == 1215 + 1791
    assert parity.differences(lakes) == []
