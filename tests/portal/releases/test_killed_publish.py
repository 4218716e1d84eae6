"""A publisher that is killed at any of its calls to AWS: readers see the old or the new release, whole."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from pipeline.releases.model import GOLD_TABLES
from portal.athena import client as athena_client
from portal.releases import service as releases

PUBLISHER = """
import os, signal, sys
import boto3, botocore.client
from pipeline.releases import publish as publishing
from pipeline.lake.uris import Lake

def publish_until(release_id, expect, calls):
    def call(self, *arguments):
        nonlocal calls
        if calls == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        calls -= 1
        return made(self, *arguments)

    made = botocore.client.BaseClient._make_api_call
    botocore.client.BaseClient._make_api_call = call
    lake = Lake.of(os.environ)
    refresh = publishing.view_refresher(boto3.client("athena"), lake)
    publishing.publish(
        boto3.client("s3"), lake, release_id, expect=expect, by="test", reason="killed", refresh_views=refresh
    )

for line in sys.stdin:
    release_id, expect, calls = line.split()
    child = os.fork()
    if not child:
        publish_until(release_id, expect, int(calls))
        os._exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
"""
"""Publishes as it is told, each time in a process that kills itself before the call of that number."""

READS, WRITE, VIEWS = 2, 1, len(GOLD_TABLES)
NEVER = 10_000


@pytest.fixture
def publisher(cloud):
    """`publisher(release_id, expect, calls)`: the status that the publishing process ended with."""
    with subprocess.Popen(
        [sys.executable, "-c", PUBLISHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:

        def publish(release_id, expect, calls=NEVER):
            process.stdin.write(f"{release_id} {expect} {calls}\n")
            process.stdin.flush()
            return int(process.stdout.readline())

        yield publish
        process.stdin.close()


def test_a_publisher_killed_at_any_call_leaves_one_release_whole(portal, held_run, on_its_base, publisher):
    old, new = on_its_base, held_run.run_id
    for calls in range(READS + WRITE + VIEWS + 1):
        assert publisher(new, old, calls) == signal.SIGKILL
        seen = releases.current(portal).release_id
        assert seen == (old if calls < READS + WRITE else new), f"killed before call {calls + 1}"
        assert _rows(portal, seen) == releases.get(portal, seen).tables
        assert publisher(new, seen) == 0, "publishing again repairs"
        assert releases.current(portal).release_id == new
        assert _plain_views(portal) == {new}
        old, new = new, old


def _rows(portal, release_id):
    """What a reader counts who asks as the portal does: by the release that is published."""
    counts = [
        f"(SELECT count(*) FROM {athena_client.release_table(portal, name, release_id)}) AS {name}"
        for name in GOLD_TABLES
    ]
    return athena_client.run_query(portal, f"SELECT {', '.join(counts)}").frame.iloc[0].astype(int).to_dict()


def _plain_views(portal):
    """The releases that somebody meets who asks the plain names."""
    parts = " UNION ALL ".join(f"SELECT release_id FROM {name}" for name in GOLD_TABLES)
    return set(
        athena_client.run_query(portal, f"SELECT DISTINCT release_id FROM ({parts})").frame["release_id"]
    )
