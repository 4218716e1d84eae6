"""The tables' contracts (Open Data Contract Standard v3): columns, keys, meaning, PHI class, quality rules.

Everything about a table is derived from its YAML file: Spark schema, Glue columns, reference SQL, dictionary.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from pipeline import compiled

Zone = Literal["bronze", "silver", "gold", "quality"]
ZONES: tuple[Zone, ...] = ("bronze", "silver", "gold", "quality")

SUFFIX = compiled.SUFFIX


class ContractError(Exception):
    """Data or a contract file breaks a contract; the text says which, where and what is expected."""


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
    """One quality rule, as data.

    `fails` is a SQL condition that is true for a failing row and `applies` one that is true for a row of the
    denominator. With `among` it is a condition on groups, of the rows to which it applies that agree in those
    expressions; a window in `fails` sees the rows to which it applies. A rule on whole tables has `aggregates` over
    the relation `of` (a view, or views joined; rules that name the same one are measured together) or, where those
    don't do, `measure`, a query for one row. Both give (checked, failed), and may give a `value` to be judged in
    place of the share that failed. `threshold` is the largest share, or value, that is still accepted and `floor` the
    least; `unit` is "percent" for shares (0 to 1 here), or names the value. `population` says in the plural what
    is counted ("inpatient stays"), `limit_owner` who may change the limits and `limit_reason` why they are so.
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

    @property
    def is_whole(self) -> bool:
        """Whether it speaks of tables, not of rows."""
        return self.fails is None

    @property
    def sql(self) -> str:
        """What is asked: the condition that a failing row meets, or the whole query."""
        counted = ", ".join(f"{sql} as {name}" for name, sql in self.aggregates.items())
        return self.fails or self.measure or f"select {counted} from {self.of}"

    def outcome(self, failed: int, rate: float | None) -> str:
        """What a measure says against the limits; nothing to check is neither a pass nor a failure."""
        if rate is None:
            return "not_applicable"
        if not self.floor <= rate <= self.threshold:
            return "fail"
        return "pass_with_failures" if failed else "pass"

    @property
    def refuses(self) -> bool:
        """Whether a failing row goes to quarantine."""
        return (
            not self.keeps_rows and self.level in {"row", "release"} and self.severity in {"error", "block"}
        )


@dataclass(frozen=True)
class Contract:
    zone: Zone
    table: str
    grain: str
    purpose: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    custom: dict[str, Any] = field(default_factory=dict, compare=False)

    def null_markers(self, source: str) -> tuple[str, ...]:
        """Texts that stand for an empty value in files of a source format, case counts."""
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


def tables(zone: Zone) -> tuple[str, ...]:
    folder = files("pipeline.contracts") / zone
    names = (entry.name for entry in folder.iterdir())
    return tuple(sorted(name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX)))


@cache
def document(zone: Zone, table: str) -> dict[str, Any]:
    """The YAML file as it is."""
    source = files("pipeline.contracts") / zone / f"{table}{SUFFIX}"
    if not source.is_file():
        raise ContractError(f"There is no contract {zone}.{table}; {zone} has {', '.join(tables(zone))}.")
    return compiled.document(f"contracts/{zone}/{table}{SUFFIX}")


@cache
def load(zone: Zone, table: str) -> Contract:
    contract = document(zone, table)
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
    how = entry["implementation"]
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
        fails=how.get("fails"),
        applies=how.get("applies"),
        measure=how.get("measure"),
        of=how.get("of"),
        among=tuple(how.get("among", ())),
        keeps_rows=bool(custom.get("keeps_rows", False)),
        aggregates={
            name: str(how[name]) for name in ("checked", "failed", "value") if "of" in how and name in how
        },
    )
