"""The dashboards as their pages draw them: every number held against plain DuckDB over the release's Parquet files.

The SQL here is written by hand from the contracts, not made by the code that it tests.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
from dataclasses import replace
from types import SimpleNamespace

import duckdb
import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pipeline import release
from portal.components import at_hand, state
from portal.services import releases
from portal.services.facts import FEWEST
from portal.services.questions import ENCOUNTER_QUESTIONS, MEDICATION_QUESTIONS, PATIENT_QUESTIONS
from tests.portal.services.test_review_words import PICTURE, assert_unlinked
from tests.portal.test_pages import PAGES

QUESTIONS = {q.key: q for q in (*ENCOUNTER_QUESTIONS, *MEDICATION_QUESTIONS, *PATIENT_QUESTIONS)}
PAGE_OF = {
    "encounters": [q.key for q in ENCOUNTER_QUESTIONS],
    "medications": [q.key for q in MEDICATION_QUESTIONS],
    "patients": [q.key for q in PATIENT_QUESTIONS],
}

# what the files hold

ROWS = {
    "encounters": """
        SELECT f.*, coalesce(encounter_class, 'Not recorded') AS class, coalesce(f.department, 'Not recorded') AS dep,
            coalesce(payer, 'Not recorded') AS who_pays, nullif(patient_durable_key, -1) AS person,
            coalesce(icd10_chapter_title, diagnosis_description, 'Not recorded') AS chapter,
            coalesce(provider_specialty, 'Not recorded') AS specialty, strftime(admitted_at, '%Y-%m') AS month,
            isodow(admitted_at) AS weekday, hour(admitted_at) AS hour, least(length_of_stay_days, 30) AS days
        FROM fact_encounter f LEFT JOIN dim_patient USING (patient_key) LEFT JOIN dim_diagnosis USING (diagnosis_key)
        LEFT JOIN dim_provider USING (provider_key)""",
    "medications": """
        SELECT f.*, coalesce(f.route, 'Not recorded') AS way, coalesce(status, 'Not recorded') AS state,
            coalesce(therapeutic_class, 'Not classified') AS therapeutic,
            coalesce(medication_name, 'Not recorded') AS medication,
            coalesce(provider_specialty, 'Not recorded') AS specialty,
            coalesce(provider_name || ' (' || provider_npi || ')', provider_npi, 'Not recorded') AS provider,
            coalesce(dose_unit, 'Not recorded') AS unit, usual_dose_low AS low, usual_dose_high AS high, usual_dose_unit,
            strftime(coalesce(administered_at, ordered_at), '%Y-%m') AS month, isodow(administered_at) AS weekday,
            hour(administered_at) AS hour, nullif(patient_durable_key, -1) AS person, least(floor(minutes_from_order / 10) * 10, 120)::int AS wait,
            administered_at IS NOT NULL AND row_number() OVER (
                PARTITION BY encounter_key, medication_key, ordered_at
                ORDER BY administered_at NULLS LAST, administration_key) = 1 AS is_first
        FROM fact_medication_admin f LEFT JOIN dim_medication USING (medication_key)
        LEFT JOIN dim_patient USING (patient_key) LEFT JOIN dim_provider USING (provider_key)""",
    "patients": """
        SELECT *, coalesce(sex, 'Not recorded') AS gender, coalesce(payer, 'Not recorded') AS who_pays,
            coalesce(state, 'Not recorded') AS home, coalesce(zip3, 'Not recorded') AS zip,
            coalesce(age_band, 'Not recorded') AS age, coalesce(race, 'Not recorded') AS origin,
            coalesce(language, 'Not recorded') AS speaks
        FROM dim_patient WHERE is_current AND patient_key <> -1""",
}

CHARTS = {
    "encounters-by-month": "SELECT class, month, count(*) FROM r GROUP BY ALL",
    "encounters-by-department": "SELECT dep, count(*) FROM r GROUP BY ALL",
    "case-mix": "SELECT chapter, count(*) FROM r GROUP BY ALL",
    "length-of-stay": """SELECT class, days, count(*) FROM r
        WHERE class IN ('IMP', 'ACUTE', 'OBSENC', 'EMER') AND days IS NOT NULL GROUP BY ALL""",
    "arrivals": "SELECT weekday, hour, count(*) FROM r GROUP BY ALL",
    "readmissions": """SELECT dep, count(*), count(*) FILTER (is_readmitted_30d) FROM r
        WHERE is_readmitted_30d IS NOT NULL GROUP BY ALL""",
    "cost-by-class": "SELECT class, sum(total_cost)::double FROM r GROUP BY ALL",
    "payers": "SELECT who_pays, count(*) FROM r GROUP BY ALL",
    "administrations-by-month": "SELECT way, month, count(*) FROM r GROUP BY ALL",
    "by-class": "SELECT therapeutic, count(*) FROM r GROUP BY ALL",
    "by-medication": "SELECT medication, count(*) FROM r GROUP BY ALL",
    "dose-range": """SELECT medication, count(*) FILTER (dose < low), count(*) FILTER (dose >= low AND dose <= high),
        count(*) FILTER (dose > high) FROM r
        WHERE dose IS NOT NULL AND low IS NOT NULL AND dose_unit = usual_dose_unit GROUP BY ALL""",
    "dose-distribution": """SELECT medication || ', ' || unit, dose::double, count(*), min(low)::double, max(high)::double
        FROM r WHERE dose IS NOT NULL GROUP BY medication, unit, dose""",
    "by-status": "SELECT state, count(*) FROM r GROUP BY ALL",
    "not-given": "SELECT month, count(*) FILTER (status = 'not-done'), count(*) FROM r GROUP BY ALL",
    "order-to-dose-minutes": """SELECT way, wait, count(*) FROM r
        WHERE is_first AND minutes_from_order IS NOT NULL GROUP BY ALL""",
    "order-to-dose": """SELECT therapeutic, count(*), count(*) FILTER (minutes_from_order > 60) FROM r
        WHERE is_first AND minutes_from_order IS NOT NULL GROUP BY ALL""",
    "administrations-by-hour": """SELECT weekday, hour, count(*) FROM r
        WHERE administered_at IS NOT NULL GROUP BY ALL""",
    "by-specialty": "SELECT specialty, count(*) FROM r GROUP BY ALL",
    "by-provider": "SELECT provider, count(*) FROM r GROUP BY ALL",
    "cohort": "SELECT gender, age, count(*) FROM r GROUP BY ALL",
    "patients-by-payer": "SELECT who_pays, count(*) FROM r GROUP BY ALL",
    "patients-by-state": "SELECT home, count(*) FROM r GROUP BY ALL",
    "patients-by-zip3": "SELECT zip, count(*) FROM r GROUP BY ALL",
    "patients-by-race": "SELECT origin, count(*) FROM r GROUP BY ALL",
    "patients-by-language": "SELECT speaks, count(*) FROM r GROUP BY ALL",
}

HEADLINES = {
    "encounters": """SELECT count(*), count(DISTINCT person), sum(total_cost)::double,
        count(is_readmitted_30d), count(*) FILTER (is_readmitted_30d),
        median(length_of_stay_hours) FILTER (encounter_class IN ('IMP', 'ACUTE')) / 24 FROM r""",
    "medications": """SELECT count(*), count(DISTINCT person), count(DISTINCT medication_key),
        count(*) FILTER (status = 'not-done') / nullif(count(*), 0), median(minutes_from_order) FILTER (is_first) FROM r""",
    "patients": "SELECT count(*), count(*) FILTER (is_deceased), count(*) FILTER (version > 1) FROM r",
}

FILTERS = {
    "encounters": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-10", "to": "2025-03-10", "class": ["AMB", "EMER", "IMP"]},
            "admitted_at >= '2025-01-10' AND admitted_at < '2025-03-11' AND encounter_class IN ('AMB', 'EMER', 'IMP')",
        ),
        "clicks and joins": (
            {"weekday": ["1", "2", "3", "5"], "days": ["0", "1"], "payer": ["Medicare", "Medicaid", "Aetna"]},
            """isodow(admitted_at) IN (1, 2, 3, 5) AND length_of_stay_days IN (0, 1)
            AND payer IN ('Medicare', 'Medicaid', 'Aetna')""",
        ),
    },
    "medications": {
        "everything": ({}, "true"),
        "a period and a list": (
            {"from": "2025-01-20", "to": "2025-03-20", "route": ["IV", "PO"]},
            """coalesce(administered_at, ordered_at) >= '2025-01-20'
            AND coalesce(administered_at, ordered_at) < '2025-03-21' AND f.route IN ('IV', 'PO')""",
        ),
        "clicks and joins": (
            {"hour": [str(n) for n in range(6, 20)], "wait": ["0", "10", "20"], "therapeutic": ["Analgesic", "Antibacterial", "Antiemetic"]},
            """hour(administered_at) BETWEEN 6 AND 19 AND minutes_from_order >= 0 AND minutes_from_order < 30
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
}  # fmt: skip
BESIDE = {"a period and a list", "a list and a click"}
"""Filters with which the former release is looked at too."""


