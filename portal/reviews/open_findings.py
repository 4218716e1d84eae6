"""Open findings of a release: undecided ones and those that must be fixed."""

from __future__ import annotations

from datetime import UTC, datetime

from portal.core.context import Context
from portal.core.rights import requires
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import decisions, read_model
from portal.reviews.decisions import Finding


@requires("query")
def of_release(context: Context, release_id: str) -> tuple[Finding, ...]:
    """Return the open findings of a release, the worst first."""
    release = releases.get(context, release_id)
    decided = read_model.of_run(context, release.run_id).decided
    results = quality.results(context, release.run_id)
    found = decisions.of_results(results, release.reasons, decided, datetime.now(UTC).date())
    return tuple(each for each in found if each.is_undecided or each.decision == "must_fix")
