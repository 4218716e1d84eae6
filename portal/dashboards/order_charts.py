"""Dataset and charts of medication orders and dispenses."""

from __future__ import annotations

from portal.dashboards.administrations import ADMINISTRATIONS
from portal.dashboards.expressions import PATIENT, or_not_recorded
from portal.dashboards.query_builder import Chart, Dataset, Dimension, Measure

KINDS = {"order": "Order", "dispense": "Dispense"}
ORDER_STATUSES = {
    "active": "Active",
    "completed": "Completed",
    "cancelled": "Cancelled",
    "declined": "Declined",
    "draft": "Draft",
    "preparation": "In preparation",
    "stopped": "Stopped",
}

ORDERS = Dataset(
    name="orders",
    noun="orders and dispenses",
    source="{fact_medication_order}",
    date_sql="f.local_date",
    joins=ADMINISTRATIONS.joins,
    dimensions=(
        Dimension("kind", "Kind", "f.event_kind", filter="listed", value_labels=KINDS),
        *(ADMINISTRATIONS.dimension(name) for name in ("route", "therapeutic")),
        Dimension(
            "status", "Status", or_not_recorded("f.status"), filter="listed", value_labels=ORDER_STATUSES
        ),
        *(ADMINISTRATIONS.dimension(name) for name in ("medication", "specialty")),
        Dimension("month", "Month", "f.ordered_month", filter="period"),
    ),
    fields={
        "person": PATIENT,
        "medication_key": "f.medication_key",
        "what": "f.event_kind",
        "amount": "f.dose",
        "ordered_at": "f.ordered_at",
        "dispensed_at": "f.dispensed_at",
    },
    rows=("ordered_at", "dispensed_at", "kind", "medication", "amount", "route", "status", "specialty"),
)

_EVENTS = {"events": Measure("count(*)", "Orders and dispenses")}

ORDER_CHARTS = (
    Chart(
        "orders-by-month",
        "Orders and dispenses per month",
        "months",
        ORDERS,
        ("month", "kind"),
        _EVENTS,
        click=("month",),
        note="By the date of the order or, for a dispense, the date of handing over. "
        "Filter by kind to count only orders or only dispenses.",
        measure="orders_and_dispenses",
    ),
    Chart(
        "orders-by-medication",
        "Orders and dispenses by medication",
        "ranking",
        ORDERS,
        ("medication",),
        _EVENTS,
        click=("medication",),
        measure="orders_and_dispenses",
    ),
    Chart(
        "orders-by-class",
        "Orders and dispenses by therapeutic class",
        "ranking",
        ORDERS,
        ("therapeutic",),
        _EVENTS,
        click=("therapeutic",),
        measure="orders_and_dispenses",
    ),
    Chart(
        "orders-by-status",
        "Orders and dispenses by status",
        "ranking",
        ORDERS,
        ("status",),
        _EVENTS,
        click=("status",),
        measure="orders_and_dispenses",
    ),
)
