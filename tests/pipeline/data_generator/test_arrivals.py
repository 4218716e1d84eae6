"""Arrivals follow the published shares by weekday, hour, month and holiday."""

import numpy as np
import pandas as pd
import pytest
from pandas.tseries.holiday import USFederalHolidayCalendar

from pipeline.data_generator import Options, arrivals
from pipeline.data_generator.blocks import make
from pipeline.data_generator.classes import CLASSES

OPTIONS = Options(patients=20_000, seed=8)
HOLIDAY_POINTS = 0.8
"""Percentage points by which holidays (mostly Mondays) change a weekday's share, without sampling error."""

# Typed from the sources named in `arrivals`, not read from it.
ED_WEEKDAYS = [15.4, 14.3, 14.2, 13.9, 14.4, 13.8, 14.0]
WEEKDAYS = {
    "AMB": [19.4, 20.8, 20.1, 19.6, 18.2, 1.8, 0.1],
    "EMER": ED_WEEKDAYS,
    "IMP": [17.0, 17.0, 16.3, 15.7, 14.6, 9.9, 9.5],
    "OBSENC": ED_WEEKDAYS,
    "VR": [15.2, 15.2, 15.2, 15.2, 15.2, 12.0, 12.0],
}


@pytest.fixture(scope="module")
def encounters():
    """Encounters of 20,000 patients with the local time of their admission."""
    frames = [make(OPTIONS, block)["encounters"].to_pandas() for block in range(OPTIONS.blocks)]
    frame = pd.concat(frames, ignore_index=True)
    frame["local"] = pd.to_datetime(frame["admitted_at"]).dt.tz_convert("America/New_York")
    return frame


def _day(text):
    return int(np.datetime64(text, "D").astype(int))


def _chi_square(found, expected):
    return float(((found - expected) ** 2 / expected).sum())


