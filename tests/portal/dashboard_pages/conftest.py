"""Dashboard pages over a release with many rows, and a previous one with fewer."""

from __future__ import annotations

import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.releases import model as release_model
from portal.releases import service as releases
from portal.ui import cache, session
from tests.support.chart_truth import Star
from tests.support.many_rows import multiply, partitions, register
from tests.support.page_drivers import PAGES


@pytest.fixture(scope="module")
def lake(cloud, portal, first_run):
    """A release with many rows and a previous one with fewer, each with its files in SQL."""
    root = cloud.state / "s3" / "hdp-gold"
    ids = {"run-many": 40, "run-previous": 29}
    s3, glue, database = portal.client("s3"), portal.client("glue"), portal.lake.database("gold_releases")
    made = releases.get(portal, first_run.run_id)
    for release_id, times in ids.items():
        multiply(root, first_run.run_id, release_id, times)
        for table in release_model.GOLD_TABLES:
            register(glue, database, table, root / table / f"release_id={release_id}", first_run.run_id)
        created = f"2000-01-01T00:00:{times}Z"
        release_model.write(
            s3,
            portal.lake,
            replace(
                made,
                release_id=release_id,
                run_id=release_id,
                created_at=created,
                batch_ids=["of-a-hospital"],
            ),
        )
    many, previous = ids
    yield SimpleNamespace(
        release_id=many, former_id=previous, now=Star(root, many), before=Star(root, previous)
    )
    for release_id in ids:
        s3.delete_object(Bucket=portal.lake.bucket("quality"), Key=f"releases/{release_id}.json")
        for table in release_model.GOLD_TABLES:
            for partition in partitions(glue, database, table, release_id):
                glue.delete_partition(
                    DatabaseName=database, TableName=table, PartitionValues=partition["Values"]
                )
            shutil.rmtree(root / table / f"release_id={release_id}", ignore_errors=True)


@pytest.fixture
def open_page(lake, monkeypatch):
    """A page over that lake, opened with its charts of all sections at an address by a role."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    session.process_context.clear()
    cache.published.clear()

    def opened(page, role="clinician", **query):
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=120)
        app.session_state["role"] = role
        for name, value in {"release": lake.release_id, "section": "all", **query}.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    yield opened
    session.process_context.clear()
