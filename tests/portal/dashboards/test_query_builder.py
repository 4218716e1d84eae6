"""What the dashboards may ask for, and what roles may take away.

The charts' numbers are tested with their pages.
"""

from __future__ import annotations

from collections import Counter
from datetime import date

import duckdb
import pandas as pd
import pytest

from portal.athena import client as athena_client
from portal.core.errors import ServiceError
from portal.dashboards import query_builder
from portal.dashboards.administrations import ADMINISTRATIONS
from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.encounters import ENCOUNTERS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.order_charts import ORDER_CHARTS, ORDERS
from portal.dashboards.patient_charts import PATIENT_CHARTS, PATIENTS
from portal.dashboards.query_builder import Filters, QueryBuilder
from portal.releases import service as releases
from portal.ui import exports

CHARTS_BY_KEY = {q.key: q for q in (*ENCOUNTER_CHARTS, *MEDICATION_CHARTS, *ORDER_CHARTS, *PATIENT_CHARTS)}
SOME = Filters(date(2025, 1, 10), date(2025, 2, 20), {"class": ("AMB", "EMER", "IMP")})


@pytest.fixture(scope="module")
def release_id(portal, first_run):
    return first_run.run_id


@pytest.fixture(scope="module")
def encounters(cloud, release_id):
    """The encounters' departments and payers, read from the files."""
    root = cloud.state / "s3" / "hdp-gold"
    fact, patient = (
        f"read_parquet('{root}/{t}/release_id={release_id}/**/*.parquet')"
        for t in ("fact_encounter", "dim_patient")
    )
    return duckdb.sql(
        f"SELECT coalesce(department, 'Not recorded') AS department, payer, local_date "
        f"FROM {fact} LEFT JOIN {patient} USING (patient_key)"
    ).df()


def test_filters_of_joined_dimensions_and_quotes_in_values(portal, release_id, encounters):
    filters = Filters(chosen={"payer": ("Medicare", "O'Hara's"), "chapter": ()})
    sql = QueryBuilder(portal, release_id).aggregates(ENCOUNTERS, {"n": "count(*)"}, filters)
    assert (
        int(athena_client.run_query(portal, sql).frame["n"].iloc[0])
        == (encounters["payer"] == "Medicare").sum()
    )
    assert "dim_diagnosis" not in sql


def test_choices_list_every_value_and_the_period(portal, release_id, encounters):
    row = athena_client.run_query(
        portal, QueryBuilder(portal, release_id).filter_values(ENCOUNTERS)
    ).frame.iloc[0]
    assert query_builder.split_values(row["department"]) == sorted(set(encounters["department"]))
    first = encounters["local_date"].min()
    assert pd.Timestamp(row["first"]) == pd.Timestamp(first)


def test_a_number_from_the_address_is_a_number_or_nothing():
    hour = ENCOUNTERS.dimension("hour")
    assert hour.condition(["7", "23"]) == "f.local_hour IN (7, 23)"
    assert [
        value for value in ("7", "-1", "", "1 OR 1=1", "1e9", "٣", "12345678901") if hour.allows(value)
    ] == ["7", "-1"]


def test_rows_are_for_roles_that_may_open_them_however_few(acting, release_id, encounters):
    with pytest.raises(ServiceError, match="Viewers cannot"):
        query_builder.rows(acting("v", "viewer"), release_id, ENCOUNTERS, Filters())
    counted = Counter(encounters["department"])
    rare = next(name for name, n in counted.items() if n < 11)
    few = Filters(chosen={"department": (rare,)})
    for role in ("analyst", "clinician", "engineer"):
        assert len(query_builder.rows(acting("x", role), release_id, ENCOUNTERS, few).frame) == counted[rare]


@pytest.mark.parametrize("dataset", [ENCOUNTERS, ADMINISTRATIONS, ORDERS, PATIENTS], ids=lambda s: s.name)
def test_the_source_rows_a_dashboard_hold_no_identifier(acting, release_id, dataset):
    frame = query_builder.rows(acting("a", "analyst"), release_id, dataset, Filters()).frame
    assert len(frame)
    assert not [name for name in frame.columns if name.endswith(("_key", "_id", "_npi", "name"))]


def test_exports_carry_release_filters_and_what_was_left_out(portal, release_id, tmp_path):
    chart = CHARTS_BY_KEY["encounters-by-department"]
    filters = SOME
    answer = query_builder.with_source_rows(
        athena_client.run_query(
            portal, QueryBuilder(portal, release_id).chart_sql(chart, filters), release_id=release_id
        )
    )
    assert answer.rows == answer.frame["encounters"].sum()
    hidden = answer.frame.convert_dtypes()
    hidden.loc[0, "encounters"] = pd.NA
    words = filters.describe(ENCOUNTERS)
    text = exports.csv(hidden, answer, words, "counts from 1 to 10 are left empty")
    head = [line for line in text.splitlines() if line.startswith("#")]
    assert f"# release: {release_id}" in head
    assert (
        "# filters: 2025-01-10 to 2025-02-20; Class: Ambulatory (AMB), Emergency (EMER), Inpatient (IMP)"
        in head
    )
    assert [line for line in head if line.startswith("# exported: 20") and line.endswith("Z")]
    file = tmp_path / "export.parquet"
    file.write_bytes(exports.parquet(hidden, answer, words))
    import pyarrow.parquet as pq

    metadata = pq.read_schema(file).metadata
    assert metadata[b"release"].decode() == release_id
    assert metadata[b"sql"].decode() == answer.sql
    back = pd.read_parquet(file)
    assert back["encounters"].isna().sum() == 1
    assert len(back) == len(answer.frame)


def test_the_published_release_is_named_by_every_answer(portal, release_id):
    assert releases.get(portal, release_id).release_id == release_id
    with pytest.raises(ServiceError, match="is not a release id"):
        QueryBuilder(portal, "x'; DROP").filter_values(ENCOUNTERS)