class Star:
    """The gold files of one release, and what the charts should show of them."""

    def __init__(self, root, release_id):
        self.sql = duckdb.connect()
        for folder in (each for each in root.iterdir() if each.is_dir()):
            files = f"{folder}/release_id={release_id}/**/*.parquet"
            self.sql.execute(
                f"CREATE VIEW {folder.name} AS SELECT * FROM "
                f"read_parquet('{files}', hive_partitioning = true, hive_types_autocast = false)"
            )

    def ask(self, page, condition, query):
        """Rows of `query` over `r`, the page's rows that fit. First doses are told before anything is filtered."""
        kept = "administration_key" if page == "medications" else "*"
        fits = f"{ROWS[page]} {'AND' if page == 'patients' else 'WHERE'} {condition}"
        if page == "medications":
            fits = f"SELECT * FROM ({ROWS[page]}) WHERE administration_key IN (SELECT {kept} FROM ({fits}))"
        return self.sql.execute(f"WITH r AS ({fits}) {query}").fetchall()


def largest(rows, value=lambda row: row[1], most=12):
    """The largest groups, names in order where they are alike."""
    return sorted(rows, key=lambda row: (-value(row), row[0]))[:most]


def wilson(hits, total):
    """The interval by its textbook quadratic (Wilson 1927), in percent."""
    z2, p = 1.96**2, hits / total
    roots = np.roots([1 + z2 / total, -(2 * p + z2 / total), p * p])
    return 100 * max(0, min(roots)), 100 * min(1, max(roots))


