"""Who sees exact figures: roles that may open rows, and everybody where a release holds synthetic data alone."""

from __future__ import annotations

from portal.services import batches, releases
from portal.services.aws import Aws


def is_synthetic(aws: Aws, release_id: str) -> bool:
    """Whether every batch of the release is known and synthetic."""
    known = {batch.batch_id: batch.synthetic for batch in batches.list_batches(aws)}
    made = releases.find(aws, release_id)
    return (
        made is not None
        and bool(made.batch_ids)
        and all(known.get(batch_id, False) for batch_id in made.batch_ids)
    )


def sees_exact(aws: Aws, release_id: str) -> bool:
    return aws.person.may("query") or is_synthetic(aws, release_id)
