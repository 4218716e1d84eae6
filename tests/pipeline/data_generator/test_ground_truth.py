"""The ground truth lists every seeded defect, and nothing else."""

import csv
from collections import Counter
from dataclasses import replace

import pytest

from pipeline.data_generator import Options
from pipeline.data_generator.blocks import TABLES
from pipeline.data_generator.defects.kinds import KINDS
from pipeline.data_generator.defects.seeding import KEYS, WHOLE_ROW
from pipeline.data_generator.writer import generate


def read(folder, table):
    with (folder / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file, restkey="extra"))


@pytest.fixture(scope="module")
def with_defects(tmp_path_factory):
    folder = tmp_path_factory.mktemp("with_defects")
    options = Options(patients=5000, seed=5, defect_rate=0.04)
    clean = generate(replace(options, defect_rate=0.0), folder / "clean").folder
    dirty = generate(options, folder / "dirty").folder
    with (dirty / "_defects.csv").open(newline="") as file:
        return clean, dirty, list(csv.DictReader(file))


def test_every_kind_of_defect_is_seeded(with_defects):
    _, _, key = with_defects
    assert {line["kind"] for line in key} == {kind.name for kind in KINDS}
    assert len(KINDS) >= 15


def test_the_ground_truth_lists_every_difference_and_nothing_else(with_defects):
    clean, dirty, key = with_defects
    kinds = {kind.name: kind for kind in KINDS}
    for table in TABLES:
        told = {}
        for line in (line for line in key if line["table"] == table):
            told.setdefault(int(line["row"]), []).append(line)
        originals = iter(read(clean, table))
        last = None
        for number, row in enumerate(read(dirty, table), 1):
            lines = told.pop(number, [])
            inserted = bool(lines) and kinds[lines[0]["kind"]].inserts
            original = last if inserted else next(originals)
            last = original
            if lines and kinds[lines[0]["kind"]].shifts:
                assert len(row["extra"]) == 1
                continue
            changed = {c: (original[c], row[c]) for c in original if original[c] != row[c]}
            assert changed == {
                x["column"]: (x["before"], x["after"]) for x in lines if x["column"] != WHOLE_ROW
            }
            assert all(x["key"] == original[KEYS[table]] for x in lines)
        assert told == {}
        assert next(originals, None) is None


def test_the_share_of_rows_with_a_defect_is_the_defect_rate(with_defects):
    clean, _, key = with_defects
    rows = sum(len(read(clean, table)) for table in TABLES)
    hit = len({(line["table"], line["row"]) for line in key})
    assert 0.035 < hit / rows < 0.045


def test_only_the_chosen_kinds_are_seeded(tmp_path):
    options = Options(patients=500, defect_rate=0.1, defects=("swapped_dates", "wrong_unit"))
    folder = generate(options, tmp_path / "out").folder
    with (folder / "_defects.csv").open() as file:
        assert set(Counter(line["kind"] for line in csv.DictReader(file))) == {"swapped_dates", "wrong_unit"}
