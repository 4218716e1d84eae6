"""The data dictionary: one entry per column of every contract, with its PHI class."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.contracts.model import Contract, all_contracts

IDENTIFYING = frozenset({"direct_identifier", "phi"})
"""PHI classes that only roles with PHI access see unmasked."""


@dataclass(frozen=True)
class Entry:
    """One column in the data dictionary."""

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
    """Return the entries of all contracts."""
    return [entry for contract in all_contracts() for entry in _of(contract)]


def masked_columns(contract: Contract) -> frozenset[str]:
    """Return the names of the columns that are masked for roles without PHI access."""
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
