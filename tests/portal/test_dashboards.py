"""Dashboard pages: every number is compared with DuckDB over the release's Parquet files.

The SQL here is written by hand from the contracts, not made by the code that it tests.
"""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from itertools import combinations
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from pipeline.releases import model as release_model
from portal.dashboards.encounter_charts import ENCOUNTER_CHARTS
from portal.dashboards.medication_charts import MEDICATION_CHARTS
from portal.dashboards.patient_charts import PATIENT_CHARTS
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.releases import service as releases
from portal.ui import cache, session
from tests.support.chart_truth import (
    ADMITTED,
    CHARTS,
    CHECKS,
    GIVEN,
    GIVEN_OR_ORDERED,
    HEADLINES,
    Star,
    decoded,
)
from tests.support.links import PICTURE, assert_unlinked
from tests.support.page_drivers import PAGES

CHARTS_BY_KEY = {q.key: q for q in (*ENCOUNTER_CHARTS, *MEDICATION_CHARTS, *PATIENT_CHARTS)}
PAGE_OF = {
    "encounters": [q.key for q in ENCOUNTER_CHARTS],
    "medications": [q.key for q in MEDICATION_CHARTS],
    "patients": [q.key for q in PATIENT_CHARTS],
}

FILTERS = {
    "encounters": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-10", "to": "2025-03-10", "class": ["AMB", "EMER", "IMP"]},
            f"{ADMITTED} >= '2025-01-10' AND {ADMITTED} < '2025-03-11' AND encounter_class IN ('AMB', "
            "'EMER', 'IMP')",
        ),
        "clicks and joins": (
            {"weekday": ["1", "2", "3", "5"], "days": ["0", "1"], "payer": ["Medicare", "Medicaid", "Aetna"]},
            f"""isodow({ADMITTED}) IN (1, 2, 3, 5) AND length_of_stay_days IN (0, 1)
            AND payer IN ('Medicare', 'Medicaid', 'Aetna')""",
        ),
    },
    "medications": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-20", "to": "2025-03-20", "route": ["IV", "PO"]},
            f"""{GIVEN_OR_ORDERED} >= '2025-01-20'
            AND {GIVEN_OR_ORDERED} < '2025-03-21' AND f.route IN ('IV', 'PO')""",
        ),
        "clicks and joins": (
            {
                "hour": [str(n) for n in range(6, 20)],
                "wait": ["0", "10", "20"],
                "therapeutic": ["Analgesic", "Antibacterial", "Antiemetic"],
            },
            f"""hour({GIVEN}) BETWEEN 6 AND 19 AND minutes_from_order >= 0 AND minutes_from_order < 30
            AND therapeutic_class IN ('Analgesic', 'Antibacterial', 'Antiemetic')""",
        ),
    },
    "patients": {
        "everything": ({}, "true"),
        "a list and a click": (
            {"sex": ["F"], "age_band": ["40-44", "45-49", "50-54", "55-59", "60-64"]},
            "sex = 'F' AND age_band IN ('40-44', '45-49', '50-54', '55-59', '60-64')",
        ),
    },
}
BESIDE = {"a period and a list", "a list and a click"}
"""Filters with which the previous release is looked at too."""


# the pages


