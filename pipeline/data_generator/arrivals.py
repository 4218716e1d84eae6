"""Draw when encounters begin, in the hospital's local time, from published patterns by encounter class.

Sources:

- Emergency (EMER) and observation (OBSENC): all 275,971 arrivals at the University of Iowa Hospital's
emergency department, July 2013 to March 2018, by hour (data set `uihc_ed_arrivals` of the R package fastTS
1.0.3; Peterson and Cavanaugh, Statistical Modelling 2024, doi:10.1177/1471082X231225307). Weekdays, hours and
months are means of the data set; the factor of a holiday is its mean divided by that of the same weekdays. -
Inpatient (IMP): 19.4 of 100 admissions on Saturday or Sunday (7,660 of 39,542 thousand; HCUP Statistical
Brief 87, table 1); from Tuesday to Friday their number falls (1,692,090 admissions; Heslin et al., Cureus
2024, doi:10.7759/cureus.58404); how much from day to day is an estimate. Hours: the quartiles of 66,132
admissions are 8:42, 14:48 and 19:12 (Society of Hospital Medicine, abstract "Impact of admission day and time
on outcomes of hospitalized patients"). Holidays have as many admissions as Sundays: an estimate. - Ambulatory
(AMB): Tuesday is the busiest day, 10 and 14 o'clock the busiest hours (ZocDoc's appointments, 2013); clinics
are closed on Sundays and nearly so on Saturdays: the exact shares are an estimate. The week of Independence
Day has 20, that of Labor Day 13, that of Memorial Day 11 % fewer appointments (ZocDoc, 2023): 100, 65 and 55
% of the appointments of one day; other holidays are estimates. - Virtual (VR): 76 of 100 visits Monday to
Friday, 71 of 100 between 8 and 18 o'clock (2,216 visits; Davis et al., Telehealth and Medicine Today 2019,
doi:10.30953/tmt.v4.154); within these, an even spread is an estimate.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from typing import Any

import numpy as np

from pipeline.data_generator.classes import AMB, EMER, IMP, OBSENC, VR
from pipeline.data_generator.clock import DAY

_ED_WEEKDAYS = (15.39, 14.31, 14.21, 13.87, 14.41, 13.83, 13.98)
WEEKDAYS = {
    AMB: (19.4, 20.8, 20.1, 19.6, 18.2, 1.8, 0.1),
    EMER: _ED_WEEKDAYS,
    IMP: (17.0, 17.0, 16.3, 15.7, 14.6, 9.9, 9.5),
    OBSENC: _ED_WEEKDAYS,
    VR: (15.2, 15.2, 15.2, 15.2, 15.2, 12.0, 12.0),
}
"""Percent of a week's encounters that begin on each day from Monday to Sunday, by class."""

_ED_HOURS = (
    2.83, 2.40, 2.01, 1.65, 1.40, 1.37, 1.55, 2.20, 3.49, 4.62, 5.38, 5.77,
    5.87, 5.84, 5.89, 6.00, 6.20, 6.25, 5.99, 5.79, 5.35, 4.77, 4.05, 3.33,
)  # fmt: skip
HOURS = {
    AMB: (0, 0, 0, 0, 0, 0, 0, 0, 9, 12.5, 14, 12, 6, 11, 13.5, 12, 10, 0, 0, 0, 0, 0, 0, 0),
    EMER: _ED_HOURS,
    IMP: (
        2.87, 2.87, 2.87, 2.87, 2.87, 2.87, 2.87, 2.87, 3.24, 4.10, 4.10, 4.10,
        4.10, 4.10, 4.42, 5.68, 5.68, 5.68, 5.68, 5.30, 5.21, 5.21, 5.21, 5.21,
    ),
    OBSENC: _ED_HOURS,
    VR: (0, 0, 0, 0, 0, 0, 1.5, 3.5, *[7.1] * 10, 6, 6, 5, 4, 2, 1),
}  # fmt: skip
"""Percent of a day's encounters that begin in each hour from midnight, by class."""

_ED_MONTHS = (0.962, 0.973, 0.991, 1.022, 1.003, 0.976, 1.014, 1.033, 1.078, 1.021, 0.974, 0.952)
MONTHS = {EMER: _ED_MONTHS, OBSENC: _ED_MONTHS}
"""Number of encounters a day relative to the year's mean, January to December, by class.

The other classes have no seasonal pattern.
"""