def near(values):
    return pytest.approx(values, abs=1e-6)


# what the figure shows


def decoded(value):
    """Plotly's JSON with its packed arrays as lists."""
    if isinstance(value, dict) and "bdata" in value:
        packed = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
        shape = [int(n) for n in str(value["shape"]).split(",")] if "shape" in value else [-1]
        return packed.reshape(shape).tolist()
    if isinstance(value, dict):
        return {name: decoded(each) for name, each in value.items()}
    return [decoded(each) for each in value] if isinstance(value, list) else value


def traces(figure, type_="bar", former=False):
    return [t for t in figure["data"] if t["type"] == type_ and ("ormer" in str(t.get("name"))) == former]


def stacked(figure, rows, before):
    assert {(t["name"], x): y for t in traces(figure) for x, y in zip(t["x"], t["y"], strict=True)} == {
        (color, x): n for color, x, n in rows
    }
    if before is not None:
        (marks,) = traces(figure, "scatter", former=True)
        total = {}
        for _, x, n in before:
            total[x] = total.get(x, 0) + n
        assert dict(zip(marks["x"], marks["y"], strict=True)) == total


def ranking(figure, rows, before):
    (bars,) = traces(figure)
    shown = [(data[0], x) for data, x in zip(bars["customdata"], bars["x"], strict=True)]
    assert shown[::-1] == [(name, near(n)) for name, n in largest(rows)]
    marked(figure, before, dict(before or []))


def marked(figure, before, was):
    if before is not None:
        (marks,) = traces(figure, "scatter", former=True)
        for (name, *_), x in zip(marks["customdata"], marks["x"], strict=True):
            assert x == near(was[name]) if name in was else x is None or np.isnan(x)


def rate(figure, rows, before):
    (bars,) = traces(figure)
    top = largest(rows)[::-1]
    assert [tuple(data) for data in bars["customdata"]] == top
    assert bars["x"] == near([100 * hits / total for _, total, hits in top])
    ends = [wilson(hits, total) for _, total, hits in top]
    whiskers = zip(bars["x"], bars["error_x"]["arrayminus"], bars["error_x"]["array"], strict=True)
    assert [(x - low, x + high) for x, low, high in whiskers] == [near(end) for end in ends]
    marked(figure, before, {name: 100 * hits / total for name, total, hits in before or []})


