"""Spellings of code systems, codes and units, and texts that stand for an empty value."""

from __future__ import annotations

import pytest

from pipeline import frames
from pipeline.contracts.model import load as load_contract
from pipeline.contracts.spark import schema
from pipeline.glue_jobs.bronze_to_silver import encounters, load, medications, patients
from pipeline.reference import code_systems, units
from pipeline.rules import row_rules

ZONE = "UTC"
JOBS = {"patients": patients, "encounters": encounters, "medications": medications}


def _typed(spark, table, values, source="native"):
    """The typed rows of bronze rows, in their order."""
    contract = load_contract("bronze", table)
    shape = schema(contract, partitions=False)
    for name, type_ in (
        ("_malformed", "boolean"),
        ("_file", "string"),
        ("_line", "long"),
    ):
        shape = shape.add(name, type_)
    given = [{"_malformed": False, "_file": "f.csv", "_line": n, **row} for n, row in enumerate(values)]
    frame = frames.of(spark, given, shape).selectExpr(
        "*",
        "cast(null as array<string>) as _as_read",
        "'b' as batch_id",
        "named_struct('received_at', timestamp '2025-01-01 00:00:00', 'facility', 'General') as batch",
    )
    typed = JOBS[table].transform(load.as_raw(frame, table, source), ZONE)
    return typed.orderBy("_line")


@pytest.mark.parametrize(
    ("system", "code", "expected"),
    [
        ("ICD-10-CM", "E119", ("ICD-10-CM", "E11.9")),
        ("icd10cm", "e11.9", ("ICD-10-CM", "E11.9")),
        ("urn:oid:2.16.840.1.113883.6.90", "E11.9", ("ICD-10-CM", "E11.9")),
        ("http://hl7.org/fhir/sid/icd-10-cm", " t404x1a ", ("ICD-10-CM", "T40.4X1A")),
        ("ICD-10-CM", "I10", ("ICD-10-CM", "I10")),
        ("ICD-10-CM", "u071", ("ICD-10-CM", "U07.1")),
        ("icd10", "E119", ("ICD-10", "E11.9")),
        ("ICD-10-GM", "E1190", ("ICD-10-GM", "E11.90")),
        ("ICD9", "25000", ("ICD-9-CM", "250.00")),
        ("ICD-9-CM", "250.00", ("ICD-9-CM", "250.00")),
        ("ICD-9-CM", "V270", ("ICD-9-CM", "V27.0")),
        ("ICD-9-CM", "E8490", ("ICD-9-CM", "E849.0")),
        ("http://snomed.info/sct", "44054006", ("SNOMED-CT", "44054006")),
        ("SNOMED CT", "44054006", ("SNOMED-CT", "44054006")),
        ("Meditech local", "DM2", ("Meditech local", "DM2")),
        ("ICD-10-CM\t", "\u00a0E11.9\r", ("ICD-10-CM", "E11.9")),
        (None, "E119", (None, "E119")),
    ],
)
def test_a_diagnosis_has_one_spelling(spark, system, code, expected):
    row = _typed(spark, "encounters", [{"diagnosis_code": code, "diagnosis_code_system": system}]).first()
    assert (row["diagnosis_code_system"], row["diagnosis_code"]) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [("mcg", "ug"), ("MG", "mg"), ("µg", "ug"), ("μg", "ug"), ("IU", "[iU]"), ("units", "[iU]"),
     ("UNT", "[iU]"),
     ("mg ", "mg"), ("milligram", "mg"), ("tablet", "{tbl}"), ("Puffs", "[puff]"), ("mL/hr", "mL/hr"),
     ("mg/kg", "mg/kg"), ("[iU]", "[iU]"), ("cc", "mL")],
)  # fmt: skip
def test_units_are_ucum_and_rates_stay_as_they_are(spark, written, expected):
    assert (
        _typed(spark, "medications", [{"dose": "5", "dose_unit": written}]).first()["dose_unit"] == expected
    )


def test_rates_and_unreadable_doses_are_refused_and_mapped_units_are_not(spark):
    given = [
        ("5", "mL/hr"),
        ("5", "mg/kg"),
        ("1,000", "mg"),
        ("0,5", "mg"),
        ("5-10", "mg"),
        ("5", "mcg"),
        ("1", "tablet"),
    ]
    typed = _typed(spark, "medications", [{"dose": dose, "dose_unit": unit} for dose, unit in given])
    (rule,) = [r for r in load_contract("silver", "medications").rules if r.id == "MED-C03"]
    failing = row_rules.evaluate(typed, [rule]).orderBy("_line").select(row_rules.FAILING).collect()
    assert [row[0][0] for row in failing] == [1, 1, 1, 1, 1, 0, 0]


def test_the_rule_lists_the_units_of_the_table():
    (rule,) = [r for r in load_contract("silver", "medications").rules if r.id == "MED-C03"]
    assert all(f"'{ucum}'" in rule.fails for ucum in units().values())
    assert "mL/h" not in rule.fails


def test_every_system_of_the_table_is_one_that_the_rules_know():
    known = {r.id: r.fails for t in ("encounters", "medications") for r in load_contract("silver", t).rules}
    for system in set(code_systems().values()):
        assert f"'{system}'" in known["ENC-C12"] + known["MED-C11"]


MARKERS = [
    "NULL",
    "null",
    "[NULL]",
    "NA",
    "N/A",
    "#N/A",
    "\\N",
    "None",
    "nan",
    "-",
    "?",
    ".",
    " NULL ",
    "\tNA\u00a0",
]


def test_null_markers_are_empty_and_counted_by_column(spark):
    typed = _typed(
        spark, "patients", [{"mrn": m, "race": m, "payer": m, "last_name": "Lee"} for m in MARKERS]
    )
    found = typed.select("mrn", "race", "payer", "last_name", "null_marked").collect()
    assert [tuple(row)[:4] for row in found] == [(None, None, None, "Lee")] * len(MARKERS)
    assert {tuple(row["null_marked"]) for row in found} == {("mrn", "race", "payer")}
    rules = [r for r in load_contract("silver", "patients").rules if r.id == "PAT-C08"]
    judged = row_rules.evaluate(typed, rules)
    results = row_rules.results_of(
        row_rules.Tally.of(judged), judged, rules, load_contract("silver", "patients"), "patient_id"
    )
    (result,) = [r for r in load._with_columns_marked(results, judged) if r.rule.id == "PAT-C08"]
    assert (result.failed, result.detail) == (14, "mrn 14, payer 14, race 14")


def test_names_and_words_that_only_look_like_markers_stay(spark):
    (row,) = _typed(
        spark, "patients", [{"last_name": "Null", "first_name": "Na", "city": "Nanuet"}]
    ).collect()
    assert (row["last_name"], row["first_name"], row["city"], list(row["null_marked"])) == (
        "Null",
        "Na",
        "Nanuet",
        [],
    )


def test_a_format_may_have_other_markers(spark):
    (row,) = _typed(spark, "patients", [{"race": "-"}], source="synthea").collect()
    assert (row["race"], list(row["null_marked"])) == ("-", [])


def test_a_value_of_the_code_list_is_no_marker(spark, monkeypatch):
    monkeypatch.setitem(load.CODE_LISTS, "marital_status", {"-": "-"})
    (row,) = _typed(spark, "patients", [{"marital_status": "-", "race": "-"}]).collect()
    assert (row["marital_status"], list(row["null_marked"])) == ("-", ["race"])
