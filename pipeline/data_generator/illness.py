"""Draw the diagnosis of each encounter by class, age, sex and month."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from pipeline.data_generator.classes import CLASSES
from pipeline.data_generator.pools import Diagnosis, diagnoses

_PEAK_DAY = {"winter": 15, "spring": 110, "summer": 200, "influenza": 40}


def draw(rng: np.random.Generator, kind: Any, age: Any, is_female: Any, month: Any) -> Any:
    """Return each encounter's diagnosis as an index into `diagnoses()`; January is `month` 0."""
    ages, edges = _shares()
    group = np.searchsorted(ages, age, side="right")
    row = ((kind * (len(ages) + 1) + group) * 2 + is_female) * 12 + month
    listed = len(diagnoses())
    found = np.searchsorted(edges, row + rng.random(len(row)), side="right")
    return np.minimum(found - row * listed, listed - 1)


@cache
def _shares() -> tuple[Any, Any]:
    """Return the ages at which shares change, and cumulative shares in one ascending array.

    Row r (a class, age group, sex and month) runs from r to r + 1, so one binary search finds row and
    diagnosis.
    """
    listed = diagnoses()
    ages = np.unique([age for d in listed for age in (d.age_from, d.age_to + 1)])
    youngest = np.concatenate([[-1], ages])
    weights = np.array([[d.weights[name] for d in listed] for name in CLASSES])
    fits = np.array([[d.age_from <= age <= d.age_to for d in listed] for age in youngest])
    sexes = np.array([[d.sex in {"", sex} for d in listed] for sex in ("M", "F")])
    seasons = np.array([_season(d) for d in listed]).T
    table = (
        weights[:, None, None, None]
        * fits[None, :, None, None]
        * sexes[None, None, :, None]
        * seasons[None, None, None]
    ).reshape(-1, len(listed))
    edges = np.cumsum(table, axis=1)
    edges /= np.maximum(edges[:, -1:], 1e-12)
    edges[:, -1] = 1.0
    return ages, (edges + np.arange(len(edges))[:, None]).ravel()


def _season(diagnosis: Diagnosis) -> Any:
    """Return the weight of each month, with a mean of 1 over the year.

    Influenza: activity rises from October, peaks in February in 17 of 40 seasons, in December in 7, in
    January and March in 6 each, and can last until May (CDC, Flu Season, 1982-83 to 2021-22). Other seasons:
    an estimate.
    """
    if not diagnosis.season:
        return np.ones(12)
    angle = (np.arange(12) * 30.4 + 15 - _PEAK_DAY[diagnosis.season]) / 365.25 * 2 * np.pi
    if diagnosis.season == "influenza":
        curve = np.exp(2.5 * np.cos(angle))
        return curve / curve.mean()
    return 1 + 0.6 * np.cos(angle)
