"""Checks that a figure shows the expected rows of a chart; no code under test is used."""

from __future__ import annotations

import base64
import math

import numpy as np
import pytest


def largest(rows, value=lambda row: row[1], most=12):
    """Return the largest groups, and equal ones in order of their names."""
    return sorted(rows, key=lambda row: (-value(row), row[0]))[:most]


def wilson(hits, total):
    """Return the Wilson score interval in percent, from its quadratic equation (Wilson 1927)."""
    z2, p = 1.959964**2, hits / total
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


WORDS = {
    "AMB": "Ambulatory (AMB)",
    "EMER": "Emergency (EMER)",
    "IMP": "Inpatient (IMP)",
    "ACUTE": "Inpatient acute (ACUTE)",
    "OBSENC": "Observation (OBSENC)",
    "VR": "Virtual (VR)",
    "HH": "Home health (HH)",
    "PO": "By mouth (PO)",
    "IV": "Intravenous (IV)",
    "IM": "Intramuscular (IM)",
    "SC": "Subcutaneous (SC)",
    "INH": "Inhaled (INH)",
    "SL": "Under the tongue (SL)",
    "order": "Order",
    "dispense": "Dispense",
}
"""What legends say for codes."""


def stacked(figure, rows, before):
    assert {(t["name"], x): y for t in traces(figure) for x, y in zip(t["x"], t["y"], strict=True)} == {
        (WORDS.get(color, color), x): n for color, x, n in rows
    }
    if before is not None:
        (marks,) = traces(figure, "scatter", previous=True)
        total = {}
        for _, x, n in before:
            total[x] = total.get(x, 0) + n
        assert dict(zip(marks["x"], marks["y"], strict=True)) == total


def histogram(figure, rows, before):
    stacked(figure, rows, before)
    drawn = [shape["x0"] for shape in figure["layout"].get("shapes", []) if shape["line"]["dash"] == "dot"]
    # bins of ten minutes and hours of the day have no percentiles
    if figure["layout"]["xaxis"]["title"]["text"].startswith(("Minutes", "Hour (")):
        assert drawn == []
        return
    values = sorted(x for _, x, n in rows for _ in range(n))
    expected = [values[math.ceil(share * len(values)) - 1] for share in (0.5, 0.9)]
    assert drawn == [each for each in expected if each < values[-1]]


def ranking(figure, rows, before):
    (bars,) = traces(figure)
    shown = [(data[0], x) for data, x in zip(bars["customdata"], bars["x"], strict=True)]
    assert bars["text"] == [f"{x:,.0f}" for x in bars["x"]]
    assert shown[::-1] == [(name, near(n)) for name, n in largest(rows)]
    marked(figure, before, dict(before or []))


def marked(figure, before, was):
    if before is not None:
        (marks,) = traces(figure, "scatter", previous=True)
        for (name, *_), x in zip(marks["customdata"], marks["x"], strict=True):
            assert x == near(was[name]) if name in was else x is None or np.isnan(x)


def rate(figure, rows, before):
    (bars,) = traces(figure)
    top = largest(rows)
    top.reverse()
    top.sort(key=lambda row: row[2] / row[1])
    assert [tuple(data[:3]) for data in bars["customdata"]] == top
    assert bars["x"] == near([100 * hits / total for _, total, hits in top])
    assert [label.rpartition("n = ")[2] for label in bars["y"]] == [f"{total:,}" for _, total, _ in top]
    ends = [wilson(hits, total) for _, total, hits in top]
    whiskers = zip(bars["x"], bars["error_x"]["arrayminus"], bars["error_x"]["array"], strict=True)
    assert [(x - low, x + high) for x, low, high in whiskers] == [near(end) for end in ends]
    (line,) = figure["layout"]["shapes"]
    assert line["x0"] == near(100 * sum(row[2] for row in rows) / sum(row[1] for row in rows))
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
    top = largest([row for row in rows if row[1] + row[3]], value=lambda row: 1 - row[2] / sum(row[1:]))[::-1]
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


def series(figure, rows, before):
    _limits(figure, [float(n) for _, n in sorted(rows)], most=math.inf)
    for previous, expected in ((False, rows), (True, before)):
        if expected is not None:
            (drawn,) = traces(figure, "scatter", previous)
            assert dict(zip(drawn["x"], drawn["y"], strict=True)) == {month: near(n) for month, n in expected}


def line(figure, rows, before):
    shares = [100 * hits / total for _, hits, total in sorted(rows)]
    _limits(figure, shares, most=100)
    for previous, expected in ((False, rows), (True, before)):
        if expected is not None:
            (drawn,) = traces(figure, "scatter", previous)
            assert dict(zip(drawn["x"], drawn["y"], strict=True)) == {
                month: near(100 * hits / total) for month, hits, total in expected
            }


def _limits(figure, shares, most):
    levels = [shape["y0"] for shape in figure["layout"].get("shapes", [])]
    if len(shares) < 12:
        assert levels == []
    else:
        spread = 3 / 1.128 * float(np.abs(np.diff(shares)).mean())
        expected = [np.mean(shares), min(most, np.mean(shares) + spread), max(0, np.mean(shares) - spread)]
        assert levels == pytest.approx(expected, rel=1e-3, abs=1e-3)


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
    "histogram": histogram,
    "ranking": ranking,
    "rate": rate,
    "week": week,
    "pyramid": pyramid,
    "parts": parts,
    "line": line,
    "series": series,
    "dose": dose,
}
