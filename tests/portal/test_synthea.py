"""A real Synthea export through the product.

What is published equals DuckDB over the files, and so does every chart.
"""

from __future__ import annotations

import random

import duckdb
import pytest

from portal.dashboards import suppressed_views
from portal.dashboards.query_builder import Filters
from portal.releases import service as releases
from tests.support import chart_filters
from tests.support.attack import is_safe, on_page
from tests.support.chart_filters import check, chosen
from tests.support.chart_truth import CHARTS, Star
from tests.support.gold import RELEASE, Athena
from tests.support.own_lake import own_lake

pytestmark = pytest.mark.integration

PAGES = {page: charts for page, charts in chart_filters.PAGES.items() if page != "medications"}
"""The pages of charts without administrations: Synthea's medications are orders."""

ALL = [(page, chart) for page, charts in PAGES.items() for chart in charts]

FILES = """
    CREATE TABLE e AS SELECT *, timezone('America/New_York', START::timestamptz)::date AS day FROM
    read_csv('{0}/encounters.csv', all_varchar = true); CREATE TABLE m AS FROM read_csv('{0}/medications.csv',
    all_varchar = true); CREATE TABLE p AS FROM read_csv('{0}/patients.csv', all_varchar = true); CREATE TABLE
    c AS SELECT ENCOUNTER AS of_encounter, arg_min(struct_pack(code := CODE, name := DESCRIPTION),
        (DESCRIPTION NOT LIKE '%(disorder)', START, CODE)) AS earliest
        FROM read_csv('{0}/conditions.csv', all_varchar = true) GROUP BY ALL; CREATE TABLE
    classes AS FROM (VALUES ('wellness', 'AMB'), ('ambulatory', 'AMB'), ('outpatient', 'AMB'), ('urgentcare',
    'AMB'),
        ('emergency', 'EMER'), ('inpatient', 'IMP'), ('hospice', 'IMP'), ('snf', 'IMP'), ('virtual', 'VR'),
        ('home', 'HH')) t(key, value);
"""

ENCOUNTERS = (
    """SELECT START::timestamptz, STOP::timestamptz, classes.value, coalesce(REASONCODE, earliest.code),
        if(REASONCODE IS NULL, earliest.name, REASONDESCRIPTION), PROVIDER,
        TOTAL_CLAIM_COST::decimal(12, 2), day, timezone('America/New_York', STOP::timestamptz)::date - day,
        date_diff('second', START::timestamptz, STOP::timestamptz) / 3600, least(90, date_diff('year',
        BIRTHDATE::date, day) - if(strftime(day, '%m%d') < strftime(BIRTHDATE::date, '%m%d'), 1, 0)), GENDER,
        DEATHDATE IS NOT NULL
    FROM e JOIN p ON PATIENT = p.Id JOIN classes ON ENCOUNTERCLASS = key
        LEFT JOIN c ON e.Id = of_encounter""",
    """SELECT admitted_at, discharged_at, encounter_class, diagnosis_code, diagnosis_description,
            provider_npi,
        total_cost, local_date, length_of_stay_days, length_of_stay_hours, age_at_admission, sex, is_deceased
    FROM gold.fact_encounter JOIN gold.dim_patient USING (patient_key) JOIN gold.dim_provider USING
    (provider_key)
        LEFT JOIN gold.dim_diagnosis d ON d.diagnosis_key = fact_encounter.diagnosis_key
            AND d.diagnosis_key <> -1""",
)
MEDICATIONS = (
    """SELECT m.START::timestamptz, m.CODE, m.DESCRIPTION, e.PROVIDER, e.START::timestamptz,
            e.TOTAL_CLAIM_COST::decimal(12, 2), GENDER, 'order', if(m.STOP IS NULL, 'active', 'completed'),
            NULL::double
    FROM m JOIN e ON ENCOUNTER = e.Id JOIN p ON m.PATIENT = p.Id""",
    """SELECT ordered_at, medication_code, medication_name, provider_npi, admitted_at, total_cost, sex,
            event_kind, status, dose
    FROM gold.fact_medication_order f JOIN gold.fact_encounter USING (encounter_key) JOIN gold.dim_medication
    USING (medication_key)
        JOIN gold.dim_patient d ON d.patient_key = f.patient_key
        JOIN gold.dim_provider g ON g.provider_key = f.provider_key""",
)


