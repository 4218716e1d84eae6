"""The sample of the first start has data for every chart of the dashboards."""

import pandas as pd
import pytest

from pipeline.data_generator.blocks import TABLES, make
from pipeline.reference import formulary
from portal.cli import cloud
from portal.dashboards import medication_charts

SHOWN = 11
"""Smallest count that every role sees."""


@pytest.fixture(scope="module")
def sample():
    options = cloud._SAMPLE
    blocks = [make(options, block) for block in range(options.blocks)]
    frames = {t: pd.concat([block[t].to_pandas() for block in blocks], ignore_index=True) for t in TABLES}
    encounters, medications = frames["encounters"], frames["medications"]
    for frame, columns in (
        (encounters, ("admitted_at", "discharged_at")),
        (medications, ("ordered_at", "administered_at")),
    ):
        for column in columns:
            frame[column] = pd.to_datetime(frame[column]).dt.tz_convert(options.time_zone)
    return frames


def test_it_has_about_seventeen_thousand_encounters(sample):
    assert cloud._SAMPLE.patients == 5000
    assert 16_000 < len(sample["encounters"]) < 18_500


def test_months_classes_departments_and_payers_have_enough_encounters_to_be_shown(sample):
    encounters = sample["encounters"]
    months = encounters["admitted_at"].dt.strftime("%Y-%m")
    assert months.nunique() == 24
    assert months.value_counts().min() > 500
    for column in ("encounter_class", "department"):
        assert encounters[column].value_counts().min() >= SHOWN
    assert sample["patients"]["payer"].value_counts().min() >= SHOWN
    stays = encounters[encounters["encounter_class"].isin(["IMP", "OBSENC", "EMER"])]
    days = (stays["discharged_at"] - stays["admitted_at"]).dt.days
    assert set(range(10)) <= set(days)


def test_every_weekday_and_every_hour_has_arrivals(sample):
    local = sample["encounters"]["admitted_at"]
    assert local.dt.dayofweek.value_counts().min() > 100
    assert set(local.dt.hour) == set(range(24))


def test_readmissions_and_deaths_are_there(sample):
    stays = sample["encounters"].query("encounter_class == 'IMP'").sort_values(["patient_id", "admitted_at"])
    following = stays.groupby("patient_id")["admitted_at"].shift(-1) - stays["discharged_at"]
    assert (following.dt.days < 30).sum() > 5 * SHOWN
    assert sample["patients"].dropna(subset=["death_date"])["patient_id"].nunique() > 50
    assert (stays["discharge_disposition"] == "expired").sum() >= SHOWN


def test_each_month_has_doses_that_were_not_given(sample):
    missed = sample["medications"].query("status == 'not-done'")
    assert (
        missed["ordered_at"]
        .dt.strftime("%Y-%m")
        .value_counts()
        .reindex(sample["encounters"]["admitted_at"].dt.strftime("%Y-%m").unique(), fill_value=0)
        .min()
        >= SHOWN
    )
    doses = sample["medications"].query("event_kind == 'administration'")
    assert set(doses["status"]) == {"completed", "not-done", "stopped", "in-progress"}
    reasons = missed["reason_not_given"].value_counts()
    assert len(reasons) == 8
    assert reasons.min() >= SHOWN


def test_each_month_has_orders_and_dispenses(sample):
    events = sample["medications"]
    months = events["ordered_at"].dt.strftime("%Y-%m")
    counted = pd.crosstab(months, events["event_kind"])
    assert len(counted) == 24
    assert counted.min().min() >= SHOWN


def test_late_first_doses_and_doses_outside_the_usual_range_are_there(sample):
    doses = sample["medications"]
    minutes = (doses["administered_at"] - doses["ordered_at"]).dt.total_seconds() / 60
    first = minutes.groupby([doses["encounter_id"], doses["medication_code"]]).min()
    assert (first > medication_charts.LATE_MINUTES).sum() > 5 * SHOWN
    usual = {m.code: m for m in formulary()}
    amount = doses["dose"].astype(float)
    assert (amount < doses["medication_code"].map(lambda code: usual[code].usual_low)).sum() > 5 * SHOWN
    assert (amount > doses["medication_code"].map(lambda code: usual[code].usual_high)).sum() > 5 * SHOWN
    classes = doses["medication_code"].map(lambda code: usual[code].therapeutic_class)
    assert classes.nunique() >= 15
    assert doses["route"].nunique() >= 5
