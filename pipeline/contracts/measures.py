"""Measures: what a figure counts, of what, without what, and who owns its definition.

They are declared in `contracts/measures/*.yaml` and read from compiled.json. Charts, definitions,
the dictionary and the reference SQL (`athena/reference/measures.sql`) derive from them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

from pipeline import compiled
from pipeline.contracts.model import ContractError

Kind = Literal["count", "distinct", "sum", "mean", "median", "rate"]


@dataclass(frozen=True)
class Part:
    """An aggregate of a measure: its column, label, SQL over the fields of the dataset, and meaning."""

    name: str
    label: str
    sql: str
    meaning: str


@dataclass(frozen=True)
class MeasureContract:
    """A measure over a dataset of a page; `population` is the SQL condition of the rows that it covers.

    A rate has a numerator and a denominator, every other measure has a value.
    """

    measure_id: str
    page: str
    name: str
    kind: Kind
    unit: str
    meaning: str
    exclusions: tuple[str, ...]
    source: tuple[str, ...]
    owner: str
    dataset: str
    population: str = ""
    value: Part | None = None
    numerator: Part | None = None
    denominator: Part | None = None
    reference: str = ""
    synonyms: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[Part, ...]:
        """The aggregates: the value, or the denominator and the numerator."""
        return tuple(part for part in (self.value, self.denominator, self.numerator) if part)

    @property
    def sql(self) -> str:
        """The value of the measure as one aggregate; a rate is a share from 0 to 1."""
        if self.numerator and self.denominator:
            return f"CAST({self.numerator.sql} AS double) / nullif({self.denominator.sql}, 0)"
        assert self.value is not None
        return self.value.sql

    @property
    def definition(self) -> str:
        """The definition as text: meaning, numerator, denominator, exclusions, unit, sources, owner."""
        shares = [("Numerator", self.numerator), ("Denominator", self.denominator), ("Value", self.value)]
        return "  \n".join(
            [
                self.meaning,
                *(f"**{name}:** {part.meaning}" for name, part in shares if part),
                f"**Excluded:** {' '.join(self.exclusions)}",
                f"**Unit:** {self.unit}",
                f"**Source:** {', '.join(f'`{each}`' for each in self.source)}",
                f"**Owner:** {self.owner}",
                *([f"**Reference:** {self.reference}"] if self.reference else []),
            ]
        )


@cache
def measures() -> Mapping[str, MeasureContract]:
    """Return all measures by id, in the order of their files."""
    return {each.measure_id: each for each in _declared()}


def measure(measure_id: str) -> MeasureContract:
    """Return a measure; raise `ContractError` if there is none."""
    found = measures().get(measure_id)
    if found is None:
        raise ContractError(f"There is no measure {measure_id}; there are {', '.join(measures())}.")
    return found


def _declared() -> Iterator[MeasureContract]:
    for name, documents in compiled.documents().items():
        if name.startswith("measures/"):
            for document in documents:
                yield parse(name.removeprefix("measures/"), document)


def parse(page: str, document: Mapping[str, Any]) -> MeasureContract:
    """Return the measure that a document declares; raise `ContractError` if its parts do not fit its kind."""
    parts = {
        name: Part(**document[name]) for name in ("value", "numerator", "denominator") if name in document
    }
    wanted = {"numerator", "denominator"} if document["kind"] == "rate" else {"value"}
    if set(parts) != wanted:
        raise ContractError(
            f"Measure {document['id']}: a {document['kind']} needs {' and '.join(sorted(wanted))}."
        )
    return MeasureContract(
        measure_id=document["id"],
        page=page,
        name=document["name"],
        kind=document["kind"],
        unit=document["unit"],
        meaning=document["meaning"],
        exclusions=tuple(document["exclusions"]),
        source=tuple(document["source"]),
        owner=document["owner"],
        dataset=document.get("dataset", page),
        population=document.get("population", ""),
        value=parts.get("value"),
        numerator=parts.get("numerator"),
        denominator=parts.get("denominator"),
        reference=document.get("reference", ""),
        synonyms=tuple(document.get("synonyms", ())),
    )
