"""The run that the Quality page shows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from portal.reviews.read_model import Review


@dataclass(frozen=True)
class Shown:
    """The selected run with its rule results and review.

    `run_ids` are the runs up to it, oldest first; `past` has their results, `frame` those of the selected
    run, and `changed` the change of each of them since the run before.
    """

    run_id: str
    run_ids: list[str]
    frame: pd.DataFrame
    past: pd.DataFrame
    changed: pd.Series
    review: Review