DIAGNOSES = (
    """SELECT timezone('America/New_York', x.START::date::timestamp), x.CODE, x.DESCRIPTION,
        e.START::timestamptz, GENDER, coalesce(REASONCODE, earliest.code) = x.CODE
    FROM read_csv('{0}/conditions.csv', all_varchar = true) x JOIN e ON x.ENCOUNTER = e.Id
        JOIN p ON x.PATIENT = p.Id JOIN c ON e.Id = of_encounter""",
    """SELECT diagnosed_at, diagnosis_code, diagnosis_description, admitted_at, sex, is_principal
    FROM gold.bridge_encounter_diagnosis b JOIN gold.fact_encounter USING (encounter_key)
        JOIN gold.dim_diagnosis d ON d.diagnosis_key = b.diagnosis_key
        JOIN gold.dim_patient g ON g.patient_key = b.patient_key""",
)


@pytest.fixture(scope="module", params=["synthea", "synthea-export"])
def export(request, shared, tmp_path_factory):
    """A folder of files, and the lake in which they are published."""
    folder = shared / "data" / request.param
    with own_lake(tmp_path_factory.mktemp("lake") / "state") as lake:
        batch = lake.load(folder)
        lake.run(RELEASE)
        assert releases.current(lake.aws).release_id == RELEASE
        yield folder, lake, batch


def _rows(db, query):
    return sorted(db.execute(query).fetchall(), key=str)


@pytest.mark.parametrize(
    "queries", [ENCOUNTERS, MEDICATIONS, DIAGNOSES], ids=["encounters", "medications", "diagnoses"]
)
def test_times_costs_codes_and_references_are_those_of_the_files(export, queries):
    folder, lake, _ = export
    with duckdb.connect() as files, lake.sql(RELEASE) as published:
        files.execute("SET TimeZone = 'UTC'")
        files.execute(FILES.format(folder))
        expected, found = _rows(files, queries[0].replace("{0}", str(folder))), _rows(published, queries[1])
    assert len(expected) == {id(ENCOUNTERS): 604, id(MEDICATIONS): 663, id(DIAGNOSES): 438}[id(queries)]
    assert [row[:9] for row in found] == [row[:9] for row in expected]
    assert [row[9:] for row in found] == [tuple(map(pytest.approx, row[9:])) for row in expected]


def test_every_row_is_accounted_for(export):
    _, lake, batch = export
    rows = {"patients": 27, "encounters": 604, "medications": 663, "diagnoses": 438}
    assert lake.account(RELEASE) == {(batch.batch_id, t): (n, n, 0, 0) for t, n in rows.items()}
    with lake.sql(RELEASE) as published:
        people = (
            "SELECT count(*), count(DISTINCT patient_durable_key) FROM gold.dim_patient "
            "WHERE patient_key <> -1"
        )
        assert published.execute(people).fetchall() == [(27, 27)]
    tables = releases.get(lake.aws, RELEASE).tables
    assert (tables["fact_medication_order"], tables["fact_medication_admin"]) == (663, 0)


@pytest.fixture(scope="module")
def gold(export):
    folder = export[1].buckets / "hdp-gold"
    return Athena(folder), Star(folder, RELEASE)


@pytest.mark.parametrize("export", ["synthea-export"], indirect=True)
@pytest.mark.parametrize(("page", "chart"), ALL, ids=lambda each: getattr(each, "key", each))
def test_a_chart_shows_what_was_published(gold, page, chart):
    check(gold, page, chart, Filters(), "true")


@pytest.mark.parametrize("export", ["synthea-export"], indirect=True)
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("page", PAGES)
def test_charts_under_random_filters_show_what_was_published(gold, page, seed):
    filters, condition = chosen(gold[1], page, seed)
    for chart in PAGES[page]:
        check(gold, page, chart, filters, condition)


@pytest.mark.parametrize("export", ["synthea-export"], indirect=True)
@pytest.mark.parametrize("page", PAGES)
def test_all_that_a_viewer_sees_leaves_small_counts_possible_from_1_to_10_and_totals_true(gold, page):
    ask = lambda chart: gold[0].chart_sql(chart, Filters())  # noqa: E731
    attack, true = on_page(PAGES[page], ask, lambda chart: suppressed_views.table_of(chart, ask))
    small = sorted((cell for cell, n in true.items() if 0 < n < 11), key=str)
    sample = random.Random(page).sample(small, min(len(small), 5))
    assert sample
    assert [cell for cell in sample if not is_safe(attack, cell)] == []
    for chart in PAGES[page]:
        if (
            chart.kind in {"months", "ranking"}
            and (
                view := suppressed_views.view(
                    chart, Filters(), ask, lambda q: suppressed_views.table_of(q, ask)
                )
            ).frame
            is not None
        ):
            value = next(iter(chart.measures))
            every = sum(float(row[-1]) for row in gold[1].ask(page, "true", CHARTS[chart.key]))
            assert view.frame[value].astype(float).sum() == pytest.approx(every)
