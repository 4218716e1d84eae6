"""The run that the Quality page shows."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from portal.quality.results import Audit
from portal.reviews.decisions import Finding
from portal.reviews.read_model import Review


@dataclass(frozen=True)
class Shown:
    """The selected run with its rule results and review.

    `frame` has the rule results of the run, `changed` the change of each result since the run before, and
    `findings` those results that need attention, the worst first. `run_ids` are the runs up to the selected
    one, oldest first; `past` has the results of all of them. `audit` is None if it was deleted.
    """

    run_id: str
    run_ids: list[str]
    frame: pd.DataFrame
    past: pd.DataFrame
    changed: pd.Series
    review: Review
    audit: Audit | None = None
    findings: tuple[Finding, ...] = ()
