"""XmR control limits of a monthly series: what varies by chance, and which months are signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEAST_MONTHS = 12
"""Limits of fewer months are too uncertain to be drawn."""

_SCALE = 3 / 1.128
"""Three standard deviations; 1.128 (d2) is the expected range of two values, in standard deviations."""

_RUN = 8
"""Number of months in a row on one side of the mean that is a signal."""


@dataclass(frozen=True)
class Limits:
    """Mean, lower and upper limit of a series, and for each value whether it is a signal."""

    mean: float
    lower: float
    upper: float
    signals: tuple[bool, ...]


def limits(values: Sequence[float], *, least: float = 0.0, most: float = math.inf) -> Limits | None:
    """Return the XmR limits of a series of months in order; None for fewer than `LEAST_MONTHS`.

    The limits are the mean, less and plus 2.66 times the mean moving range, within `least` and `most`.
    A value is a signal if it lies outside the limits, or in a run of 8 on one side of the mean
    (Wheeler, Understanding Variation, 1993; Shewhart's individuals chart).
    """
    series = np.asarray(values, float)
    if len(series) < LEAST_MONTHS or not np.isfinite(series).all():
        return None
    mean = float(series.mean())
    spread = _SCALE * float(np.abs(np.diff(series)).mean())
    lower, upper = max(least, mean - spread), min(most, mean + spread)
    outside = (series < lower) | (series > upper)
    return Limits(mean, lower, upper, tuple(map(bool, outside | _in_long_run(np.sign(series - mean)))))


def _in_long_run(sides: np.ndarray) -> np.ndarray:
    """Return for each value whether it is in a run of at least `_RUN` on one side of the mean."""
    found = np.zeros(len(sides), bool)
    start = 0
    for end in range(1, len(sides) + 1):
        if end == len(sides) or sides[end] != sides[start]:
            if sides[start] != 0 and end - start >= _RUN:
                found[start:end] = True
            start = end
    return found
