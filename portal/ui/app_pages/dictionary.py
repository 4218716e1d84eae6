"""Page Dictionary: columns, rules and lineage from the contracts, and column profiles."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.contracts.dictionary import entries
from pipeline.contracts.lineage import Step, downstream, upstream
from pipeline.contracts.model import Contract, all_contracts
from portal.core.errors import ServiceError
from portal.core.vocabulary import SEVERITIES
from portal.dashboards import profile
from portal.quality import rule_texts
from portal.reviews import wording
from portal.ui import cache, measure_glossary, names, query_params, session, sharing, word_search

PHI = {
    "direct_identifier": "Direct identifier",
    "phi": "Protected health information",
    "limited": "Limited data set",
    "none": "None",
}

EXAMPLE = "readmission"

st.title("Dictionary")


@st.cache_data(ttl=3600, max_entries=30, show_spinner="Running queries …")
def profiled(table: str, release_id: str, role: str) -> pd.DataFrame:  # noqa: ARG001  (part of the cache key: figures differ by role)
    return profile.of(session.context(), table, release_id).frame


def columns(frame: pd.DataFrame) -> None:
    st.dataframe(
        frame.assign(phi=frame["phi"].map(PHI))[
            ["where", "column", "type", "meaning", "phi", "is_key", "is_required"]
        ],
        hide_index=True,
        width="stretch",
        column_config={
            "where": "Table",
            "column": "Column",
            "type": "Type",
            "meaning": st.column_config.TextColumn("Meaning", width="large"),
            "phi": "Privacy",
            "is_key": "Key",
            "is_required": "Required",
        },
    )


def rules(contract: Contract) -> None:
    st.markdown("#### Rules")
    if not contract.rules:
        st.caption("This table has no rules.")
        return
    frame = pd.DataFrame(
        [
            {
                "Rule": rule.id,
                "Severity": SEVERITIES[rule.severity],
                "What is checked": rule.description,
                "Threshold": rule_texts.threshold_text(rule),
                "Why it matters": rule.rationale,
            }
            for rule in contract.rules
        ]
    )
    st.dataframe(frame, hide_index=True, width="stretch")


def lineage(table: str) -> None:
    """Draw the lineage of a table as a graph and as text."""
    st.markdown("#### Lineage")
    before, after = upstream(table), downstream(table)
    if not before and not after:
        st.caption("No job reads or writes this table.")
        return
    st.graphviz_chart(_dot(table, before, after), width="stretch", alt=f"Lineage of {table}")
    for step in before:
        st.markdown(f"- **{step.writes}** is written by `{step.job}` from {', '.join(step.reads)}")
    for step in after:
        st.markdown(f"- feeds **{step.writes}**, written by `{step.job}`")


def _dot(table: str, before: tuple[Step, ...], after: tuple[Step, ...]) -> str:
    """Return the lineage as a graph in the DOT language, with the table highlighted."""
    written = {table, *(step.writes for step in after)}
    edges = sorted(
        {(source, step.writes) for step in before for source in step.reads}
        | {(source, step.writes) for step in after for source in step.reads if source in written}
    )
    names = sorted({name for edge in edges for name in edge})
    sources = [name for name in names if name.startswith("bronze.")]
    look = (
        'rankdir=LR; bgcolor="transparent"; node [shape=box, style="filled,rounded", fillcolor="#eef1f3", '
        'fontcolor="#0a1218", color="#8796a1", fontname="sans-serif", fontsize=11]; '
        'edge [color="#8796a1", arrowsize=0.6]'
    )
    lines = [f'"{table}" [fillcolor="#cfe6f5", fontcolor="#003a5c"]']
    lines += [f'"extract: {name.partition(".")[2]}" -> "{name}"' for name in sources]
    lines += [f'"{first}" -> "{second}"' for first, second in edges]
    return f"digraph lineage {{{look}; {'; '.join(lines)}}}"


def column_profiles(contract: Contract) -> None:
    """Draw share of NULLs, number of distinct values and range of each column in the published release.

    A caption says why they are missing: the table is not in gold, nothing is published, or the user does not
    see exact counts.
    """
    st.markdown("#### In the published release")
    if contract.zone != "gold":
        st.caption("Only gold tables have profiles, because other tables contain patient identifiers.")
        return
    current = cache.published()
    if current is None:
        st.caption("Nothing has been published yet.")
        return
    if not sharing.sees_exact(current.release_id):
        st.caption(profile.EXACT_ONLY)
        return
    frame = profiled(contract.table, current.release_id, session.user().role)
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={
            "column": "Column",
            "empty": st.column_config.ProgressColumn("Empty", format="percent", min_value=0, max_value=1),
            "distinct": st.column_config.NumberColumn("Distinct (approx.)", format="localized"),
            "least": "Min",
            "greatest": "Max",
        },
    )
    st.caption(f"As of {names.release(current.release_id)}.", help=current.release_id)


contracts = {f"{c.zone}.{c.table}": c for c in all_contracts()}
everything = pd.DataFrame([vars(entry) for entry in entries()])
everything["where"] = everything["zone"] + "." + everything["table"]
left, right = st.columns([1, 2])
where = query_params.one_of("Table", list(contracts), "table", "gold.fact_encounter", left)
wanted = right.text_input("Find a measure, a column or a meaning", placeholder=f"for example: {EXAMPLE}")
listed = measure_glossary.found(wanted)
st.markdown("#### Measures")
measure_glossary.draw(listed)
st.markdown("#### Columns")
if wanted:
    hit = pd.Series(
        [
            word_search.matches(wanted, *texts)
            for texts in zip(everything["column"], everything["meaning"], everything["table"], strict=True)
        ]
    )
    st.caption(f"{len(listed):,} matching measures, {hit.sum():,} matching columns in all tables")
    if hit.any():
        columns(everything[hit])
    elif not listed:
        st.info(f"No column matches '{wording.escape_markdown(wanted)}'. Try another word.")
else:
    st.caption(contracts[where].grain)
    columns(everything[everything["where"] == where])
    try:
        column_profiles(contracts[where])
    except ServiceError as error:
        session.show_error(error)
    rules(contracts[where])
    lineage(where)