def week(figure, rows, before):
    grid = np.zeros((7, 24))
    for day, hour, n in rows:
        grid[day - 1, hour] += n
    for day, hour, n in before or []:
        grid[day - 1, hour] -= n
    cells, marks = figure["data"]
    assert cells["z"] == grid.tolist()
    assert {(int(day), int(hour)): n for day, hour, n in marks["customdata"]} == {
        (d + 1, h): grid[d, h] for d in range(7) for h in range(24)
    }


SEX_WORDS = {"F": "Female", "M": "Male", "X": "Non-binary", "U": "Unknown"}


def pyramid(figure, rows, before):
    shown = {
        (t["name"], band): x for t in traces(figure) for band, x in zip(t["y"], t["x"], strict=True) if x
    }
    assert shown == {(SEX_WORDS[sex], band): -n if sex == "M" else n for sex, band, n in rows}
    if before is not None:
        (marks,) = traces(figure, "scatter", former=True)
        said = {
            (sex, band): (n, x) for (band, n, sex), x in zip(marks["customdata"], marks["x"], strict=True)
        }
        counted = {(SEX_WORDS[sex], band): n for sex, band, n in before}
        assert {group: n for group, (n, _) in said.items()} == counted
        assert {g: x for g, (_, x) in said.items() if g[0] in {"Male", "Female"}} == {
            (sex, band): -n if sex == "Male" else n for (sex, band), n in counted.items() if sex in {"Male", "Female"}
        }  # fmt: skip


def parts(figure, rows, before):
    top = largest([row for row in rows if sum(row[1:])], value=lambda row: sum(row[1:]))[::-1]
    for place, (name, trace) in enumerate(zip(("Below", "Usual", "Above"), traces(figure), strict=True)):
        assert trace["name"] == name
        assert [data[0] for data in trace["customdata"]] == [row[0] for row in top]
        assert trace["x"] == near([100 * row[place + 1] / sum(row[1:]) for row in top])
    if before is not None:
        was = {row[0]: row[1:] for row in before}
        for place, trace in enumerate(traces(figure, "scatter", former=True)):
            for (name,), x in zip(trace["customdata"], trace["x"], strict=True):
                if name in was and sum(was[name]):
                    assert x == near(100 * sum(was[name][: place + 1]) / sum(was[name]))


def line(figure, rows, before):
    for former, said in ((False, rows), (True, before)):
        if said is not None:
            (drawn,) = traces(figure, "scatter", former)
            assert dict(zip(drawn["x"], drawn["y"], strict=True)) == {
                month: near(100 * hits / total) for month, hits, total in said
            }


def dose(figure, rows, before):
    counted = {}
    for name, _, n, *_ in rows:
        counted[name] = counted.get(name, 0) + n
    most = max(counted.values())
    picked = figure["layout"]["xaxis"]["title"]["text"]
    assert picked == min(name for name, n in counted.items() if n == most)
    mine = [row for row in rows if row[0] == picked]
    (bars,) = traces(figure)
    assert dict(zip(bars["x"], bars["y"], strict=True)) == {amount: n for _, amount, n, *_ in mine}
    lows, highs = (
        [row[3] for row in mine if row[3] is not None],
        [row[4] for row in mine if row[4] is not None],
    )
    bands = [(shape["x0"], shape["x1"]) for shape in figure["layout"].get("shapes", [])]
    assert bands == ([(min(lows), max(highs))] if lows else [])
    if before is not None:
        (marks,) = traces(figure, "scatter", former=True)
        was = {amount: n for name, amount, n, *_ in before if name == picked}
        assert dict(zip(marks["x"], marks["y"], strict=True)) == was


CHECKS = {
    "months": stacked,
    "histogram": stacked,
    "ranking": ranking,
    "rate": rate,
    "week": week,
    "pyramid": pyramid,
    "parts": parts,
    "line": line,
    "dose": dose,
}


# the pages


