"""Conversation on a finding: its queries, and forms to raise, answer, assign, close and reopen them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from portal.core.auth import User
from portal.core.context import Context
from portal.core.vocabulary import QUERY_STATES
from portal.reviews import commands as reviews
from portal.reviews import wording
from portal.reviews.read_model import DataQuery
from portal.ui import drafts
from portal.ui.quality import assignee

Finding = tuple[str, str]


def reason(key: str) -> str:
    """Return the label of a reason."""
    return reviews.REASONS[key]


def queries(
    context: Context, found: Iterable[DataQuery], person: User, seen: int, rows: pd.DataFrame
) -> None:
    """Draw each query with its rows, its conversation and the actions that `person` may take."""
    for query in found:
        overdue = " · overdue" if query.is_due(datetime.now(UTC).date()) else ""
        who = f"for {wording.escape_markdown(query.assignee)}" if query.assignee else "unassigned"
        with st.container(border=True):
            st.markdown(f"{QUERY_STATES[query.state]} · {query.query_id} · {who} · due {query.due}{overdue}")
            _rows_of(query, rows)
            for event in query.events:
                st.markdown(f"- {wording.as_markdown(event)}")
            if query.state == "closed":
                if person.may("review"):
                    _reopen(context, query.query_id, seen)
            elif person.may("query"):
                _reply(context, query, person.may("review"), seen)


def _rows_of(query: DataQuery, rows: pd.DataFrame) -> None:
    """Draw the rows of a query, or their pseudonyms if `rows` (the failing rows shown) has none of them."""
    if not query.rows:
        return
    mine = rows[rows["row"].isin(query.rows)] if "row" in rows else rows
    st.caption(f"About {len(query.rows)} row{'s' if len(query.rows) > 1 else ''}:")
    if len(mine):
        st.dataframe(mine, hide_index=True, width="stretch")
    else:
        st.caption(", ".join(query.rows))


def _reopen(context: Context, query_id: str, seen: int) -> None:
    key = f"reply-{query_id}"
    drafts.text("Reason for reopening", key, seen)
    _button(
        "Reopen",
        "reopen",
        key,
        query_id,
        f"{query_id} was reopened.",
        lambda text, seen: reviews.reopen(context, query_id, text, seen=seen),
    )


def _reply(context: Context, query: DataQuery, may_review: bool, seen: int) -> None:
    query_id = query.query_id
    key = f"reply-{query_id}"
    drafts.text("Reply", key, seen)
    with st.container(horizontal=True, vertical_alignment="bottom"):
        _button(
            "Answer",
            "answer",
            key,
            query_id,
            f"{query_id} was answered.",
            lambda text, seen: reviews.answer(context, query_id, text, seen=seen),
        )
        if not may_review:
            return
        if query.state == "answered":
            _button(
                "Return",
                "return",
                key,
                query_id,
                f"{query_id} was reopened.",
                lambda text, seen: reviews.reopen(context, query_id, text, seen=seen),
                "Use this if the answer is not sufficient. Enter what is missing.",
            )
        _assign(context, query_id, seen)
        _close(context, query_id, key)


def _close(context: Context, query_id: str, key: str) -> None:
    st.selectbox(
        "Reason for closing",
        list(reviews.REASONS),
        index=None,
        format_func=reason,
        key=f"why-{query_id}",
        width=260,
    )
    _button(
        "Close",
        "close",
        key,
        query_id,
        f"{query_id} was closed.",
        lambda text, seen: reviews.close(
            context, query_id, st.session_state.get(f"why-{query_id}") or "", text, seen=seen
        ),
        "A closed query keeps its conversation and can be reopened.",
    )


def _assign(context: Context, query_id: str, seen: int) -> None:
    key, field = f"assign-to-{query_id}", f"assignee-{query_id}"
    with st.popover("Assign"):
        drafts.without_text(key, seen)
        assignee.draw("Assignee", field)
        _button(
            "Save assignee",
            "assign",
            key,
            query_id,
            f"{query_id} has a new assignee.",
            lambda _, seen: reviews.assign(context, query_id, assignee.chosen(field), seen=seen),
        )


def _button(
    label: str, verb: str, text: str, query_id: str, done: str, act: drafts.Act, help_text: str | None = None
) -> None:
    st.button(label, key=f"{verb}-{query_id}", help=help_text, on_click=drafts.send, args=(text, act, done))


def raise_form(context: Context, run_id: str, finding: Finding, keys: tuple[str, ...], seen: int) -> None:
    """Draw the form to raise a query on a finding or, if there are `keys`, on the rows with these keys."""
    name = drafts.about(run_id, finding)
    key, who = f"ask-{name}", f"who-{name}"

    def act(text: str, seen: int) -> None:
        name = assignee.chosen(who)
        reviews.open_query(context, run_id, *finding, text, assignee=name, rows=keys, seen=seen)
        st.session_state.pop(who, None)

    drafts.text("Question", key, seen)
    assignee.draw("Assignee (optional)", who)
    st.button(
        "Raise a query",
        key=f"open-{name}",
        on_click=drafts.send,
        args=(key, act, "The query was raised."),
    )
