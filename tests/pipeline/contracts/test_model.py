"""The contracts keep the standard, their habits, and the catalogue of rules that was agreed."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import simple_icd_10_cm

from pipeline.contracts import lint
from pipeline.contracts.model import all_contracts, load
from pipeline.reference import icd10_chapters, icd10cm_codes

CATALOGUE = Path(__file__).parents[3] / "shared" / "rules.md"

RULES = [(contract.table, rule) for contract in all_contracts() for rule in contract.rules]

PARTS = {
    "PAT-P08": {"PAT-P08-age", "PAT-P08-sex"},
    "GLD-M01": {f"GLD-M01-dim_{name}" for name in ("patient", "provider", "diagnosis", "medication", "time")},
    "GLD-P04": {"GLD-P04", "GLD-P04-growth"},
    "ENC-P05": {"ENC-P05", "ENC-P15"},  # its error and its warning half
    "MED-P06": {"MED-P06", "MED-P12"},
    "PAT-M06": {"PAT-M06", "ENC-M06", "MED-M06"},
    "ENC-C06": {"ENC-C06", "ENC-C11"},  # its warning and its blocking half
    "MED-C06": {"MED-C06", "MED-C10"},
    "ENC-P04": {"ENC-P04", "ENC-P18"},  # beside the patient, and beside the extract
}
"""Entries of the catalogue that are more than one rule."""

BEYOND = (
    {"ENC-C09", "ENC-C10", "ENC-C12", "ENC-C13", "ENC-P16", "ENC-P17"}
    | {"MED-C11", "MED-C12", "MED-P13", "PAT-C08", "PAT-P12"}
    | {"MED-M07", "MED-P14", *(f"MED-C{number}" for number in range(13, 18))}
    | {f"GLD-C{number}" for number in (10, 11, 12, 13)}
    | {"DIA-M01", *(f"DIA-P{number:02}" for number in (1, 2, 3, 4, 17, 18))}
    | {f"DIA-C{number:02}" for number in (1, 2, 3, 5, 6, 7, 8, 9, 12, 13)}
)
"""Rules that the catalogue has not thought of."""

FACTS = {"fact_encounter", "fact_medication_admin", "fact_medication_order", "bridge_encounter_diagnosis"}
TABLES = {
    "GLD-C01": {"patients", "encounters", "medications", "diagnoses"},
    "GLD-C02": FACTS,
    "GLD-C04": {"dim_patient", "dim_provider"},
    "GLD-C05": FACTS,
    "GLD-C07": {"fact_encounter", "fact_medication_admin"},
    "GLD-C10": {"dim_patient", "dim_provider"},
    "GLD-C11": FACTS,
    "GLD-C12": FACTS,
    "GLD-C13": FACTS,
    "GLD-P01": FACTS,
    "GLD-P02": FACTS,
    "GLD-P04": {"patients", "encounters", "medications", "diagnoses"},
    "GLD-P04-growth": {"patients", "encounters", "medications", "diagnoses"},
    "GLD-P05": {"encounters", "medications"},
}
"""Where the rules stand that belong to several tables; GLD-C03 and GLD-P03 are checked below."""


def _catalogue():
    """By id what the catalogue says: severities and thresholds (shares; None: judged by table)."""
    if not CATALOGUE.is_file():
        pytest.skip(f"the catalogue of rules is not at {CATALOGUE}")
    found = {}
    for line in CATALOGUE.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if re.fullmatch(r"[A-Z]{3}-[A-Z][0-9]{2}", cells[0]):
            severities = re.findall(r"info|warning|error|block", cells[2])
            limit = cells[3] if len(cells) > 3 else "table"
            shares = [float(n) / 100 for n in re.findall(r"(?<![A-Za-z])\d+(?:\.\d+)?", limit)]
            shares += [float(n) / 100 for n in re.findall(r"above (\d+) %", cells[2])]
            found[cells[0]] = (severities, shares)
    assert len(found) > 70
    return found


def test_the_contracts_are_sound():
    assert lint.check() == []


def test_every_entry_of_the_catalogue_is_a_rule_and_every_rule_an_entry():
    wanted = {rule for entry in _catalogue() for rule in PARTS.get(entry, {entry})}
    assert wanted | BEYOND == {rule.id for _, rule in RULES}


def test_severities_and_limits_are_those_of_the_catalogue():
    catalogue, deviations = _catalogue(), []
    for entry, (severities, shares) in catalogue.items():
        parts = sorted(PARTS.get(entry, {entry}))
        for part, severity in zip(parts, severities * len(parts), strict=False):
            # of two severities the first is that of the entry's own rule
            share = shares[min(parts.index(part), len(shares) - 1)] if shares else None
            deviations += [
                (table, rule.id, rule.severity, rule.threshold)
                for table, rule in RULES
                if rule.id == part
                and (rule.severity != severity or (share is not None and abs(rule.threshold - share) > 1e-9))
            ]
    assert deviations == []


@pytest.mark.parametrize(("rule_id", "expected"), TABLES.items())
def test_a_rule_stands_at_every_table_that_it_is_for(rule_id, expected):
    assert {table for table, rule in RULES if rule.id == rule_id} == expected


def test_every_gold_table_has_one_row_a_grain_and_no_identifier_in_its_texts():
    gold = [contract for contract in all_contracts() if contract.zone == "gold"]
    assert {c.table for c in gold} == {table for table, rule in RULES if rule.id == "GLD-C03"}
    # of dim_time every text is the name of a day or a month
    assert {c.table for c in gold} - {"dim_time"} == {t for t, rule in RULES if rule.id == "GLD-P03"}
    free = {
        "sex",
        "zip3",
        "age_band",
        "encounter_class",
        "admitted_month",
        "administered_month",
        "ordered_month",
        "diagnosis_month",
        "release_id",
    }
    free |= {"diagnosis_code_system", "medication_code_system", "icd10_chapter_title", "usual_dose_unit"}
    free |= {
        "therapeutic_class",
        "dose_form",
        "readmission_status",
        "time_zone",
    }  # from lists of our own, or of bounded length
    for contract in gold:
        texts = {c.name for c in contract.columns if c.type == "string"} - free
        looked = " ".join(str(r.aggregates) for r in contract.rules if r.id == "GLD-P03")
        assert contract.table == "dim_time" or texts <= set(re.findall(r"\w+", looked)), contract.table


def test_two_halves_of_an_entry_name_each_other():
    rules = {rule.id: rule for _, rule in RULES}
    for error, warning in (("ENC-P05", "ENC-P15"), ("MED-P06", "MED-P12")):
        assert (rules[error].severity, rules[warning].severity) == ("error", "warning")
        assert warning in rules[error].limit_reason
        assert error in rules[warning].limit_reason


@pytest.mark.parametrize(("table", "rule"), RULES, ids=lambda v: v if isinstance(v, str) else v.id)
def test_a_rule_says_what_it_counts_and_whose_its_limit_is(table, rule):
    assert rule.population[0].islower()
    assert not rule.population.endswith(".")
    assert rule.limit_owner[0].isupper()
    assert len(rule.limit_reason) > 40
    assert rule.limit_reason.endswith(".")
    if rule.unit == "percent" and (rule.floor, rule.threshold) == (0, 0):
        assert re.match(r"None|A judgement", rule.limit_reason), "a limit of 0 says why nothing is tolerated"


@pytest.mark.parametrize("name", ["population", "limit_owner", "limit_reason", "cause", "rationale"])
def test_a_rule_that_lacks_a_word_is_found(name):
    rule = replace(load("silver", "patients").rules[0], **{name: " "})
    assert list(lint._rule_problems(rule)) == [f"has no {name}"]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        (
            {"finding": " "},
            "has no finding: a sentence such as '{n} [encounter ends|encounters end] before …'",
        ),
        ({"finding": "Encounters end early"}, "needs either {n} or {value} in its finding"),
        (
            {"finding": "{n} [encounter ends] early"},
            "needs a singular and a plural in each bracket of its finding: [encounter ends|encounters end]",
        ),
        (
            {"harm": "severe"},
            "has the unknown harm 'severe'; "
            "expected one of patient_safety, privacy, attribution, statistics, format",
        ),
        ({"expected": ""}, "has no expected: the value of a correct row"),
        ({"shows": ()}, "has no shows: the columns that a reviewer needs to see"),
        ({"shows": ("dose",)}, "shows the unknown column dose"),
    ],
)
def test_a_rule_that_a_reviewer_cannot_judge_is_found(changes, problem):
    contract = load("silver", "patients")
    rule = replace(contract.rules[0], **changes)
    assert list(lint._review_problems(rule, {c.name for c in contract.columns})) == [problem]


@pytest.mark.parametrize(("table", "rule"), RULES, ids=lambda v: v if isinstance(v, str) else v.id)
def test_a_finding_is_a_sentence_of_its_own_and_no_negated_rule(table, rule):
    assert rule.finding != rule.description
    assert not rule.finding.endswith(".")
    assert rule.finding.startswith(
        ("{", "The ", "Encounters or", "Administrations of", "Orders of", "Diagnoses of")
    )
    assert not re.search(r"\b(fail|violat|rule|null|silver|gold|dim_|fact_)", rule.finding), "clinical words"


def test_the_icd10cm_codes_are_those_of_the_release_that_is_named():
    theirs = {code for code in simple_icd_10_cm.get_all_codes(with_dots=False) if not _is_group(code)}
    assert set(icd10cm_codes()) == theirs
    assert len(icd10cm_codes()) == len(theirs)


def _is_group(code):
    """A chapter or a block of categories, such as A00-A09."""
    return code.isdigit() or "-" in code


def test_every_icd10cm_code_lies_in_one_chapter():
    lost = [
        code for code in icd10cm_codes() if sum(c.first <= code[:3] <= c.last for c in icd10_chapters()) != 1
    ]
    assert lost == []
