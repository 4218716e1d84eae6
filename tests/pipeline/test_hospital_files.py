"""Files of random hospitals through the real import and the real jobs, against gold in plain Python."""

from __future__ import annotations

import os
import random
from collections import defaultdict

import pytest

from pipeline.contracts.model import tables
from tests.support.gold_by_key import found, found_orders
from tests.support.gold_model import Model, differences
from tests.support.hospital_files import export, with_texts
from tests.support.hospitals import hospital
from tests.support.own_lake import own_lake

HOSPITALS = int(os.environ.get("HDP_FUZZ", "500"))
ZONE = "America/New_York"
"""Of the laptop cloud."""

pytestmark = [pytest.mark.integration, pytest.mark.fuzz]


@pytest.fixture(scope="module")
def exports(tmp_path_factory):
    """All hospitals in three batches, the last of which comes late."""
    rng = random.Random(f"files {os.environ.get('HDP_FUZZ_SEED', '')}")
    made = [with_texts(rng, hospital(rng, number)) for number in range(HOSPITALS)]
    split = [defaultdict(list) for _ in range(3)]
    for each in made:
        for table in each:
            for row in each[table]:
                rng.choice(split)[table].append(row)
    folder = tmp_path_factory.mktemp("exports")
    return [export(rng, rows, folder / f"batch-{number}") for number, rows in enumerate(split)]


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    with own_lake(tmp_path_factory.mktemp("lake") / "state") as lake:
        yield lake


def test_gold_is_that_of_the_model_before_and_after_the_late_rows(spark, lake, exports):
    names = [lake.load(each.folder).batch_id for each in exports[:2]]
    lake.run("run-early", auto_publish=False)
    _as_modeled(spark, lake, "run-early", names, exports[:2])
    names.append(lake.load(exports[2].folder).batch_id)
    lake.run("run-late", batch_ids=names, auto_publish=False)
    _as_modeled(spark, lake, "run-late", names, exports)


def _as_modeled(spark, lake, run_id, names, extracts):
    expected = {
        (name, table): counts
        for name, each in zip(names, extracts, strict=True)
        for table, counts in each.account.items()
    }
    assert lake.account(run_id) == expected
    assert all(received == loaded + kept for received, loaded, kept, _ in expected.values())
    model = Model({t: [row for each in extracts for row in each.loaded[t]] for t in tables("silver")}, ZONE)
    star, silver = lake.frames(spark, run_id)
    encounters, medications = found(star, silver)
    assert differences(model.encounters(), encounters)[:5] == []
    assert differences(model.medications(), medications)[:5] == []
    assert differences(model.orders(), found_orders(star, silver))[:5] == []


def test_the_files_have_what_they_should_try(exports):
    accounts = [counts for each in exports for counts in each.account.values()]
    assert sum(loaded for _, loaded, _, _ in accounts) > 5 * HOSPITALS
    assert all(kept > duplicates > 0 for _, _, kept, duplicates in accounts)
    written = b"".join(path.read_bytes() for each in exports for path in each.folder.iterdir())
    assert all(each in written for each in (b"\r\n", b"\n", b'"', b",NULL,", b",\\N,", b"\xef\xbb\xbf"))
