"""The run that the Quality page shows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from portal.reviews.read_model import Review


@dataclass(frozen=True)
class Shown:
    """The selected run with its results, its changes and its review."""

    run_id: str
    run_ids: list[str]
    frame: pd.DataFrame
    past: pd.DataFrame
    changed: pd.Series
    review: Review
