"""The list of differences between the engines is true, and the lint refuses each of them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.parity.engine_differences import DIFFERENCES
from tests.parity.engine_lint import of_contract, of_project, of_python, refusals

CONTRACT = """
schema:
- name: patients
  quality:
  - name: PAT-X01
    implementation:
      fails: "{}"
"""
PYTHON = {
    "clearCache": "run.spark.catalog.clearCache()",
    "reading a folder that may be missing": "spark.read.schema(shape).parquet(address)",
    "options of Spark's own readers": "reader.option('basePath', address)",
    "reduce over the classic DataFrame": "reduce(DataFrame.unionByName, frames)",
}
REFUSED = [each for each in DIFFERENCES if each.refused]
WITH_SQL = [each for each in REFUSED if each.kind != "python"]
RUN = [each for each in DIFFERENCES if each.example]


def sample(difference):
    """An expression in which the lint can see the difference: it takes a raw column for text."""
    if difference.name == "cast of text that is no number":
        return "cast(trim(raw.dose) as double) > 1"
    return difference.example


@pytest.mark.parametrize("difference", WITH_SQL, ids=lambda each: each.name)
def test_a_rule_with_it_is_refused_with_what_to_write_instead(difference):
    contract = CONTRACT.format(sample(difference).replace("\\", "\\\\").replace('"', '\\"'))
    found = [
        sentence for sentence in refusals(of_contract(contract, "c.yaml")) if difference.name in sentence
    ]
    [sentence] = found
    assert sentence.startswith("c.yaml: PAT-X01: ")
    assert sentence.endswith(f" Write {difference.instead}.")


@pytest.mark.parametrize("difference", WITH_SQL, ids=lambda each: each.name)
def test_a_job_with_it_in_sql_is_refused(difference):
    code = f"x = F.expr({sample(difference)!r})"
    assert any(difference.name in sentence for sentence in refusals(of_python(code, "job.py")))


@pytest.mark.parametrize("difference", RUN, ids=lambda each: each.name)
def test_what_to_write_instead_is_not_refused(difference):
    comment = "  # same on both engines: text" if difference.name == "to_json" else ""
    assert refusals(of_python(f"x = F.expr({difference.same!r}){comment}", "job.py")) == []


@pytest.mark.parametrize("name", PYTHON)
def test_a_call_that_differs_is_refused(name):
    [found] = refusals(of_python(PYTHON[name], "job.py"))
    assert found.startswith(f"job.py:1: {name} ")


@pytest.mark.parametrize(
    "code",
    [
        "F.weekday('day')",
        "F.col('code').rlike(r'^[0-9]+$')",
        "F.regexp_extract('code', '^([0-9]+)$', 1)",
        "F.when(c, 1).otherwise(F.col('dose'))",
        "F.when(c, F.lit(-1)).when(d, F.col('n')).otherwise(0)",
        "_END = '^[0-9]+$'\ny = f\"trim({x}) rlike '{_END}'\"",
    ],
)  # fmt: skip
def test_pysparks_own_functions_are_looked_at_too(code):
    assert len(refusals(of_python(code, "job.py"))) == 1


@pytest.mark.parametrize(
    "code",
    [
        "F.when(c, 1).otherwise(0)",
        "F.when(c, F.col('n')).otherwise(0)",
        "F.to_json(texts)  # same on both engines: every field is text",
        "'''A module about weekday(x).'''",
        "re.sub(r'\\W$', '', name)",
        "text.split('')",
        "round(seconds)",
        "F.expr(\"code rlike '^[$.]+[.]\\\\z'\")",
    ],
)
def test_what_is_the_same_on_both_is_left_alone(code):
    assert refusals(of_python(code, "job.py")) == []


def test_the_projects_jobs_and_rules_use_none_of_them():
    texts = list(of_project())
    assert sum(text.kind == "regex" for text in texts) > 20
    assert sum(text.where.startswith("pipeline/contracts/silver/") for text in texts) > 100
    assert refusals(iter(texts)) == []


def answers(engine, expressions):
    """Return an engine's results of SQL expressions, evaluated in a separate process."""
    command = [sys.executable, "-m", "tests.support.ask_engine", engine]
    done = subprocess.run(command, input=json.dumps(expressions), capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parity
@pytest.mark.parametrize("engine", ["sail", "spark"])
def test_an_engine_gives_what_the_list_says(engine):
    got = answers(engine, [each.example for each in RUN])
    assert dict(zip([each.name for each in RUN], got, strict=True)) == {
        each.name: getattr(each, engine) for each in RUN
    }


@pytest.mark.parity
def test_what_to_write_instead_gives_the_same_on_both():
    expressions = [each.same for each in RUN]
    sail, spark = answers("sail", expressions), answers("spark", expressions)
    assert dict(zip(expressions, sail, strict=True)) == dict(zip(expressions, spark, strict=True))
    assert "error" not in sail