# the first run's few rows many times over, spread over departments, classes, medications and days
MANY = {
    "fact_encounter": """SELECT * EXCLUDE (admitted_month) REPLACE (
            timezone(time_zone, (admitted_at + i * INTERVAL 31 HOUR)::timestamptz)::date AS local_date,
            xor(encounter_key, i) AS encounter_key, if(patient_key = -1, -1, xor(patient_key, i % 10)) AS
            patient_key, if(i = 1, NULL, ['Cardiology', 'Family medicine', 'Urology', 'Surgery', 'Oncology',
            'Neurology', 'Nephrology',
                'Pediatrics', 'Obstetrics', 'Psychiatry', 'Hematology', 'Dermatology', 'Orthopedics',
                'Radiology' ][1 + (i * i + abs(encounter_key % 5)) % 14]) AS department,
            ['AMB', 'AMB', 'EMER', 'IMP', 'ACUTE', 'OBSENC', 'VR'][1 + (i + abs(encounter_key % 3)) % 7] AS
            encounter_class, admitted_at + i * INTERVAL 31 HOUR AS admitted_at, hour(timezone(time_zone,
            (admitted_at + i * INTERVAL 31 HOUR)::timestamptz)) AS local_hour, (i % 5 * 9)::int AS
            length_of_stay_days, [true, false, false, NULL][1 + i % 4] AS is_readmitted_30d, provider_keys[1 +
            (i * 7 + abs(encounter_key % 11)) % len(provider_keys)] AS provider_key),
        strftime(timezone(time_zone, (admitted_at + i * INTERVAL 31 HOUR)::timestamptz), '%Y-%m')
            AS admitted_month""",
    "fact_medication_admin": """SELECT * EXCLUDE (administered_month) REPLACE (
            timezone(time_zone, (administered_at + i * INTERVAL 31 HOUR)::timestamptz)::date AS local_date,
            strftime(timezone(time_zone, (ordered_at + i * INTERVAL 31 HOUR)::timestamptz), '%Y%m%d')::int AS
            ordered_date_key, xor(administration_key, i) AS administration_key, xor(encounter_key, i) AS
            encounter_key, if(patient_key = -1, -1, xor(patient_key, i % 10)) AS patient_key, ['PO', 'PO',
            'IV', 'IM', 'SC', NULL][1 + i % 6] AS route, medication_keys[1 + (i // 2 + abs(encounter_key % 3))
            % len(medication_keys)] AS medication_key, provider_keys[1 + (i * 7 + abs(encounter_key % 11)) %
            len(provider_keys)] AS provider_key, minutes_from_order + i % 4 * 17 AS minutes_from_order, if(i %
            5 = 0, 'not-done', status) AS status, ordered_at + i * INTERVAL 31 HOUR AS ordered_at,
            administered_at + i * INTERVAL 31 HOUR AS administered_at, hour(timezone(time_zone,
            (administered_at + i * INTERVAL 31 HOUR)::timestamptz)) AS local_hour),
        strftime(timezone(time_zone,
            (coalesce(administered_at, ordered_at) + i * INTERVAL 31 HOUR)::timestamptz), '%Y-%m')
            AS administered_month""",
    "dim_patient": """SELECT * REPLACE (xor(patient_key, i % 10) AS patient_key,
            xor(patient_durable_key, i // 2) AS patient_durable_key,  -- each of two versions
            printf('%03d', 100 + (i + abs(patient_key % 4)) % 20) AS zip3,
            ['M', 'F', 'F', 'X', 'U'][1 + i % 5] AS sex,
            if(i = 2, NULL, ['40-44', '45-49', '50-54', '90+'][1 + (i + abs(patient_key % 3)) % 4])
            AS age_band)""",
}


@pytest.fixture(scope="module")
def lake(cloud, portal, first_run):
    """A release with many rows and a previous one with fewer, each with its files in SQL."""
    root = cloud.state / "s3" / "hdp-gold"
    ids = {"run-many": 40, "run-previous": 29}
    s3, glue, database = portal.client("s3"), portal.client("glue"), portal.lake.database("gold_releases")
    made = releases.get(portal, first_run.run_id)
    for release_id, times in ids.items():
        _multiply(root, first_run.run_id, release_id, times)
        for table in release_model.GOLD_TABLES:
            _register(glue, database, table, root / table / f"release_id={release_id}", first_run.run_id)
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
            for partition in _partitions(glue, database, table, release_id):
                glue.delete_partition(
                    DatabaseName=database, TableName=table, PartitionValues=partition["Values"]
                )
            shutil.rmtree(root / table / f"release_id={release_id}")


def _multiply(root, release_id, many_id, times):
    """The files of a release, its facts and patients so many times over, as files of another."""
    star = Star(root, release_id).sql
    for table in release_model.GOLD_TABLES:
        folder = root / table / f"release_id={many_id}"
        folder.mkdir(parents=True)
        rows = f"SELECT * EXCLUDE (release_id) FROM {table}"
        if table == "dim_patient":
            many = f"{MANY[table]} FROM dim_patient, range({min(times, 10)}) n(i) WHERE patient_key <> -1"
            rows = (
                f"SELECT * EXCLUDE (i, release_id) FROM ({many}) "
                "UNION ALL SELECT * EXCLUDE (release_id) FROM dim_patient WHERE patient_key = -1"
            )
        elif table in MANY:
            keys = ", ".join(
                f"(SELECT list({d}_key ORDER BY {d}_key) FROM dim_{d}) AS {d}_keys"
                for d in ("provider", "medication")
            )
            many = f"{MANY[table]} FROM {table}, range({times}) n(i), (SELECT {keys})"
            rows = f"SELECT * EXCLUDE (i, release_id, provider_keys, medication_keys) FROM ({many})"
        month = {"fact_encounter": "admitted_month", "fact_medication_admin": "administered_month"}.get(table)
        if month:
            star.execute(
                f"COPY ({rows}) TO '{folder}' (FORMAT parquet, PARTITION_BY ({month}), OVERWRITE_OR_IGNORE)"
            )
        else:
            star.execute(f"COPY ({rows}) TO '{folder}/rows.parquet' (FORMAT parquet)")


