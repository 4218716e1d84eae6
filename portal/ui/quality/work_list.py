"""List of queries of all runs: assigned to the user, open, due or closed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.contracts.model import load
from portal.core.auth import User
from portal.core.vocabulary import QUERY_STATES
from portal.quality import failing_sql, rule_texts
from portal.reviews.read_model import DataQuery, Review

LISTS = ("Open", "Assigned to me", "Due", "Closed")

Sightings = Mapping[tuple[str, str], tuple[str, str]]
"""First and last run with a finding, by table and rule."""


def draw(review: Review, person: User, seen_in: Sightings) -> None:
    today = datetime.now(UTC).date()
    by_list = {name: of_list(name, review.work_list, person, today) for name in LISTS}
    which = st.segmented_control(
        "Queries",
        LISTS,
        default="Open",
        key="work",
        format_func=lambda name: f"{name} ({len(by_list[name])})",
    )
    shown = by_list[which or "Open"]
    if not shown:
        st.caption("No queries.")
        return
    st.dataframe(
        table(shown, seen_in, today),
        hide_index=True,
        width="stretch",
        column_config={
            "Open": st.column_config.LinkColumn(display_text="Open", pinned=True),
            "Question": st.column_config.TextColumn(width="medium"),
            "Last comment": st.column_config.TextColumn(width="medium"),
        },
    )


def of_list(name: str, queries: tuple[DataQuery, ...], person: User, today: date) -> list[DataQuery]:
    """Return the queries of the list `name`, which is one of `LISTS`."""
    mine = {person.name, person.name.split("@")[0], person.subject, person.email} - {""}
    pending = [query for query in queries if query.state != "closed"]
    return {
        "Open": pending,
        "Assigned to me": [query for query in pending if query.assignee in mine],
        "Due": [query for query in pending if query.is_due(today)],
        "Closed": [query for query in queries if query.state == "closed"],
    }[name]


def table(queries: list[DataQuery], seen_in: Sightings, today: date) -> pd.DataFrame:
    """Return one row per query, without values of records: the table can be downloaded."""
    return pd.DataFrame([_row(query, seen_in, today) for query in queries])


def _row(query: DataQuery, seen_in: Sightings, today: date) -> dict[str, Any]:
    first, last = seen_in.get((query.table_name, query.rule_id), (query.run_id, query.run_id))
    comments = [event for event in query.events if event.payload.get("text")]
    return {
        "Open": f"?run={query.run_id}&rule={query.table_name}:{query.rule_id}",
        "State": QUERY_STATES[query.state],
        "Question": query.question,
        "Rule": query.rule_id,
        "Table": query.table_name,
        "Record": _record(query),
        "Field": ", ".join(fields(query.table_name, query.rule_id)),
        "Assignee": query.assignee or "Unassigned",
        "Due": query.due,
        "Days open": days_open(query, today),
        "Comments": len(comments),
        "Last comment": f"{comments[-1].by}: {comments[-1].payload['text']}",
        "First seen": first,
        "Last seen": last,
        "Query": query.query_id,
    }


def _record(query: DataQuery) -> str:
    if not query.rows:
        return "the whole finding"
    more = len(query.rows) - 1
    return f"{query.rows[0]} and {more} more" if more else query.rows[0]


def days_open(query: DataQuery, today: date) -> int:
    """Return the days from the opening of a query until it was closed, or until today."""
    closed = [event.at for event in query.events if event.kind == "query_closed"]
    end = datetime.fromisoformat(closed[-1]).date() if query.state == "closed" else today
    return (end - datetime.fromisoformat(query.opened_at).date()).days


def fields(table_name: str, rule_id: str) -> list[str]:
    """Return the columns that a rule on single rows checks; an empty list for other rules."""
    rule = rule_texts.rules().get((table_name, rule_id))
    if rule is None or rule.is_whole:
        return []
    return failing_sql.columns_of(load("silver", table_name), rule)
