"""Which batches and releases are synthetic, and so exempt from the suppression of small counts."""

from __future__ import annotations

import pytest

from pipeline.releases import model as release_model
from pipeline.releases.model import Release
from portal.batches import service as batches
from portal.releases import service as releases


@pytest.fixture
def made(portal):
    """Writes a release of these batches; gives its id."""
    keys = []

    def of(name, batch_ids):
        keys.append(name)
        release_model.write(
            portal.client("s3"),
            portal.lake,
            Release(name, name, batch_ids, "publish", "2000-01-01T00:00:00Z"),
        )
        return name

    yield of
    for name in keys:
        portal.client("s3").delete_object(Bucket=portal.lake.bucket("quality"), Key=f"releases/{name}.json")


def test_a_release_is_exempt_where_every_batch_is_known_to_be_synthetic(
    portal, acting, first_run, failed_run, made
):
    known = {batch.batch_id: batch.synthetic for batch in batches.list_batches(portal)}
    generated, typed = first_run.batch_ids[0], failed_run.batch_id
    assert (known[generated], known[typed]) == (True, False)
    for name, ids, is_exempt in (
        ("one", [generated], True),
        ("both", [generated, typed], False),
        ("typed", [typed], False),
        ("unknown", [generated, "of-nobody"], False),
        ("none", [], False),
    ):
        release_id = made(f"run-synthetic-{name}", ids)
        assert releases.is_synthetic(portal, release_id) is is_exempt, name
        assert releases.sees_exact(acting("vic", "viewer"), release_id) is is_exempt
        assert releases.sees_exact(acting("ann", "analyst"), release_id)
    assert not releases.is_synthetic(portal, "run-that-is-not-there")