# the first run's few rows many times over, spread over departments, classes, medications and days
MANY = {
    "fact_encounter": """SELECT * EXCLUDE (admitted_month) REPLACE (
            xor(encounter_key, i) AS encounter_key, if(patient_key = -1, -1, xor(patient_key, i % 10)) AS patient_key,
            if(i = 1, NULL, ['Cardiology', 'Family medicine', 'Urology', 'Surgery', 'Oncology', 'Neurology', 'Nephrology',
                'Pediatrics', 'Obstetrics', 'Psychiatry', 'Hematology', 'Dermatology', 'Orthopedics', 'Radiology'
                ][1 + (i * i + abs(encounter_key % 5)) % 14]) AS department,
            ['AMB', 'AMB', 'EMER', 'IMP', 'ACUTE', 'OBSENC', 'VR'][1 + (i + abs(encounter_key % 3)) % 7] AS encounter_class,
            admitted_at + i * INTERVAL 31 HOUR AS admitted_at, hour(admitted_at + i * INTERVAL 31 HOUR) AS local_hour,
            (i % 5 * 9)::int AS length_of_stay_days, [true, false, false, NULL][1 + i % 4] AS is_readmitted_30d,
            provider_keys[1 + (i * 7 + abs(encounter_key % 11)) % len(provider_keys)] AS provider_key),
        strftime(admitted_at + i * INTERVAL 31 HOUR, '%Y-%m') AS admitted_month""",
    "fact_medication_admin": """SELECT * EXCLUDE (administered_month) REPLACE (
            xor(administration_key, i) AS administration_key, xor(encounter_key, i) AS encounter_key,
            if(patient_key = -1, -1, xor(patient_key, i % 10)) AS patient_key,
            ['PO', 'PO', 'IV', 'IM', 'SC', NULL][1 + i % 6] AS route,
            medication_keys[1 + (i // 2 + abs(encounter_key % 3)) % len(medication_keys)] AS medication_key,
            provider_keys[1 + (i * 7 + abs(encounter_key % 11)) % len(provider_keys)] AS provider_key,
            minutes_from_order + i % 4 * 17 AS minutes_from_order, if(i % 5 = 0, 'not-done', status) AS status,
            ordered_at + i * INTERVAL 31 HOUR AS ordered_at, administered_at + i * INTERVAL 31 HOUR AS administered_at,
            hour(administered_at + i * INTERVAL 31 HOUR) AS local_hour),
        strftime(coalesce(administered_at, ordered_at) + i * INTERVAL 31 HOUR, '%Y-%m') AS administered_month""",
    "dim_patient": """SELECT * REPLACE (xor(patient_key, i % 10) AS patient_key,
            xor(patient_durable_key, i // 2) AS patient_durable_key,  -- each of two versions
            printf('%03d', 100 + (i + abs(patient_key % 4)) % 20) AS zip3, ['M', 'F', 'F', 'X', 'U'][1 + i % 5] AS sex,
            if(i = 2, NULL, ['40-44', '45-49', '50-54', '90+'][1 + (i + abs(patient_key % 3)) % 4]) AS age_band)""",
}


@pytest.fixture(scope="module")
def lake(cloud, portal, first_run):
    """A release with many rows and a former one with fewer, each with its files in SQL."""
    root = cloud.state / "s3" / "hdp-gold"
    ids = {"run-many": 40, "run-former": 29}
    s3, glue, database = portal.client("s3"), portal.client("glue"), portal.lake.database("gold_releases")
    made = releases.get(portal, first_run.run_id)
    for release_id, times in ids.items():
        _multiply(root, first_run.run_id, release_id, times)
        for table in release.GOLD_TABLES:
            _register(glue, database, table, root / table / f"release_id={release_id}", first_run.run_id)
        created = f"2000-01-01T00:00:{times}Z"
        release.write(
            s3, portal.lake, replace(made, release_id=release_id, run_id=release_id, created_at=created)
        )
    many, former = ids
    yield SimpleNamespace(release_id=many, former_id=former, now=Star(root, many), before=Star(root, former))
    for release_id in ids:
        s3.delete_object(Bucket=portal.lake.bucket("quality"), Key=f"releases/{release_id}.json")
        for table in release.GOLD_TABLES:
            for partition in _partitions(glue, database, table, release_id):
                glue.delete_partition(
                    DatabaseName=database, TableName=table, PartitionValues=partition["Values"]
                )
            shutil.rmtree(root / table / f"release_id={release_id}")