_SHUT = ("New Year's Day", "Independence Day", "Thanksgiving Day", "Christmas Day")
_ED_HOLIDAYS = {
    "New Year's Day": 0.91, "Independence Day": 0.88, "Thanksgiving Day": 0.72, "Christmas Day": 0.79,
}  # fmt: skip
HOLIDAYS = {
    AMB: dict.fromkeys(_SHUT, 0.03) | {"Labor Day": 0.35, "Memorial Day": 0.45},
    EMER: _ED_HOLIDAYS,
    IMP: dict.fromkeys((*_SHUT, "Labor Day", "Memorial Day"), 0.6),
    OBSENC: _ED_HOLIDAYS,
    VR: dict.fromkeys((*_SHUT, "Labor Day", "Memorial Day"), 0.8),
}
"""Number of encounters on a federal holiday relative to the same weekday, by class.

`OTHER_HOLIDAYS` has the number on holidays that are not listed here.
"""

OTHER_HOLIDAYS = {AMB: 0.7, EMER: 1.0, IMP: 0.95, OBSENC: 1.0, VR: 1.0}

_SLOT_MINUTES = {AMB: 5, VR: 5}


def federal_holidays(year: int) -> dict[date, str]:
    """Return the US federal holidays of a year (5 U.S.C. 6103) on the day they are observed.

    A holiday on a Saturday is observed on the Friday before, one on a Sunday on the Monday after.
    """
    fixed = {
        "New Year's Day": date(year, 1, 1),
        "Independence Day": date(year, 7, 4),
        "Veterans Day": date(year, 11, 11),
        "Christmas Day": date(year, 12, 25),
    }
    if year >= 2021:
        fixed["Juneteenth"] = date(year, 6, 19)
    shift = {5: timedelta(days=-1), 6: timedelta(days=1)}
    observed = {day + shift.get(day.weekday(), timedelta()): name for name, day in fixed.items()}
    return observed | {
        _nth(year, 1, 0, 3): "Martin Luther King Jr. Day",
        _nth(year, 2, 0, 3): "Washington's Birthday",
        _nth(year, 5, 0, 5): "Memorial Day",
        _nth(year, 9, 0, 1): "Labor Day",
        _nth(year, 10, 0, 2): "Columbus Day",
        _nth(year, 11, 3, 4): "Thanksgiving Day",
    }


def _nth(year: int, month: int, weekday: int, n: int) -> date:
    """Return the nth `weekday` (Monday is 0) of a month; the fourth if `n` is 5 and there are only four."""
    first = date(year, month, 1)
    day = first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))
    return day if day.month == month else day - timedelta(days=7)


@cache
def day_weights(kind: int, first: int, last: int) -> Any:
    """Return the relative number of encounters of a class on each day from `first` to `last`.

    Both are days since 1970-01-01."""
    days = np.arange(first, last + 1)
    weights = np.array(WEEKDAYS[kind])[(days + 3) % 7]
    if kind in MONTHS:
        month = days.astype("datetime64[D]").astype("datetime64[M]").astype(int) % 12
        weights = weights * np.array(MONTHS[kind])[month]
    years = range(date.fromordinal(first + _EPOCH).year, date.fromordinal(last + _EPOCH).year + 2)
    for year in years:
        for day, name in federal_holidays(year).items():
            if first <= (position := day.toordinal() - _EPOCH) <= last:
                weights[position - first] *= HOLIDAYS[kind].get(name, OTHER_HOLIDAYS[kind])
    return weights


_EPOCH = date(1970, 1, 1).toordinal()


def draw(rng: np.random.Generator, kind: int, first: int, last: int, n: int) -> Any:
    """Draw when `n` encounters of a class begin from day `first` to day `last`.

    Times are local, in seconds since 1970-01-01; days count from that date.
    """
    edges = np.cumsum(day_weights(kind, first, last))
    day = first + np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    return np.minimum(day, last) * DAY + draw_seconds(rng, kind, n)


def draw_seconds(rng: np.random.Generator, kind: int, n: int) -> Any:
    """Draw the local times of day, in seconds since midnight, at which `n` encounters of a class begin.

    Appointments (AMB, VR) start every five minutes.
    """
    edges = np.cumsum(HOURS[kind])
    hour = np.searchsorted(edges, rng.random(n) * edges[-1], side="right")
    slot = _SLOT_MINUTES.get(kind, 1)
    return np.minimum(hour, 23) * 3600 + rng.integers(0, 60 // slot, n) * slot * 60


def keep_pattern(rng: np.random.Generator, kind: int, days: Any) -> Any:
    """Return one of the candidate days (columns) of each row, drawn by the weekday pattern of the class.

    If the draw accepts none of them, return the first.
    """
    shares = np.array(WEEKDAYS[kind])
    accepted = rng.random(days.shape) * shares.max() < shares[(days + 3) % 7]
    return days[np.arange(len(days)), accepted.argmax(axis=1)]