@pytest.mark.parametrize("name", CLASSES)
def test_drawn_days_and_hours_have_the_published_shares(name):
    rng, n, kind = np.random.default_rng(1), 200_000, CLASSES.index(name)
    mondays = [_day(monday) for monday in ("2023-01-23", "2023-01-30", "2023-03-27", "2023-04-03")]
    local = np.concatenate([arrivals.draw(rng, kind, day, day + 6, n // 4) for day in mondays])
    weekday = np.bincount((local // 86_400 + 3) % 7, minlength=7)
    expected = np.array(WEEKDAYS[name]) / sum(WEEKDAYS[name]) * n
    assert (abs(weekday - expected) / n < 0.005).all()
    hour = np.bincount(local // 3600 % 24, minlength=24)
    wanted = np.array(arrivals.HOURS[kind]) / sum(arrivals.HOURS[kind]) * n
    open_hours = wanted > 0
    assert hour[~open_hours].sum() == 0
    assert _chi_square(hour[open_hours], wanted[open_hours]) < 49.7, "0.1 % point with 23 degrees of freedom"


@pytest.mark.parametrize("name", CLASSES)
def test_generated_weekdays_of_each_class_have_the_published_shares(encounters, name):
    days = encounters.loc[encounters["encounter_class"] == name, "local"].dt.dayofweek
    shares = days.value_counts(normalize=True).reindex(range(7), fill_value=0).to_numpy() * 100
    published = np.array(WEEKDAYS[name])
    error = 100 * np.sqrt(published / 100 * (1 - published / 100) / len(days))
    assert (abs(shares - published) < HOLIDAY_POINTS + 4 * error).all(), shares.round(1)


def test_outpatient_volume_is_even_from_monday_to_friday_and_almost_zero_at_weekends(encounters):
    days = encounters.loc[encounters["encounter_class"] == "AMB", "local"].dt.dayofweek.value_counts()
    weekdays = days.loc[range(5)]
    assert weekdays.max() / weekdays.min() < 1.25
    assert days.reindex([5, 6], fill_value=0).sum() / days.sum() < 0.03


def test_a_fifth_of_admissions_falls_on_the_weekend_as_hcup_reports(encounters):
    inpatient = encounters.loc[encounters["encounter_class"] == "IMP", "local"]
    assert 0.18 < (inpatient.dt.dayofweek >= 5).mean() < 0.21  # 7,660 of 39,542 thousand


def test_emergency_arrivals_peak_in_the_afternoon_and_are_fewest_before_dawn(encounters):
    hours = encounters.loc[encounters["encounter_class"] == "EMER", "local"].dt.hour
    assert 0.42 < hours.between(8, 15).mean() < 0.45  # 42.9 of 100 at the University of Iowa
    assert hours.between(0, 7).mean() < 0.18  # 15.4
    assert set(hours.value_counts().index[-3:]) <= {2, 3, 4, 5, 6}


def test_quarters_of_the_admissions_end_at_the_published_hours(encounters):
    local = encounters.loc[encounters["encounter_class"] == "IMP", "local"]
    hour = local.dt.hour + local.dt.minute / 60
    assert np.quantile(hour, [0.25, 0.5, 0.75]) == pytest.approx([8.7, 14.8, 19.2], abs=0.4)


def test_clinics_are_open_at_daytime_in_every_season(encounters):
    hours = encounters.loc[encounters["encounter_class"] == "AMB", "local"].dt.hour
    assert hours.between(8, 16).all()


def test_virtual_visits_fall_into_office_hours_as_published(encounters):
    local = encounters.loc[encounters["encounter_class"] == "VR", "local"]
    assert (local.dt.dayofweek < 5).mean() == pytest.approx(0.76, abs=0.015)
    assert local.dt.hour.between(8, 17).mean() == pytest.approx(0.71, abs=0.015)


@pytest.mark.parametrize("year", range(2021, 2031))
def test_federal_holidays_are_those_of_pandas(year):
    listed = {day for each in (year, year + 1) for day in arrivals.federal_holidays(each) if day.year == year}
    expected = USFederalHolidayCalendar().holidays(f"{year}-01-01", f"{year}-12-31")
    assert listed == {day.date() for day in expected}


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [("AMB", 0.0, 0.06), ("EMER", 0.76, 0.84), ("IMP", 0.56, 0.64), ("VR", 0.76, 0.84)],
)
def test_major_holidays_have_fewer_visits_of_each_class(name, low, high):
    """For the emergency department: the mean of 0.91, 0.88, 0.72 and 0.79, in months that are 3 % quieter."""
    days = {f"{year}-{day}" for year in (2024, 2025) for day in ("07-04", "12-25")} | {
        "2024-01-01",
        "2025-01-01",
    }
    days |= {"2024-11-28", "2025-11-27"}
    local = arrivals.draw(
        np.random.default_rng(2), CLASSES.index(name), _day("2024-01-01"), _day("2025-12-31"), 600_000
    )
    counts = pd.Series(pd.to_datetime(local // 86_400, unit="D")).value_counts()
    usual = counts.groupby(counts.index.dayofweek).median()
    ratios = [counts.get(pd.Timestamp(day), 0) / usual[pd.Timestamp(day).dayofweek] for day in days]
    assert low < np.mean(ratios) < high


def test_clinics_see_half_as_many_patients_on_federal_holidays(encounters):
    local = encounters.loc[encounters["encounter_class"] == "AMB", "local"]
    counts = local.dt.date.value_counts()
    holidays = [day for year in (2024, 2025) for day in arrivals.federal_holidays(year)]
    usual = counts.groupby(pd.to_datetime(counts.index).dayofweek).median()
    share = sum(counts.get(day, 0) for day in holidays) / sum(usual[day.weekday()] for day in holidays)
    assert 0.35 < share < 0.6  # 4 of 11 closed, 2 at 35 and 45 %, 5 at an estimated 70 %


def test_influenza_peaks_in_february_and_is_gone_in_summer(encounters):
    flu = encounters.loc[encounters["diagnosis_code"] == "J10.1", "local"].dt.month
    shares = flu.value_counts(normalize=True).reindex(range(1, 13), fill_value=0)
    assert shares.idxmax() in {1, 2}
    assert shares[[12, 1, 2, 3]].sum() > 0.7
    assert shares[[6, 7, 8, 9]].sum() < 0.05
