"""Options out of range, cancelling, present files, and the estimate of a sample."""

import math
from datetime import date, datetime, timedelta

import pytest

from pipeline.data_generator import BadOptions, Options, estimate
from pipeline.data_generator.blocks import TABLES, make
from pipeline.data_generator.writer import Cancelled, generate


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"patients": 0}, "Cannot generate 0 patients"),
        ({"seed": -1}, "seed -1"),
        ({"start": date(2025, 1, 1), "end": date(2024, 1, 1)}, "is not valid"),
        ({"end": date.today() + timedelta(days=1), "start": date.today()}, "an end before today"),
        ({"defect_rate": 0.9}, "defect rate 0.9"),
        ({"time_zone": "Mars/Olympus"}, "Unknown time zone 'Mars/Olympus'"),
        ({"defects": ("nonsense",)}, "Unknown kind of defect 'nonsense'"),
    ],
)
def test_an_option_out_of_range_gives_one_sentence(wrong, sentence, tmp_path):
    with pytest.raises(BadOptions, match=sentence):
        generate(Options(**wrong), tmp_path / "out")


def test_cancelling_leaves_no_files(tmp_path):
    with pytest.raises(Cancelled):
        generate(Options(patients=10), tmp_path / "out", cancelled=lambda: True)
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_not_overwritten(tmp_path):
    (tmp_path / "mine.txt").write_text("kept")
    with pytest.raises(BadOptions, match="is not empty"):
        generate(Options(patients=10), tmp_path)
    assert (tmp_path / "mine.txt").read_text() == "kept"


def test_the_estimate_is_close_to_the_result(tmp_path):
    options = Options(patients=2000)
    guess, made = estimate(options), generate(options, tmp_path / "out")
    for table in TABLES:
        assert math.isclose(guess.rows[table], made.rows[table], rel_tol=0.1)
    assert math.isclose(guess.bytes, made.bytes, rel_tol=0.15)


def test_times_are_iso_8601_in_utc():
    row = make(Options(patients=1), 0)["patients"].to_pylist()[0]
    assert datetime.fromisoformat(row["updated_at"]).tzinfo is not None
