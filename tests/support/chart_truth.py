"""Expected values of every chart, from handwritten SQL over the gold files, and checks of figures.

The SQL is written from the contracts; no code under test is used.
"""

from __future__ import annotations

import base64

import duckdb
import numpy as np
import pytest

# expected values

ADMITTED = "timezone(f.time_zone, admitted_at::timestamptz)"
GIVEN = "timezone(f.time_zone, administered_at::timestamptz)"
ORDERED = "timezone(f.time_zone, coalesce(dispensed_at, ordered_at)::timestamptz)"
GIVEN_OR_ORDERED = "timezone(f.time_zone, coalesce(administered_at, ordered_at)::timestamptz)"
"""Hospital time, derived from UTC by DuckDB, because the columns with local times are tested."""

ROWS = {
    "encounters": f"""
        SELECT f.*, coalesce(encounter_class, 'Not recorded') AS class,
            coalesce(f.department, 'Not recorded') AS dep,
            coalesce(payer, 'Not recorded') AS who_pays, nullif(patient_durable_key, -1) AS person,
            coalesce(icd10_chapter_title, diagnosis_description, 'Not recorded') AS chapter,
            coalesce(provider_specialty, 'Not recorded') AS specialty, strftime({ADMITTED}, '%Y-%m') AS month,
            isodow({ADMITTED}) AS weekday, hour({ADMITTED}) AS hour,
            CASE WHEN length_of_stay_days > 30 THEN 30 ELSE length_of_stay_days END AS days
        FROM fact_encounter f LEFT JOIN dim_patient USING (patient_key)
        LEFT JOIN dim_diagnosis USING (diagnosis_key)
        LEFT JOIN dim_provider USING (provider_key)""",
    "medications": f"""
        SELECT f.*, coalesce(f.route, 'Not recorded') AS way, coalesce(status, 'Not recorded') AS state,
            coalesce(therapeutic_class, 'Not classified') AS therapeutic,
            coalesce(medication_name, 'Not recorded') AS medication,
            coalesce(provider_specialty, 'Not recorded') AS specialty,
            coalesce(provider_name || ' (' || provider_npi || ')', provider_npi, 'Not recorded') AS provider,
            greatest(-60, least(120, floor(date_diff('second', due_at, administered_at) / 600) * 10))
                AS delay,
            coalesce(reason_not_given, 'Not recorded') AS reason,
            coalesce(dose_unit, 'Not recorded') AS unit, usual_dose_low AS low,
            usual_dose_high AS high, usual_dose_unit,
            strftime({GIVEN_OR_ORDERED}, '%Y-%m') AS month, isodow({GIVEN}) AS weekday,
            hour({GIVEN}) AS hour, nullif(patient_durable_key, -1) AS person,
            CASE WHEN minutes_from_order >= 120 THEN 120
                ELSE (floor(minutes_from_order / 10) * 10)::int END AS wait,
            administered_at IS NOT NULL AND row_number() OVER (
                PARTITION BY encounter_key, medication_key, ordered_at
                ORDER BY administered_at NULLS LAST, administration_key) = 1 AS is_first
        FROM fact_medication_admin f LEFT JOIN dim_medication USING (medication_key)
        LEFT JOIN dim_patient USING (patient_key) LEFT JOIN dim_provider USING (provider_key)""",
    "orders": f"""
        SELECT f.*, coalesce(f.route, 'Not recorded') AS way, coalesce(status, 'Not recorded') AS state,
            coalesce(therapeutic_class, 'Not classified') AS therapeutic,
            coalesce(medication_name, 'Not recorded') AS medication,
            strftime({ORDERED}, '%Y-%m') AS month, nullif(patient_durable_key, -1) AS person
        FROM fact_medication_order f LEFT JOIN dim_medication USING (medication_key)
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
    "dose-range": """SELECT medication, count(*) FILTER (dose < low),
        count(*) FILTER (dose >= low AND dose <= high),
        count(*) FILTER (dose > high) FROM r
        WHERE dose IS NOT NULL AND low IS NOT NULL AND dose_unit = usual_dose_unit GROUP BY ALL""",
    "dose-distribution": """SELECT medication || ', ' || unit, dose::double, count(*), min(low)::double,
        max(high)::double
        FROM r WHERE dose IS NOT NULL GROUP BY medication, unit, dose""",
    "by-status": "SELECT state, count(*) FROM r GROUP BY ALL",
    "not-given": "SELECT month, count(*) FILTER (status = 'not-done'), count(*) FROM r GROUP BY ALL",
    "order-to-dose-minutes": """SELECT way, wait, count(*) FROM r
        WHERE is_first AND minutes_from_order IS NOT NULL GROUP BY ALL""",
    "order-to-dose": """SELECT therapeutic, count(*), count(*) FILTER (minutes_from_order > 60) FROM r
        WHERE is_first AND minutes_from_order IS NOT NULL GROUP BY ALL""",
    "due-to-dose": """SELECT way, delay::int, count(*) FROM r
        WHERE due_at IS NOT NULL AND administered_at IS NOT NULL GROUP BY ALL""",
    "reasons-not-given": "SELECT reason, count(*) FROM r WHERE status = 'not-done' GROUP BY ALL",
    "barcode-scans": """SELECT month, count(*) FILTER (barcode_scanned), count(*) FROM r
        WHERE barcode_scanned IS NOT NULL GROUP BY ALL""",
    "orders-by-month": "SELECT event_kind, month, count(*) FROM r GROUP BY ALL",
    "orders-by-medication": "SELECT medication, count(*) FROM r GROUP BY ALL",
    "orders-by-class": "SELECT therapeutic, count(*) FROM r GROUP BY ALL",
    "orders-by-status": "SELECT state, count(*) FROM r GROUP BY ALL",
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
        count(*) FILTER (status = 'not-done') / nullif(count(*), 0),
        median(minutes_from_order) FILTER (is_first) FROM r""",
    "orders": """SELECT count(*), count(*) FILTER (event_kind = 'order'),
        count(*) FILTER (event_kind = 'dispense'), count(DISTINCT person), count(DISTINCT medication_key)
        FROM r""",
    "patients": "SELECT count(*), count(*) FILTER (is_deceased), count(*) FILTER (version > 1) FROM r",
}


