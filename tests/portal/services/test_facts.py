"""What the dashboards may ask for, and what roles may take away; the charts' numbers are tested with their pages."""

from __future__ import annotations

from collections import Counter
from datetime import date

import duckdb
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.components import exports
from portal.services import facts, releases, warehouse
from portal.services.aws import ServiceError
from portal.services.facts import FEWEST, Facts, Filters, suppress
from portal.services.questions import (
    ADMINISTRATIONS,
    ENCOUNTER_QUESTIONS,
    ENCOUNTERS,
    MEDICATION_QUESTIONS,
    PATIENT_QUESTIONS,
    PATIENTS,
)

QUESTIONS = {q.key: q for q in (*ENCOUNTER_QUESTIONS, *MEDICATION_QUESTIONS, *PATIENT_QUESTIONS)}
SOME = Filters(date(2025, 1, 10), date(2025, 2, 20), {"class": ("AMB", "EMER", "IMP")})


@pytest.fixture(scope="module")
def release_id(portal, first_run):
    return first_run.run_id


@pytest.fixture(scope="module")
def encounters(cloud, release_id):
    """The encounters' departments and payers, read from the files."""
    root = cloud.state / "s3" / "hdp-gold"
    fact, patient = (f"read_parquet('{root}/{t}/release_id={release_id}/**/*.parquet')" for t in ("fact_encounter", "dim_patient"))  # fmt: skip
    return duckdb.sql(
        f"SELECT coalesce(department, 'Not recorded') AS department, payer, admitted_at "
        f"FROM {fact} LEFT JOIN {patient} USING (patient_key)"
    ).df()


def test_filters_of_joined_dimensions_and_quotes_in_values(portal, release_id, encounters):
    filters = Filters(chosen={"payer": ("Medicare", "O'Hara's"), "chapter": ()})
    sql = Facts(portal, release_id).figures(ENCOUNTERS, {"n": "count(*)"}, filters)
    assert int(warehouse.ask(portal, sql).frame["n"].iloc[0]) == (encounters["payer"] == "Medicare").sum()
    assert "dim_diagnosis" not in sql


def test_choices_list_every_value_and_the_period(portal, release_id, encounters):
    row = warehouse.ask(portal, Facts(portal, release_id).choices(ENCOUNTERS)).frame.iloc[0]
    assert facts.listed(row["department"]) == sorted(set(encounters["department"]))
    assert pd.Timestamp(row["first"]) == encounters["admitted_at"].min()


def test_a_number_from_the_address_is_a_number_or_nothing():
    hour = ENCOUNTERS.dimension("hour")
    assert hour.condition(["7", "23"]) == "f.local_hour IN (7, 23)"
    assert [value for value in ("7", "-1", "", "1 OR 1=1", "1e9", "٣", "12345678901") if hour.allows(value)] == ["7", "-1"]  # fmt: skip


def test_rows_are_for_roles_that_may_ask_and_never_so_few_that_they_tell_who(acting, release_id, encounters):
    with pytest.raises(ServiceError, match=r"Your role \(viewer\) may not"):
        facts.rows(acting("v", "viewer"), release_id, ENCOUNTERS, Filters())
    counted = Counter(encounters["department"])
    rare = next(name for name, n in counted.items() if n < FEWEST)
    few = Filters(chosen={"department": (rare,)})
    with pytest.raises(ServiceError, match="Fewer than 11 encounters"):
        facts.rows(acting("a", "analyst"), release_id, ENCOUNTERS, few)
    assert len(facts.rows(acting("c", "clinician"), release_id, ENCOUNTERS, few).frame) == counted[rare]


@pytest.mark.parametrize("subject", [ENCOUNTERS, ADMINISTRATIONS, PATIENTS], ids=lambda s: s.name)
def test_the_rows_behind_a_dashboard_hold_no_identifier(acting, release_id, subject):
    frame = facts.rows(acting("a", "analyst"), release_id, subject, Filters()).frame
    assert len(frame) >= FEWEST
    assert not [name for name in frame.columns if name.endswith(("_key", "_id", "_npi", "name"))]


counts = st.lists(st.integers(0, 40), min_size=1, max_size=12)


def _frame(numbers, by):
    return pd.DataFrame({**by, "n": numbers, "cost": [10.0] * len(numbers)})


