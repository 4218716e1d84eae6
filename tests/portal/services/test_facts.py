"""The figures of every chart, held against pandas over the release's own files; and what roles may take away."""

from __future__ import annotations

from collections import Counter
from datetime import date

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
    FIRST_DOSES,
    LATE_MINUTES,
    MEDICATION_QUESTIONS,
    PATIENT_QUESTIONS,
    PATIENTS,
)

QUESTIONS = {q.key: q for q in (*ENCOUNTER_QUESTIONS, *MEDICATION_QUESTIONS, *PATIENT_QUESTIONS)}
NONE = "Not recorded"

FILTERS = {
    "encounters": Filters(date(2025, 1, 10), date(2025, 2, 20), {"class": ("AMB", "EMER", "IMP")}),
    "medications": Filters(date(2025, 1, 10), date(2025, 3, 1), {"route": ("IV", "PO")}),
    "patients": Filters(chosen={"sex": ("F",)}),
}


@pytest.fixture(scope="module")
def release_id(portal, first_run):
    return first_run.run_id


@pytest.fixture(scope="module")
def star(cloud, release_id):
    """The gold tables as data frames, read from their files."""

    def read(table):
        folder = cloud.state / "s3" / "hdp-gold" / table / f"release_id={release_id}"
        return pd.concat(
            [
                pd.read_parquet(file).assign(**dict([file.parent.name.split("=")] if "_month=" in file.parent.name else []))
                for file in folder.rglob("*.parquet")
            ]
        )  # fmt: skip

    return read


def _encounters(star, filters):
    rows = star("fact_encounter")
    rows = rows.merge(star("dim_diagnosis"), on="diagnosis_key", how="left")
    rows = rows.merge(star("dim_patient")[["patient_key", "payer"]], on="patient_key", how="left")
    rows["class"] = rows["encounter_class"].fillna(NONE)
    rows["department"] = rows["department"].fillna(NONE)
    rows["payer"] = rows["payer"].fillna(NONE)
    rows["chapter"] = rows["icd10_chapter_title"].fillna(rows["diagnosis_description"]).fillna(NONE)
    rows["month"] = rows["admitted_at"].dt.strftime("%Y-%m")
    rows["weekday"] = rows["admitted_at"].dt.isocalendar().day
    rows["hour"] = rows["admitted_at"].dt.hour
    rows["days"] = rows["length_of_stay_days"].clip(upper=30)
    return _within(rows, rows["admitted_at"], filters)


def _administrations(star, filters, first_only=False):
    rows = star("fact_medication_admin")
    if first_only:
        given_ = rows[rows["administered_at"].notna()].sort_values("administered_at", kind="stable")
        rows = given_.drop_duplicates(["encounter_key", "medication_key", "ordered_at"])
    rows = rows.merge(star("dim_medication"), on="medication_key", how="left")
    rows = rows.merge(
        star("dim_provider")[["provider_key", "provider_specialty"]], on="provider_key", how="left"
    )
    rows["route"] = rows["route"].fillna(NONE)
    rows["therapeutic"] = rows["therapeutic_class"].fillna("Not classified")
    rows["status"] = rows["status"].fillna(NONE)
    rows["medication"] = rows["medication_name"].fillna(NONE)
    rows["specialty"] = rows["provider_specialty"].fillna(NONE)
    rows["unit"] = rows["dose_unit"].fillna(NONE)
    moment = rows["administered_at"].fillna(rows["ordered_at"])
    rows["month"] = rows["administered_month"]
    rows["weekday"] = rows["administered_at"].dt.isocalendar().day
    rows["hour"] = rows["administered_at"].dt.hour
    return _within(rows, moment, filters)


def _patients(star, filters):
    rows = star("dim_patient")
    rows = rows[rows["is_current"] & (rows["patient_key"] != -1)].copy()
    for name in ("sex", "state", "payer", "age_band", "zip3", "race", "language"):
        rows[name] = rows[name].fillna(NONE)
    return _within(rows, None, filters)


def _within(rows, moment, filters):
    keep = pd.Series(data=True, index=rows.index)
    if moment is not None and filters.start:
        keep &= moment.dt.date >= filters.start
    if moment is not None and filters.end:
        keep &= moment.dt.date <= filters.end
    for name, values in filters.chosen.items():
        keep &= rows[name].isin(values)
    return rows[keep]