def _multiply(root, release_id, many_id, times):
    """The files of a release, its facts and patients so many times over, as files of another."""
    star = Star(root, release_id).sql
    for table in release.GOLD_TABLES:
        folder = root / table / f"release_id={many_id}"
        folder.mkdir(parents=True)
        rows = f"SELECT * EXCLUDE (release_id) FROM {table}"
        if table == "dim_patient":
            rows = f"SELECT * EXCLUDE (i, release_id) FROM ({MANY[table]} FROM dim_patient, range({min(times, 10)}) n(i) WHERE patient_key <> -1) UNION ALL SELECT * EXCLUDE (release_id) FROM dim_patient WHERE patient_key = -1"  # fmt: skip
        elif table in MANY:
            keys = ", ".join(f"(SELECT list({d}_key ORDER BY {d}_key) FROM dim_{d}) AS {d}_keys" for d in ("provider", "medication"))  # fmt: skip
            rows = f"SELECT * EXCLUDE (i, release_id, provider_keys, medication_keys) FROM ({MANY[table]} FROM {table}, range({times}) n(i), (SELECT {keys}))"  # fmt: skip
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
            DatabaseName=database, TableName=table,
            PartitionInput={"Values": own, "StorageDescriptor": {**storage, "Location": location}},
        )  # fmt: skip


@pytest.fixture
def open_page(lake, monkeypatch):
    """A page over that lake, opened at an address by a role."""
    monkeypatch.setenv("HDP_ROLE_CHOICE", "true")
    state.clients.clear()
    at_hand.published.clear()

    def opened(page, role="clinician", **query):
        app = AppTest.from_file(str(PAGES / f"{page}.py"), default_timeout=120)
        app.session_state["role"] = role
        for name, value in {"release": lake.release_id, **query}.items():
            app.query_params[name] = value
        app.run()
        assert not app.exception
        return app

    yield opened
    state.clients.clear()


def figures(app):
    """The figures of a page by their questions."""
    found = {}
    for chart in app.get("plotly_chart"):
        key = next(key for key in sorted(QUESTIONS, key=len, reverse=True) if f"-{key}-" in chart.proto.id)
        found[key] = decoded(json.loads(chart.proto.spec))
    return found


def metrics(app):
    return {metric.label: metric.value for metric in app.metric}


def told(page, row):
    """The headline numbers as the page words them; those that Athena approximates are numbers."""
    if page == "patients":
        return dict(zip(("Patients", "Deceased", "Changed since first seen"), [f"{n:,}" for n in row], strict=True))  # fmt: skip
    if page == "medications":
        names = ("Administrations", "Patients", "Medications")
        share = "–" if row[3] is None else f"{row[3]:.1%}"
        return {**{name: f"{n:,}" for name, n in zip(names, row, strict=False)}, "Not given": share}
    back = f"{row[4] / row[3]:.1%}" if row[3] else "–"
    return {"Encounters": f"{row[0]:,}", "Patients": f"{row[1]:,}", "Total cost": f"${(row[2] or 0) / 1e6:,.2f} M", "30-day readmission": back}  # fmt: skip


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
            CHECKS[QUESTIONS[key].kind](drawn[key], rows, before)
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
    assert versions > persons > FEWEST, "or the pages' numbers above would be the same by either"


@pytest.mark.parametrize(
    ("page", "query"),
    [
        ("encounters", {"class": "VR", "days": "29"}),
        ("medications", {"route": "PO", "wait": "7"}),
        ("patients", {"sex": "F", "age_band": "none such"}),
    ],
)
def test_filters_that_nothing_fits_are_told_in_words(lake, open_page, page, query):
    app = open_page(page, "viewer", **query)
    assert not app.error
    assert not app.get("plotly_chart")
    assert [i.value for i in app.info if lake.release_id not in i.value] == ["Nothing fits these filters. Widen the period or clear a filter."] * len(PAGE_OF[page])  # fmt: skip
    assert app.metric[0].value == "0"