def _partitions(glue, database, table, release_id):
    pages = glue.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    return [p for page in pages for p in page["Partitions"] if release_id in p["Values"]]


def _register(glue, database, table, folder, like):
    """Add the folder's partitions to the catalog, as those of the release `like` are."""
    known = _partitions(glue, database, table, like)[0]
    storage, values = known["StorageDescriptor"], known["Values"]
    root = storage["Location"].split(f"release_id={like}")[0]
    for part in [*folder.glob("*_month=*")] or [folder]:
        own = [folder.name.split("=")[1], *([part.name.split("=")[1]] if part != folder else [])]
        assert len(own) == len(values)
        location = f"{root}{part.relative_to(folder.parent)}/"
        glue.create_partition(
            DatabaseName=database,
            TableName=table,
            PartitionInput={"Values": own, "StorageDescriptor": {**storage, "Location": location}},
        )


@pytest.fixture
def open_page(lake, monkeypatch):
    """A page over that lake, opened at an address by a role."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    session.process_context.clear()
    cache.published.clear()

    def opened(page, role="clinician", **query):
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=120)
        app.session_state["role"] = role
        for name, value in {"release": lake.release_id, **query}.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    yield opened
    session.process_context.clear()


def figures(app):
    """The figures of a page by their charts."""
    found = {}
    for chart in app.get("plotly_chart"):
        key = next(
            key for key in sorted(CHARTS_BY_KEY, key=len, reverse=True) if f"-{key}-" in chart.proto.id
        )
        found[key] = decoded(json.loads(chart.proto.spec))
    return found


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def told(page, row):
    """The headline numbers as the page words them; those that Athena approximates are numbers."""
    if page == "patients":
        return dict(
            zip(
                ("Patients", "Deceased patients", "Patients with changed records"),
                [f"{n:,}" for n in row],
                strict=True,
            )
        )
    if page == "medications":
        names = ("Administrations", "Patients", "Medications")
        share = "–" if row[3] is None else f"{row[3]:.1%}"
        return {**{name: f"{n:,}" for name, n in zip(names, row, strict=False)}, "Doses not given": share}
    back = f"{row[4] / row[3]:.1%}" if row[3] else "–"
    return {
        "Encounters": f"{row[0]:,}",
        "Patients": f"{row[1]:,}",
        "Total cost": f"${(row[2] or 0) / 1e6:,.2f} M",
        "30-day readmission": back,
    }


@pytest.mark.parametrize(
    ("page", "name"), [(page, name) for page, filters in FILTERS.items() for name in filters]
)
def test_every_figure_and_number_of_a_page_is_what_the_files_hold(lake, open_page, page, name):
    beside = name in BESIDE
    query, condition = FILTERS[page][name]
    app = open_page(page, **query, **({"compare": lake.former_id} if beside else {}))
    assert not app.error
    drawn = figures(app)
    for key in PAGE_OF[page]:
        rows = lake.now.ask(page, condition, CHARTS[key])
        before = lake.before.ask(page, condition, CHARTS[key]) if beside else None
        assert (key in drawn) == bool(rows), key
        if rows:
            CHECKS[CHARTS_BY_KEY[key].kind](drawn[key], rows, before)
    (row,) = lake.now.ask(page, condition, HEADLINES[page])
    expected, shown = told(page, row), metrics(app)
    assert {label: shown[label] for label in expected} == expected
    assert any(f"{row[0]:,} rows" in caption.value for caption in app.caption)
    if page != "patients" and row[-1] is not None and row[0] > 50:
        label = {"encounters": "Median inpatient stay", "medications": "Median order to first dose"}[page]
        assert float(re.sub(r"[^\d.]", "", shown[label])) == pytest.approx(row[-1], rel=0.1, abs=0.6)
    if beside:
        (was,) = lake.before.ask(page, condition, HEADLINES[page])
        assert f"(was {was[0]:,})" in app.metric[0].delta


@pytest.mark.parametrize("page", ["encounters", "medications"])
def test_a_patient_with_two_versions_is_one_person(lake, page):
    ((versions, persons),) = lake.now.ask(
        page, "true", "SELECT count(DISTINCT patient_key), count(DISTINCT person) FROM r"
    )
    assert versions > persons > MINIMUM_CELL_SIZE, "or the pages' numbers above would be the same by either"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("encounters", {"class": "VR", "days": "29"}),
        ("medications", {"route": "PO", "wait": "7"}),
        ("patients", {"sex": "F", "age_band": "none such"}),
    ],
)
def test_filters_that_nothing_fits_are_told_in_words(lake, open_page, page, query):
    app = open_page(page, "analyst", **query)
    assert not app.error
    assert not app.get("plotly_chart")
    assert [i.value for i in app.info if lake.release_id not in i.value] == [
        "No records match these filters. Widen the period or clear a filter."
    ] * len(PAGE_OF[page])
    assert app.metric[0].value == "0"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("encounters", {}),
        ("encounters", {"compare": "previous"}),
        ("encounters", {"from": "2025-02-01", "to": "2025-02-28"}),
        ("encounters", {"from": "2025-02-03", "class": ["AMB"], "payer": ["Aetna"], "hour": ["7"]}),
        ("medications", {}),
        ("medications", {"therapeutic": ["Analgesic"]}),
        ("patients", {"compare": "previous"}),
    ],
)
def test_a_viewer_is_shown_no_small_count_anywhere(lake, open_page, page, query):
    if "compare" in query:
        query = {**query, "compare": lake.former_id}
    app = open_page(page, "viewer", **query)
    assert not app.error
    assert not [toggle for toggle in app.toggle if toggle.label == "Safe to share"]
    for key, figure in figures(app).items():
        counts = [
            n for trace in figure["data"] for n in _counts(CHARTS_BY_KEY[key].kind, trace, "compare" in query)
        ]
        assert not [n for n in counts if 0 < abs(n) < MINIMUM_CELL_SIZE], key
    for name, value in metrics(app).items():
        assert (
            not (value.isdigit() and 0 < int(value) < MINIMUM_CELL_SIZE) or name == "Medications"
        )  # drugs, not people


def test_a_viewer_filters_by_whole_months_and_one_dimension(lake, open_page):
    app = open_page("encounters", "viewer", **{"from": "2025-02-03", "class": ["AMB"], "payer": ["Medicare"]})
    assert app.query_params["from"] == ["2025-02-01"] or app.query_params["from"] == "2025-02-01"
    assert "payer" not in app.query_params
    months = lake.now.ask(
        "encounters",
        f"encounter_class = 'AMB' AND {ADMITTED} >= '2025-02-01'",
        "SELECT month, count(*) FROM r GROUP BY ALL",
    )
    shown = metrics(app)["Encounters"]
    whole = sum(n for _, n in months)
    sums = {
        sum(some) for size in range(1, len(months)) for some in combinations([n for _, n in months], size)
    }
    assert int(shown.removeprefix("≥ ")) in (sums if shown.startswith("≥ ") else {whole})
    assert {"payers", "readmissions", "arrivals"}.isdisjoint(figures(app))
    assert "encounters-by-month" in figures(app)


def test_a_viewer_of_the_whole_release_is_shown_the_true_total(lake, open_page):
    for page, name in (
        ("encounters", "Encounters"),
        ("medications", "Administrations"),
        ("patients", "Patients"),
    ):
        ((true,),) = lake.now.ask(page, "true", "SELECT count(*) FROM r")
        assert metrics(open_page(page, "viewer"))[name] == f"{true:,}"


def test_what_leaves_the_page_of_an_analyst_is_safe_unless_asked_otherwise(lake, open_page):
    app = open_page("encounters", "analyst")
    (toggle,) = [each for each in app.toggle if each.label == "Safe to share"]
    assert toggle.value
    assert not app.button(key="arrivals-png").disabled
    two = open_page("encounters", "analyst", **{"class": ["AMB"], "payer": ["Medicare"]})
    assert two.button(key="arrivals-png").disabled
    assert "more than one attribute" in two.button(key="arrivals-png").help
    (toggle,) = [each for each in two.toggle if each.label == "Safe to share"]
    toggle.set_value(False).run()
    assert not two.button(key="arrivals-png").disabled


def test_a_release_of_synthetic_batches_alone_is_exempt(first_run, open_page):
    app = open_page("encounters", "viewer", release=first_run.run_id)
    assert not app.error
    assert any("Synthetic data" in each.value for each in app.markdown)
    drawn = [n for trace in figures(app)["encounters-by-department"]["data"] for n in trace["x"]]
    assert any(0 < n < MINIMUM_CELL_SIZE for n in drawn)


def _counts(kind, trace, compare):
    """Every count that a trace carries, drawn or at hand in the browser."""
    if kind == "week":
        return [] if compare else [n for row in trace.get("z", []) for n in row if n is not None and n == n]
    if kind in {"rate", "line"}:
        rows = trace.get("customdata") or []
        return [n for _, *ns in rows for n in ns[:2] if n is not None]
    if kind == "parts":
        return [row[1] for row in trace["customdata"] if len(row) > 1]
    if kind == "pyramid":
        return [row[1] for row in trace["customdata"]]
    if trace.get("yaxis") == "y2":  # the band behind merged months
        return []
    side = trace["y"] if kind in {"months", "histogram", "dose"} else trace["x"]
    return [n for n in side if n is not None and n == n]


# the release


def test_the_address_names_the_release_and_an_older_one_says_that_there_is_a_newer(lake, open_page):
    published = cache.published().release_id
    app = open_page("patients", release="")
    everything = metrics(app)
    assert app.query_params["release"] == published
    assert not [i for i in app.info if "is shown" in i.value]
    app = open_page("patients", release=lake.former_id)
    (patients,) = lake.before.ask("patients", "true", "SELECT count(*) FROM r")
    assert metrics(app)["Patients"] == f"{patients[0]:,}"
    assert app.query_params["release"] == lake.former_id
    assert f"A newer release exists. The published release is {published}." in app.info[0].value
    app.button[0].click().run()
    assert app.query_params["release"] == published
    assert metrics(app) == everything


def test_a_release_that_is_not_there_or_not_for_this_role_is_one_sentence(lake, open_page, portal):
    for name in ("run-nowhere", "current", "../x"):
        app = open_page("patients", release=name)
        assert [e.value.split(":")[0] for e in app.error] == [f"There is no release '{name}'"]
    s3 = portal.client("s3")
    held = replace(releases.get(portal, lake.former_id), decision="hold")
    release_model.write(s3, portal.lake, held)
    try:
        for query in ({"release": lake.former_id}, {"compare": lake.former_id}):
            for role in ("viewer", "analyst"):
                (error,) = open_page("patients", role, **query).error
                assert f"'{lake.former_id}' is held. {role.capitalize()}s can view it" in error.value
            for role in ("clinician", "engineer"):
                assert not open_page("patients", role, **query).error
    finally:
        release_model.write(s3, portal.lake, replace(held, decision="publish"))


def test_a_name_in_the_address_is_no_picture_in_the_sentence_that_there_is_no_such_release(lake, open_page):
    for query in ({"release": PICTURE}, {"compare": PICTURE}):
        (error,) = open_page("encounters", **query).error
        assert "There is no release" in error.value
        assert_unlinked(error.value)


def test_a_base_release_that_is_not_kept_any_longer_is_said_and_not_compared_with(lake, open_page, portal):
    s3 = portal.client("s3")
    made = releases.get(portal, lake.former_id)
    release_model.write(s3, portal.lake, replace(made, parent_release_id="run-deleted"))
    try:
        for query in ({}, {"compare": "run-deleted"}):
            app = open_page("patients", release=lake.former_id, **query)
            assert not app.error
            assert any("run-deleted, is no longer stored" in caption.value for caption in app.caption)
            assert not [
                toggle for toggle in app.toggle if toggle.label == "Compare with the previous release"
            ]
            assert not any(metric.delta for metric in app.metric)
    finally:
        release_model.write(s3, portal.lake, made)


def test_nonsense_in_the_address_is_left_out(lake, open_page):
    app = open_page("encounters", hour="x; DROP", weekday="", **{"class": "%00", "from": "never", "to": "1"})
    assert not app.error
    assert metrics(app)["Patients"] == metrics(open_page("encounters"))["Patients"]
