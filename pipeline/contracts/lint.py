"""Lint the contract files against the ODCS schema and this project's conventions."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Set
from typing import Any

from pipeline.contracts import source
from pipeline.contracts.model import HARMS, ZONES, Contract, Rule, parse

CLASSIFICATIONS = frozenset({"direct_identifier", "phi", "limited", "none"})
SEVERITIES = frozenset({"info", "warning", "error", "block"})
LEVELS = frozenset({"row", "release", "table", "run"})
CATEGORIES = ("conformance", "completeness", "plausibility")


def check() -> list[str]:
    """Return a sentence for each problem of the contracts in the YAML files."""
    return [
        f"{contract.zone}.{contract.table}: {problem}"
        for document, contract in declared()
        for problem in (*_standard_problems(document), *_convention_problems(contract))
    ]


def declared() -> list[tuple[Mapping[str, Any], Contract]]:
    """Return the contracts of the YAML files, with the documents that they were read from."""
    named = {name: each for name, each in source.documents().items() if name.startswith("contracts/")}
    found = {tuple(name.split("/")[1:]): each for name, each in named.items()}
    return [
        (document, parse(zone, table, document))
        for zone in ZONES
        for (of, table), document in sorted(found.items())
        if of == zone
    ]


def _standard_problems(document: Mapping[str, Any]) -> Iterator[str]:
    try:
        from open_data_contract_standard.model import OpenDataContractStandard  # noqa: PLC0415
    except ModuleNotFoundError:  # a development tool, not installed in the deployed portal
        return
    from pydantic import ValidationError  # noqa: PLC0415

    try:
        OpenDataContractStandard.model_validate(document)
    except ValidationError as error:
        yield from (f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())


def _convention_problems(contract: Contract) -> Iterator[str]:
    counted = Counter(column.name for column in contract.columns)
    yield from (f"column {name} is declared twice" for name, count in counted.items() if count > 1)
    for column in contract.columns:
        if column.classification not in CLASSIFICATIONS:
            yield f"column {column.name} has the unknown classification '{column.classification}'"
        if not column.description.strip():
            yield f"column {column.name} has no description"
    if contract.zone == "gold":
        direct = [c.name for c in contract.columns if c.classification in {"direct_identifier", "phi"}]
        yield from (
            f"column {name} identifies a patient, which gold tables must not contain" for name in direct
        )
    ids = Counter(rule.id for rule in contract.rules)
    yield from (f"rule {rule_id} is declared twice" for rule_id, count in ids.items() if count > 1)
    for rule in contract.rules:
        problems = (*_rule_problems(rule), *_review_problems(rule, {c.name for c in contract.columns}))
        yield from (f"rule {rule.id} {text}" for text in problems)


def _rule_problems(rule: Rule) -> Iterator[str]:
    for name in ("description", "rationale", "cause", "population", "limit_owner", "limit_reason"):
        if not getattr(rule, name).strip():
            yield f"has no {name}"
    if rule.severity not in SEVERITIES:
        yield f"has the unknown severity '{rule.severity}'"
    if rule.level not in LEVELS:
        yield f"has the unknown level '{rule.level}'"
    if not rule.category.startswith(CATEGORIES):
        yield f"has the unknown category '{rule.category}'"
    if rule.unit == "percent" and not 0 <= rule.floor <= rule.threshold <= 1:
        yield f"has limits {rule.floor:.0%} and {rule.threshold:.0%}; expected 0 to 100 % in ascending order"
    if [rule.fails, rule.measure, rule.of].count(None) != 2:
        yield "needs exactly one of `fails`, `measure` and `of` in its implementation"
    if rule.of and not {"checked", "failed"} <= set(rule.aggregates):
        yield "needs the aggregates `checked` and `failed`"


def _review_problems(rule: Rule, columns: Set[str]) -> Iterator[str]:
    """Yield problems of the properties that reviewers see: finding, harm, expected, shows."""
    if not rule.finding.strip():
        yield "has no finding: a sentence such as '{n} [encounter ends|encounters end] before …'"
    elif ("{n}" in rule.finding) == ("{value}" in rule.finding):
        yield "needs either {n} or {value} in its finding"
    if re.search(r"[\[\]|]", re.sub(r"\[[^\[\]|]*\|[^\[\]|]*\]", "", rule.finding)):
        yield "needs a singular and a plural in each bracket of its finding: [encounter ends|encounters end]"
    if rule.harm not in HARMS:
        yield f"has the unknown harm '{rule.harm}'; expected one of {', '.join(HARMS)}"
    if not rule.expected.strip():
        yield "has no expected: the value of a correct row"
    if not rule.is_whole and not rule.shows:
        yield "has no shows: the columns that a reviewer needs to see"
    yield from (f"shows the unknown column {name}" for name in rule.shows if name not in columns)