def _expected(question, star, filters):
    """What the question should answer, by its key columns: a Counter or a mapping to tuples."""
    if question.subject.name == "patients":
        rows = _patients(star, filters)
    elif question.subject.name == "encounters":
        rows = _encounters(star, filters)
    else:
        rows = _administrations(star, filters, first_only=question.subject is FIRST_DOSES)
    by = list(question.by)
    if question.key == "length-of-stay":
        rows = rows[rows["class"].isin(["IMP", "ACUTE", "OBSENC", "EMER"]) & rows["days"].notna()]
    if question.key == "administrations-by-hour":
        rows = rows[rows["administered_at"].notna()]
    if question.key == "readmissions":
        rows = rows[rows["is_readmitted_30d"].notna()]
        return {k: (len(g), int(g["is_readmitted_30d"].sum())) for k, g in rows.groupby(by)}
    if question.key == "cost-by-class":
        return {k: (pytest.approx(float(g["total_cost"].sum())), len(g)) for k, g in rows.groupby(by)}
    if question.key == "dose-range":
        rows = rows[
            rows["dose"].notna()
            & rows["usual_dose_low"].notna()
            & (rows["dose_unit"] == rows["usual_dose_unit"])
        ]
        return {
            k: (
                int((g["dose"] < g["usual_dose_low"]).sum()),
                int(g["dose"].between(g["usual_dose_low"], g["usual_dose_high"]).sum()),
                int((g["dose"] > g["usual_dose_high"]).sum()),
            )
            for k, g in rows.groupby(by)
        }
    if question.key == "dose-distribution":
        rows = rows[rows["dose"].notna()]
        return {
            k: (len(g), _or_none(g["usual_dose_low"].min()), _or_none(g["usual_dose_high"].max()))
            for k, g in rows.groupby(by)
        }
    if question.key == "not-given":
        return {k: (int((g["status"] == "not-done").sum()), len(g)) for k, g in rows.groupby(by)}
    if question.key == "order-to-dose":
        rows = rows[rows["minutes_from_order"].notna()]
        return {k: (len(g), int((g["minutes_from_order"] > LATE_MINUTES).sum())) for k, g in rows.groupby(by)}
    return {k: (len(g),) for k, g in rows.groupby(by)}


def _or_none(value):
    return None if pd.isna(value) else value


@pytest.mark.parametrize("is_filtered", [False, True], ids=["everything", "filtered"])
@pytest.mark.parametrize("key", QUESTIONS)
def test_a_chart_shows_what_the_files_hold(portal, release_id, star, key, is_filtered):
    question = QUESTIONS[key]
    filters = FILTERS[question.subject.name] if is_filtered else Filters()
    frame = warehouse.ask(portal, Facts(portal, release_id).question(question, filters)).frame
    by = [frame[name].to_list() for name in question.by]
    found = {
        group: tuple(None if pd.isna(v) else (float(v) if isinstance(v, float) else v) for v in values)
        for group, *values in zip(
            zip(*by, strict=True), *(frame[n].to_list() for n in question.values), strict=True
        )
    }
    expected = _expected(question, star, filters)
    assert expected
    assert found == expected


def test_filters_of_joined_dimensions_and_quotes_in_values(portal, release_id, star):
    filters = Filters(chosen={"payer": ("Medicare", "O'Hara's"), "chapter": ()})
    sql = Facts(portal, release_id).figures(ENCOUNTERS, {"n": "count(*)"}, filters)
    rows = _encounters(star, Filters(chosen={"payer": ("Medicare",)}))
    assert int(warehouse.ask(portal, sql).frame["n"].iloc[0]) == len(rows)
    assert "dim_diagnosis" not in sql


def test_choices_list_every_value_and_the_period(portal, release_id, star):
    row = warehouse.ask(portal, Facts(portal, release_id).choices(ENCOUNTERS)).frame.iloc[0]
    rows = _encounters(star, Filters())
    assert facts.listed(row["department"]) == sorted(set(rows["department"]))
    assert pd.Timestamp(row["first"]) == rows["admitted_at"].min()


def test_rows_are_for_roles_that_may_ask_and_never_so_few_that_they_tell_who(acting, release_id, star):
    with pytest.raises(ServiceError, match=r"Your role \(viewer\) may not"):
        facts.rows(acting("v", "viewer"), release_id, ENCOUNTERS, Filters())
    counted = Counter(_encounters(star, Filters())["department"])
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


@given(counts)
def test_suppression_leaves_no_small_count_and_none_that_a_total_gives_away(numbers):
    frame = pd.DataFrame({"group": range(len(numbers)), "n": numbers, "cost": [10.0] * len(numbers)})
    hidden = suppress(frame, ["n"], ["n", "cost"])
    left = hidden["n"].dropna()
    assert not left.between(1, FEWEST - 1).any()
    emptied = hidden["n"].isna()
    assert (hidden["cost"].isna() == emptied).all()
    if emptied.sum() == 1:
        assert all(n == 0 for n, gone in zip(numbers, emptied, strict=True) if not gone)
    small = {n for n in numbers if 0 < n < FEWEST}
    assert bool(small) == bool(emptied.any())
    assert frame["n"].to_list() == numbers


def test_exports_carry_release_filters_and_what_was_left_out(portal, release_id, tmp_path):
    question = QUESTIONS["encounters-by-department"]
    filters = FILTERS["encounters"]
    answer = warehouse.ask(
        portal, Facts(portal, release_id).question(question, filters), release_id=release_id
    )
    hidden = question.suppressed(answer.frame)
    words = filters.words(ENCOUNTERS)
    text = exports.csv(hidden, answer, words, "counts from 1 to 10 are left empty")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert f"# release: {release_id}" in head
    assert "# filters: 2025-01-10 to 2025-02-20; Class: AMB, EMER, IMP" in head
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
