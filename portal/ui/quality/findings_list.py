"""List of the findings of a run as sentences, the most harmful first; one of them is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from portal.core.vocabulary import CHANGES, HARMS, QUERY_STATES
from portal.quality import rule_texts
from portal.reviews import decisions
from portal.reviews.decisions import Finding, Key
from portal.reviews.read_model import DataQuery
from portal.ui import session
from portal.ui.quality import bulk_form
from portal.ui.quality.shown import Shown

ORDERS = {
    "Harm": ["_blocks", "_harm", "_tolerated", "_records"],
    "Change": ["_blocks", "_change", "_harm", "_tolerated", "_records"],
    "Most records": ["_records"],
}
"""Orders of the list: the columns to sort by, in descending order of urgency."""

_OUTCOMES = {"fail": "✕ Failed", "error": "! Rule error", "pass_with_failures": "✓ Tolerated"}


def draw(shown: Shown) -> Key | None:
    """Draw the findings; return the one that is opened, or None if there are none."""
    if not shown.findings:
        st.success("All rules passed. This run has no findings.")
        return None
    bulk_form.outcome(shown.run_id)
    table = overview(shown)
    undecided = table["_undecided"]
    with st.container(horizontal=True):
        show = st.segmented_control(
            "Show",
            ["All findings", "To decide"],
            default="All findings",
            key="show",
            format_func=lambda name: f"{name} ({undecided.sum() if name == 'To decide' else len(table)})",
        )
        order = st.segmented_control("Order", list(ORDERS), default="Harm", key="order") or "Harm"
    if show == "To decide":
        table = table[undecided]
    if table.empty:
        st.success("Every finding is decided.")
        return None
    table = table.sort_values(ORDERS[order], kind="stable", ignore_index=True)
    picked = st.dataframe(
        table[[name for name in map(str, table.columns) if not name.startswith("_")]],
        hide_index=True,
        height=min(420, 38 + 35 * len(table)),
        on_select="rerun",
        selection_mode=["multi-row", "single-cell"],
        key=f"findings-{show}-{order}-{shown.review.seen}",  # a decision changes the rows: start anew
        column_config={
            "Finding": st.column_config.TextColumn(width=520),
            "Of": st.column_config.NumberColumn(format="localized"),
        },
    )
    selection = picked["selection"]
    ticked = [table["_key"].iloc[row] for row in selection["rows"] if row < len(table)]
    if session.user().may("review"):
        if ticked:
            bulk_form.draw(shown, ticked)
        else:
            st.caption("Click a finding for its records. Tick several to decide them together.")
    return _opened(table, [row for row, _ in selection["cells"]])


def overview(shown: Shown) -> pd.DataFrame:
    """Return one row per finding; columns that begin with an underscore are not displayed."""
    keys = zip(shown.frame["table_name"], shown.frame["rule_id"], strict=True)
    changes = dict(zip(keys, shown.changed, strict=True))
    queries: defaultdict[Key, list[DataQuery]] = defaultdict(list)
    for query in shown.review.queries:
        queries[query.table_name, query.rule_id].append(query)
    return pd.DataFrame([_row(each, changes[each.key], queries[each.key]) for each in shown.findings])


def _row(finding: Finding, change: str, queries: Sequence[DataQuery]) -> dict[str, object]:
    rule = finding.rule
    return {
        "_key": finding.key,
        "_blocks": not finding.is_blocking,
        "_harm": finding.harm,
        "_change": list(CHANGES).index(change),
        "_tolerated": finding.status not in decisions.FAILED,
        "_records": -finding.failed,
        "_undecided": finding.is_undecided,
        "Finding": finding.sentence,
        "Share": rule_texts.rate_text(finding.rate, rule.unit if rule else "percent"),
        "Decision": decisions.LABELS[finding.decision]
        if finding.is_undecided or finding.decision != "undecided"
        else "–",
        "Outcome": "■ Blocks" if finding.is_blocking else _OUTCOMES[finding.status],
        "Harm": list(HARMS.values())[finding.harm] if finding.harm < len(HARMS) else "–",
        "Query": most_urgent(queries),
        "Change": CHANGES[change],
        "Of": finding.checked,
        "What is counted": rule_texts.population(rule, finding.table_name),
        "Rule": finding.rule_id,
        "Table": finding.table_name,
    }


def most_urgent(queries: Sequence[DataQuery]) -> str:
    """Return the most urgent state of the queries, with its count if there are several; empty without any."""
    states = [query.state for query in queries]
    for state, words in QUERY_STATES.items():
        if number := states.count(state):  # type: ignore[arg-type]
            return f"{words} ({number})" if len(states) > 1 else words
    return ""


def _opened(table: pd.DataFrame, clicked: list[int]) -> Key:
    """Draw the selection of a finding and return it.

    It is the finding last clicked or selected, else that in the URL, else the first one.
    """
    options = list(table["_key"])
    if clicked and clicked[0] < len(options) and st.session_state.get("row-clicked") != clicked:
        st.session_state["open-rule"] = options[clicked[0]]
    st.session_state["row-clicked"] = clicked
    named = tuple((st.query_params.get("rule") or "").split(":", 1))
    if st.session_state.get("open-rule") not in options:
        st.session_state["open-rule"] = named if named in options else options[0]
    sentences = dict(zip(options, table["Finding"], strict=True))
    key: Key = st.selectbox("Finding", options, format_func=sentences.__getitem__, key="open-rule")
    st.query_params["rule"] = ":".join(key)
    return key