@pytest.mark.parametrize(
    ("page", "compare"),
    [("encounters", False), ("encounters", True), ("medications", False), ("patients", True)],
)
def test_who_may_not_see_phi_is_shown_no_small_count_anywhere(lake, open_page, page, compare):
    few = {} if page == "patients" else {"to": "2025-01-25"}
    app = open_page(page, "viewer", **few, **({"compare": lake.former_id} if compare else {}))
    assert not app.error
    for key, figure in figures(app).items():
        kind = QUESTIONS[key].kind
        counts = [n for trace in figure["data"] for n in _counts(kind, trace, compare)]
        assert not [n for n in counts if 0 < abs(n) < FEWEST], key
    assert any(f"Counts under {FEWEST}" in caption.value for caption in app.caption)
    for name, value in metrics(app).items():
        assert not (value.isdigit() and 0 < int(value) < FEWEST) or name == "Medications"  # drugs, not people


def _counts(kind, trace, compare):
    """Every count that a trace carries, drawn or at hand in the browser."""
    if kind == "week":
        return [] if compare else [n for row in trace.get("z", []) for n in row if n is not None and n == n]
    if kind in {"rate", "line"}:
        return [n for _, *ns in trace.get("customdata") or [] for n in ns]
    if kind == "parts":
        return [row[1] for row in trace["customdata"] if len(row) > 1]
    if kind == "pyramid":
        return [row[1] for row in trace["customdata"]]
    side = trace["y"] if kind in {"months", "histogram", "dose"} else trace["x"]
    return [n for n in side if n is not None and n == n]


# the release


def test_the_address_names_the_release_and_an_older_one_says_that_there_is_a_newer(lake, open_page):
    published = at_hand.published().release_id
    app = open_page("patients", release="")
    everything = metrics(app)
    assert app.query_params["release"] == published
    assert not [i for i in app.info if "is shown" in i.value]
    app = open_page("patients", release=lake.former_id)
    (patients,) = lake.before.ask("patients", "true", "SELECT count(*) FROM r")
    assert metrics(app)["Patients"] == f"{patients[0]:,}"
    assert app.query_params["release"] == lake.former_id
    assert f"A newer release exists; {published} is the published one." in app.info[0].value
    app.button[0].click().run()
    assert app.query_params["release"] == published
    assert metrics(app) == everything


def test_a_release_that_is_not_there_or_not_for_this_role_is_one_sentence(lake, open_page, portal):
    for name in ("run-nowhere", "current", "../x"):
        app = open_page("patients", release=name)
        assert [e.value.split(":")[0] for e in app.error] == [f"There is no release '{name}'"]
    s3 = portal.client("s3")
    held = replace(releases.get(portal, lake.former_id), decision="hold")
    release.write(s3, portal.lake, held)
    try:
        for query in ({"release": lake.former_id}, {"compare": lake.former_id}):
            for role in ("viewer", "analyst"):
                (error,) = open_page("patients", role, **query).error
                assert f"'{lake.former_id}' was held by the audit: your role ({role})" in error.value
            for role in ("clinician", "engineer"):
                assert not open_page("patients", role, **query).error
    finally:
        release.write(s3, portal.lake, replace(held, decision="publish"))


def test_a_name_in_the_address_is_no_picture_in_the_sentence_that_there_is_no_such_release(lake, open_page):
    for query in ({"release": PICTURE}, {"compare": PICTURE}):
        (error,) = open_page("encounters", **query).error
        assert "There is no release" in error.value
        assert_unlinked(error.value)


def test_a_base_release_that_is_not_kept_any_longer_is_said_and_not_compared_with(lake, open_page, portal):
    s3 = portal.client("s3")
    made = releases.get(portal, lake.former_id)
    release.write(s3, portal.lake, replace(made, base_release_id="run-deleted"))
    try:
        for query in ({}, {"compare": "run-deleted"}):
            app = open_page("patients", release=lake.former_id, **query)
            assert not app.error
            assert any("run-deleted, is not kept any longer" in caption.value for caption in app.caption)
            assert not [toggle for toggle in app.toggle if toggle.label == "Compare with the former release"]
            assert not any(metric.delta for metric in app.metric)
    finally:
        release.write(s3, portal.lake, made)


def test_nonsense_in_the_address_is_left_out(lake, open_page):
    app = open_page("encounters", hour="x; DROP", weekday="", **{"class": "%00", "from": "never", "to": "1"})
    assert not app.error
    assert metrics(app)["Patients"] == metrics(open_page("encounters"))["Patients"]
