"""Measures, charts and reference SQL belong together; each measure is what DuckDB finds by hand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import sqlglot

import pipeline
from pipeline.contracts.measures import measures
from portal.dashboards import catalog
from tests.support.chart_truth import Star
from tests.support.gold import RELEASE, write

INPATIENT = "encounter_class IN ('IMP', 'ACUTE')"
FIRST = "administered_at IS NOT NULL QUALIFY row_number() OVER (PARTITION BY encounter_key, medication_key, ordered_at ORDER BY administered_at, administration_key) = 1"  # noqa: E501
PEOPLE = "fact_encounter JOIN dim_patient USING (patient_key) WHERE patient_durable_key <> -1"
BY_HAND = {
    "encounters": "SELECT count(*) FROM fact_encounter",
    "admissions": f"SELECT count(*) FROM fact_encounter WHERE {INPATIENT}",
    "discharges": f"SELECT count(*) FROM fact_encounter WHERE {INPATIENT} AND discharged_at IS NOT NULL",
    "inpatient_days": f"SELECT sum(length_of_stay_days) FROM fact_encounter WHERE {INPATIENT}",
    "length_of_stay": f"SELECT median(length_of_stay_days) FROM fact_encounter WHERE {INPATIENT}",
    "emergency_stay": "SELECT median(length_of_stay_hours) FROM fact_encounter "
    "WHERE encounter_class IN ('EMER', 'OBSENC')",
    "emergency_arrivals": "SELECT count(*) FROM fact_encounter WHERE encounter_class = 'EMER'",
    "readmission_30d": "SELECT avg(is_readmitted_30d::int) FROM fact_encounter",
    "in_hospital_mortality": "SELECT avg((lower(discharge_disposition) = 'expired')::int) FROM "
    f"fact_encounter WHERE {INPATIENT}",
    "total_cost": "SELECT sum(total_cost) FROM fact_encounter",
    "cost_per_case": "SELECT avg(total_cost) FROM fact_encounter",
    "active_patients": f"SELECT count(DISTINCT patient_durable_key) FROM {PEOPLE}",
    "new_patients": f"SELECT count(DISTINCT patient_durable_key) FROM {PEOPLE}",
    "diagnosed_patients": f"SELECT count(DISTINCT patient_durable_key) FROM {PEOPLE}",
    "administrations": "SELECT count(*) FROM fact_medication_admin",
    "doses_not_given": "SELECT avg((status = 'not-done')::int) FROM fact_medication_admin",
    "doses_outside_range": "SELECT avg((NOT dose BETWEEN usual_dose_low AND usual_dose_high)::int) FROM "
    "fact_medication_admin JOIN dim_medication USING (medication_key) WHERE dose_unit = usual_dose_unit",
    "late_first_doses": "SELECT avg((minutes_from_order > 60)::int) FROM (SELECT * FROM "
    f"fact_medication_admin WHERE {FIRST})",
    "order_to_dose": "SELECT median(minutes_from_order) FROM (SELECT * FROM "
    f"fact_medication_admin WHERE {FIRST})",
    "due_to_dose": "SELECT median(minutes_from_due) FROM fact_medication_admin",
    "barcode_scans": "SELECT avg(barcode_scanned::int) FROM fact_medication_admin",
    "orders_and_dispenses": "SELECT count(*) FROM fact_medication_order",
    "patients": "SELECT count(*) FROM dim_patient WHERE is_current AND patient_key <> -1",
    "comorbidity": "SELECT avg(charlson_index) FROM dim_patient WHERE is_current AND patient_key <> -1",
    "deceased_patients": "SELECT avg(is_deceased::int) FROM dim_patient "
    "WHERE is_current AND patient_key <> -1",
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return Star(write(tmp_path_factory.mktemp("gold"), patients=400, seed=8), RELEASE).sql


@pytest.mark.parametrize("contract", measures().values(), ids=lambda each: each.measure_id)
def test_the_reference_sql_of_a_measure_gives_what_the_files_hold(files, contract):
    sql = sqlglot.transpile(catalog.measure_reference(contract), read="athena", write="duckdb")[0]
    sql = re.sub(r"APPROX_QUANTILE\((\w+), 0.5\)", r"median(\1)", sql)
    ((found,),) = files.execute(sql).fetchall()
    ((expected,),) = files.execute(BY_HAND[contract.measure_id]).fetchall()
    assert expected is not None
    assert float(found) == pytest.approx(float(expected))


def test_every_chart_has_a_measure_and_every_measure_but_one_is_on_a_chart():
    charts = [chart for charts in catalog.CHARTS.values() for chart in charts]
    assert [chart.key for chart in charts if chart.contract is None] == []
    without = {each for each in measures() if not catalog.charts_of(each)}
    assert without == {"deceased_patients"}, "a headline figure of the page Patients"
    assert all(contract.dataset in catalog.DATASETS for contract in measures().values())


def test_a_chart_counts_rows_of_the_dataset_of_its_measure_or_of_the_same_fact():
    for charts in catalog.CHARTS.values():
        for chart in charts:
            declared = catalog.DATASETS[chart.contract.dataset]
            assert set(chart.dataset.tables) >= set(declared.tables) & {
                "fact_encounter",
                "fact_medication_admin",
            }
            assert chart.explanation.startswith(chart.contract.meaning)


def test_the_reference_file_has_each_measure_as_a_statement_that_parses():
    text = (Path(pipeline.__file__).parent / "athena" / "reference" / "measures.sql").read_text()
    assert text == catalog.reference_sql()
    statements = [each for each in sqlglot.parse(text, read="athena") if each]
    assert [each.expressions[0].alias for each in statements] == list(measures())