class Star:
    """The gold files of one release, and the expected values of charts."""

    def __init__(self, root, release_id):
        self.sql = duckdb.connect()
        self.sql.execute("SET TimeZone = 'UTC'")
        for folder in (each for each in root.iterdir() if each.is_dir()):
            files = f"{folder}/release_id={release_id}/**/*.parquet"
            self.sql.execute(
                f"CREATE TABLE {folder.name} AS SELECT * FROM "
                f"read_parquet('{files}', hive_partitioning = true, hive_types_autocast = false)"
            )

    def ask(self, page, condition, query):
        """Return the rows of `query` over `r`, the filtered rows of the page; `is_first` ignores filters."""
        kept = "administration_key" if page == "medications" else "*"
        fits = f"{ROWS[page]} {'AND' if page == 'patients' else 'WHERE'} {condition}"
        if page == "medications":
            fits = f"SELECT * FROM ({ROWS[page]}) WHERE administration_key IN (SELECT {kept} FROM ({fits}))"
        return self.sql.execute(f"WITH r AS ({fits}) {query}").fetchall()


def largest(rows, value=lambda row: row[1], most=12):
    """Return the largest groups, and equal ones in order of their names."""
    return sorted(rows, key=lambda row: (-value(row), row[0]))[:most]


def wilson(hits, total):
    """Return the Wilson score interval in percent, from its quadratic equation (Wilson 1927)."""
    z2, p = 1.96**2, hits / total
    roots = np.roots([1 + z2 / total, -(2 * p + z2 / total), p * p])
    return 100 * max(0, min(roots)), 100 * min(1, max(roots))


def near(values):
    return pytest.approx(values, abs=1e-6)


# checks of figures


def decoded(value):
    """Return Plotly's JSON with packed arrays decoded to lists."""
    if isinstance(value, dict) and "bdata" in value:
        packed = np.frombuffer(base64.b64decode(value["bdata"]), np.dtype(value["dtype"]))
        shape = [int(n) for n in str(value["shape"]).split(",")] if "shape" in value else [-1]
        return packed.reshape(shape).tolist()
    if isinstance(value, dict):
        return {name: decoded(each) for name, each in value.items()}
    return [decoded(each) for each in value] if isinstance(value, list) else value


def traces(figure, type_="bar", previous=False):
    return [t for t in figure["data"] if t["type"] == type_ and ("revious" in str(t.get("name"))) == previous]


def stacked(figure, rows, before):
    assert {(t["name"], x): y for t in traces(figure) for x, y in zip(t["x"], t["y"], strict=True)} == {
        (color, x): n for color, x, n in rows
    }
    if before is not None:
        (marks,) = traces(figure, "scatter", previous=True)
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
        (marks,) = traces(figure, "scatter", previous=True)
        for (name, *_), x in zip(marks["customdata"], marks["x"], strict=True):
            assert x == near(was[name]) if name in was else x is None or np.isnan(x)


def rate(figure, rows, before):
    (bars,) = traces(figure)
    top = largest(rows)[::-1]
    assert [tuple(data[:3]) for data in bars["customdata"]] == top
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
        (marks,) = traces(figure, "scatter", previous=True)
        drawn = {
            (sex, band): (n, x) for (band, n, sex), x in zip(marks["customdata"], marks["x"], strict=True)
        }
        counted = {(SEX_WORDS[sex], band): n for sex, band, n in before}
        assert {group: n for group, (n, _) in drawn.items()} == counted
        assert {g: x for g, (_, x) in drawn.items() if g[0] in {"Male", "Female"}} == {
            (sex, band): -n if sex == "Male" else n
            for (sex, band), n in counted.items()
            if sex in {"Male", "Female"}
        }


def parts(figure, rows, before):
    top = largest([row for row in rows if sum(row[1:])], value=lambda row: sum(row[1:]))[::-1]
    for place, (name, trace) in enumerate(zip(("Below", "Usual", "Above"), traces(figure), strict=True)):
        assert trace["name"] == name
        assert [data[0] for data in trace["customdata"]] == [row[0] for row in top]
        assert trace["x"] == near([100 * row[place + 1] / sum(row[1:]) for row in top])
    if before is not None:
        was = {row[0]: row[1:] for row in before}
        for place, trace in enumerate(traces(figure, "scatter", previous=True)):
            for (name, share), x in zip(trace["customdata"], trace["x"], strict=True):
                if name in was and sum(was[name]):
                    assert x == near(100 * sum(was[name][: place + 1]) / sum(was[name]))
                    assert share == near(100 * was[name][place] / sum(was[name]))


def line(figure, rows, before):
    for previous, expected in ((False, rows), (True, before)):
        if expected is not None:
            (drawn,) = traces(figure, "scatter", previous)
            assert dict(zip(drawn["x"], drawn["y"], strict=True)) == {
                month: near(100 * hits / total) for month, hits, total in expected
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
        (marks,) = traces(figure, "scatter", previous=True)
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
