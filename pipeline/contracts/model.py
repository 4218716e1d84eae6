"""Table contracts (Open Data Contract Standard v3): columns, keys, descriptions, PHI classes, rules.

Spark schema, Glue columns, reference SQL and data dictionary are derived from the contracts, which are
declared in YAML files and read from compiled.json.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from pipeline import compiled

Zone = Literal["bronze", "silver", "gold", "quality"]
ZONES: tuple[Zone, ...] = ("bronze", "silver", "gold", "quality")
HARMS = ("patient_safety", "privacy", "attribution", "statistics", "format")
"""Harm classes of rules, the worst first."""


class ContractError(Exception):
    """There is no contract of a table; the message lists the tables that have one."""


@dataclass(frozen=True)
class Column:
    """One column; `type` is its Glue and Athena type, `classification` its PHI class."""

    name: str
    type: str
    description: str
    required: bool
    key_position: int | None
    partition_position: int | None
    classification: str


@dataclass(frozen=True)
class Rule:
    """One quality rule.

    `fails` is a SQL condition that is true for a failing row; `applies` is true for the rows that are checked
    (the denominator of the failure rate). With `among`, `fails` is a condition on groups: the applicable rows
    with equal values of the `among` expressions. A window in `fails` sees only applicable rows.

    A table rule has `aggregates` over the relation `of` (a view or a join; rules with the same relation are
    evaluated together), or `measure`, a query that returns one row. Both return `checked` and `failed`, and
    optionally a `value` that is compared with the limits instead of the failure rate.

    `reads` lists the columns of a row rule, with their struct ("raw.dose"); `has_window` is true if `fails`
    has a window; `athena` is the rule's condition in Athena SQL, None unless the silver columns of one row
    suffice.

    `floor` and `threshold` are the minimum and maximum of the accepted rate or value; `unit` is "percent" for
    rates (0 to 1 here), otherwise the unit of the value. `population` names the checked rows in the plural
    ("inpatient stays"), `limit_owner` the person who may change the limits and `limit_reason` the reason for
    them. `keeps_rows` exempts failing rows from quarantine whatever the severity.

    `finding` states a failing result in clinical language: ``{n} [encounter ends|encounters end] before …``,
    with the number of failing rows or the measured `{value}`, and singular and plural in brackets. `harm` is
    one of `HARMS`, `expected` the value that a correct row has, `shows` the columns of a row that a reviewer
    needs to see, the failing ones first.
    """

    id: str
    description: str
    dimension: str
    category: str
    severity: str
    level: str
    threshold: float
    floor: float
    unit: str
    rationale: str
    cause: str
    population: str
    limit_owner: str
    limit_reason: str
    fails: str | None
    applies: str | None
    measure: str | None
    of: str | None
    aggregates: dict[str, str]
    among: tuple[str, ...] = ()
    keeps_rows: bool = False
    reads: tuple[str, ...] = ()
    has_window: bool = False
    athena: str | None = None
    finding: str = ""
    harm: str = ""
    expected: str = ""
    shows: tuple[str, ...] = ()

    @property
    def is_whole(self) -> bool:
        """True for a rule on whole tables, False for a rule on rows."""
        return self.fails is None

    @property
    def looks_across(self) -> bool:
        """True if a row rule depends on other rows, by its group or a window."""
        return bool(self.among) or self.has_window

    @property
    def sql(self) -> str:
        """The SQL of the rule: its condition, or its whole query."""
        counted = ", ".join(f"{sql} as {name}" for name, sql in self.aggregates.items())
        return self.fails or self.measure or f"select {counted} from {self.of}"

    def outcome(self, failed: int, rate: float | None) -> str:
        """Return the outcome for a rate or value; "not_applicable" if it is None, as nothing was checked."""
        if rate is None:
            return "not_applicable"
        if not self.floor <= rate <= self.threshold:
            return "fail"
        return "pass_with_failures" if failed else "pass"

    @property
    def quarantines(self) -> bool:
        """True if a failing row is quarantined."""
        return (
            not self.keeps_rows and self.level in {"row", "release"} and self.severity in {"error", "block"}
        )


@dataclass(frozen=True)
class Contract:
    """The contract of one table; `grain` says what one row represents."""

    zone: Zone
    table: str
    grain: str
    purpose: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    custom: dict[str, Any] = field(default_factory=dict, compare=False)

    def null_markers(self, source: str) -> tuple[str, ...]:
        """Return the strings (case-sensitive) that mean NULL in files of a source format."""
        of_source = self.custom.get("nullMarkersOfSource", {})
        return tuple(of_source.get(source, self.custom.get("nullMarkers", ())))

    @property
    def data_columns(self) -> tuple[Column, ...]:
        return tuple(column for column in self.columns if column.partition_position is None)

    @property
    def partition_columns(self) -> tuple[Column, ...]:
        parts = [column for column in self.columns if column.partition_position is not None]
        return tuple(sorted(parts, key=lambda column: column.partition_position or 0))

    @property
    def key(self) -> tuple[str, ...]:
        keys = [column for column in self.columns if column.key_position is not None]
        return tuple(column.name for column in sorted(keys, key=lambda column: column.key_position or 0))

    @property
    def record_key(self) -> tuple[str, ...]:
        """The columns that identify a record of silver in all its versions: the key without `updated_at`."""
        return tuple(name for name in self.key if name != "updated_at")


def tables(zone: Zone) -> tuple[str, ...]:
    """Return the names of the tables of a zone that have a contract."""
    prefix = f"contracts/{zone}/"
    return tuple(sorted(n.removeprefix(prefix) for n in compiled.documents() if n.startswith(prefix)))


@cache
def load(zone: Zone, table: str) -> Contract:
    """Return the contract of a table; raise `ContractError` if there is none."""
    document = compiled.documents().get(f"contracts/{zone}/{table}")
    if document is None:
        raise ContractError(f"There is no contract {zone}.{table}; {zone} has {', '.join(tables(zone))}.")
    return parse(zone, table, document)


def parse(zone: Zone, table: str, contract: Mapping[str, Any]) -> Contract:
    """Return the contract that an ODCS document declares."""
    schema = contract["schema"][0]
    return Contract(
        zone=zone,
        table=table,
        grain=schema["description"],
        purpose=contract["description"]["purpose"],
        columns=tuple(_column(entry) for entry in schema["properties"]),
        rules=tuple(_rule(entry) for entry in schema.get("quality", [])),
        custom={item["property"]: item["value"] for item in schema.get("customProperties", [])},
    )


def all_contracts() -> tuple[Contract, ...]:
    """Return the contracts of all zones."""
    return tuple(load(zone, table) for zone in ZONES for table in tables(zone))


def _column(entry: dict[str, Any]) -> Column:
    return Column(
        name=entry["name"],
        type=entry["physicalType"],
        description=entry["description"],
        required=entry.get("required", False),
        key_position=entry.get("primaryKeyPosition"),
        partition_position=entry.get("partitionKeyPosition"),
        classification=entry["classification"],
    )


def _rule(entry: dict[str, Any]) -> Rule:
    custom = {item["property"]: item["value"] for item in entry["customProperties"]}
    implementation = entry["implementation"]
    scale = 100 if entry["unit"] == "percent" else 1
    floor, threshold = entry.get("mustBeBetween") or (0, entry["mustBeLessOrEqualTo"])
    return Rule(
        id=entry["name"],
        description=entry["description"],
        dimension=entry["dimension"],
        category=custom["category"],
        severity=entry["severity"],
        level=custom["level"],
        threshold=threshold / scale,
        floor=floor / scale,
        unit=entry["unit"],
        rationale=entry["businessImpact"],
        cause=custom["cause"],
        population=custom.get("population", ""),
        limit_owner=custom.get("limit_owner", ""),
        limit_reason=custom.get("limit_reason", ""),
        fails=implementation.get("fails"),
        applies=implementation.get("applies"),
        measure=implementation.get("measure"),
        of=implementation.get("of"),
        among=tuple(implementation.get("among", ())),
        keeps_rows=bool(custom.get("keeps_rows", False)),
        reads=tuple(implementation.get("reads", ())),
        has_window=bool(implementation.get("has_window", False)),
        athena=implementation.get("athena"),
        finding=custom.get("finding", ""),
        harm=custom.get("harm", ""),
        expected=custom.get("expected", ""),
        shows=tuple(custom.get("shows", ())),
        aggregates={
            name: str(implementation[name])
            for name in ("checked", "failed", "value")
            if "of" in implementation and name in implementation
        },
    )
