"""A profile of a table: shares and bounds of its columns, and no text."""

from __future__ import annotations

import pytest

from pipeline.contracts.model import load
from portal.athena import client as athena_client
from portal.dashboards import profile


def test_a_profile_agrees_with_plain_queries_and_tells_no_text(portal, acting, first_run):
    lee = acting("lee", "clinician")
    found = profile.of(lee, "fact_encounter", first_run.run_id).frame.set_index("column")
    assert list(found.index) == [c.name for c in load("gold", "fact_encounter").data_columns]
    table = athena_client.release_table(portal, "fact_encounter", first_run.run_id)
    row = athena_client.run_query(
        portal,
        f"SELECT count(*) AS n, count(is_readmitted_30d) AS known, max(total_cost) AS most FROM {table} t",
    ).frame.iloc[0]
    assert found.loc["is_readmitted_30d", "empty"] == pytest.approx(1 - row["known"] / row["n"])
    assert float(found.loc["total_cost", "greatest"]) == float(row["most"])
    assert found.loc["department", "greatest"] is None