@given(counts)
def test_suppression_leaves_no_small_count_and_none_that_a_total_gives_away(numbers):
    frame = _frame(numbers, {"group": range(len(numbers))})
    shown = suppress(frame, ["group"], frame[["n"]], ["n", "cost"])
    left = shown["n"].dropna()
    assert not left.between(1, FEWEST - 1).any()
    emptied = shown["n"].isna()
    assert (shown["cost"].isna() == emptied).all()
    assert any(0 < n < FEWEST for n in numbers) == bool(emptied.any())
    if emptied.any() and (left > 0).any():
        assert not _is_known(frame["n"][emptied].to_list())
    assert frame["n"].to_list() == numbers


def _is_known(hidden):
    """Whether one alone could be what makes up the sum, where a count that is hidden is at least 1."""
    return len(hidden) == 1 or sum(hidden) == len(hidden)


@given(st.lists(st.integers(0, 40), min_size=12, max_size=12))
def test_suppression_leaves_no_cell_that_the_total_of_its_row_or_column_gives_away(numbers):
    by = {"month": [n // 4 for n in range(12)], "class": [n % 4 for n in range(12)]}
    frame = _frame(numbers, by)
    shown = suppress(frame, list(by), frame[["n"]], ["n"])
    assert not shown["n"].dropna().between(1, FEWEST - 1).any()
    for name in by:
        for _, line in frame.assign(left=shown["n"]).groupby(name):
            hidden = line["n"][line["left"].isna()].to_list()
            if hidden and (line["left"].dropna() > 0).any():
                assert not _is_known(hidden)


def test_rows_without_a_value_are_a_sum_that_is_known_too():
    by = {"month": [1, 2, 3, 4], "class": [None, None, "AMB", "AMB"]}
    shown = suppress(_frame([5, 100, 3, 4], by), list(by), _frame([5, 100, 3, 4], by)[["n"]], ["n"])
    assert shown["n"].isna().all(), "100 beside the total of the two without a class would tell the 5"


def test_suppression_of_fifty_thousand_groups_with_a_key_of_their_own_comes_to_an_end():
    numbers = [7 if n % 5 == 0 else 40 for n in range(50_000)]
    frame = _frame(numbers, {"key": range(50_000), "class": [n % 7 for n in range(50_000)]})
    shown = suppress(frame, ["key", "class"], frame[["n"]], ["n"])
    assert shown["n"].isna().to_list() == [n == 7 for n in numbers]


def test_what_a_share_leaves_is_small_too():
    question = QUESTIONS["readmissions"]
    frame = pd.DataFrame(
        {"department": list("abcd"), "stays": [40, 50, 60, 70], "readmitted": [20, 45, 30, 0]}
    )
    shown = question.suppressed(frame)  # of b only five did not come back; a would be told by the total
    assert shown["stays"].isna().to_list() == [True, True, False, False]
    assert shown["readmitted"].isna().to_list() == [True, True, False, False]


def test_exports_carry_release_filters_and_what_was_left_out(portal, release_id, tmp_path):
    question = QUESTIONS["encounters-by-department"]
    filters = SOME
    answer = facts.grouped(
        warehouse.ask(portal, Facts(portal, release_id).question(question, filters), release_id=release_id)
    )
    assert answer.rows == answer.frame["encounters"].sum()
    hidden = question.suppressed(answer.frame)
    words = filters.words(ENCOUNTERS)
    text = exports.csv(hidden, answer, words, "counts from 1 to 10 are left empty")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert f"# release: {release_id}" in head
    assert (
        "# filters: 2025-01-10 to 2025-02-20; Class: Ambulatory (AMB), Emergency (EMER), Inpatient (IMP)"
        in head
    )
    assert [line for line in head if line.startswith("# exported: 20") and line.endswith("Z")]
    file = tmp_path / "export.parquet"
    file.write_bytes(exports.parquet(hidden, answer, words))
    import pyarrow.parquet as pq

    metadata = pq.read_schema(file).metadata
    assert metadata[b"release"].decode() == release_id
    assert metadata[b"sql"].decode() == answer.sql
    back = pd.read_parquet(file)
    assert back["encounters"].isna().sum() == hidden["encounters"].isna().sum() > 0
    assert len(back) == len(answer.frame)


def test_the_published_release_is_named_by_every_answer(portal, release_id):
    assert releases.get(portal, release_id).release_id == release_id
    with pytest.raises(ServiceError, match="is no release id"):
        Facts(portal, "x'; DROP").choices(ENCOUNTERS)
