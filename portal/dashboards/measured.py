"""Charts of declared measures."""

from __future__ import annotations

from typing import Any

from pipeline.contracts.measures import measure
from portal.dashboards.query_builder import Chart, Dataset, Kind, Measure


def measured(
    measure_id: str, key: str, title: str, kind: Kind, dataset: Dataset, by: tuple[str, ...], **options: Any
) -> Chart:
    """Return a chart of a declared measure; `options` are fields of `Chart`.

    `measures` and `where` are those of the measure unless `options` have others. A rate by group counts all
    rows first, a rate by month the numerator.
    """
    contract = measure(measure_id)
    parts = contract.parts[::-1] if kind == "line" else contract.parts
    is_count = contract.kind in {"count", "distinct", "rate"}
    declared: dict[str, Any] = {
        "measures": {part.name: Measure(part.sql, part.label, is_count) for part in parts},
        "where": contract.population,
    }
    return Chart(key, title, kind, dataset, by, **(declared | options), measure=measure_id)
