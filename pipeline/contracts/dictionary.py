"""The data dictionary: one row a column of every contract, and what may be shown to whom."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.contracts.model import Contract, all_contracts

IDENTIFYING = frozenset({"direct_identifier", "phi"})
"""Classes that only a role with access to PHI sees unmasked."""


@dataclass(frozen=True)
class Entry:
    """One column, as people look it up."""

    zone: str
    table: str
    column: str
    type: str
    meaning: str
    phi: str
    is_key: bool
    is_partition: bool
    is_required: bool


def entries() -> list[Entry]:
    return [entry for contract in all_contracts() for entry in _of(contract)]


def masked_columns(contract: Contract) -> frozenset[str]:
    return frozenset(c.name for c in contract.columns if c.classification in IDENTIFYING)


def _of(contract: Contract) -> list[Entry]:
    return [
        Entry(
            zone=contract.zone,
            table=contract.table,
            column=column.name,
            type=column.type,
            meaning=column.description,
            phi=column.classification,
            is_key=column.key_position is not None,
            is_partition=column.partition_position is not None,
            is_required=column.required,
        )
        for column in contract.columns
    ]
