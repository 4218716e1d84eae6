"""Measures in the dictionary: definition, reference SQL and the charts that show each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pipeline.contracts.measures import MeasureContract, measures
from portal.dashboards.catalog import charts_of, measure_reference
from portal.ui import session, word_search


def found(wanted: str) -> list[MeasureContract]:
    """Return the measures with the words of the search in name, meaning or synonyms; all without words."""
    return [
        each
        for each in measures().values()
        if not wanted or word_search.matches(wanted, each.name, each.meaning, *each.synonyms)
    ]


def draw(shown: Sequence[MeasureContract]) -> None:
    """Draw the measures in a table, and the definition of the selected one, initially the one in the URL."""
    named = st.query_params.get("measure")
    labels = {each.measure_id: each.name for each in shown}
    if not labels:
        return
    with st.expander(f"{len(shown)} measures", expanded=len(shown) < len(measures())):
        rows = [{"Measure": m.name, "Meaning": m.meaning, "Unit": m.unit, "Owner": m.owner} for m in shown]
        st.table(pd.DataFrame(rows).set_index("Measure"))
    options = list(labels)
    chosen = st.selectbox(
        "Definition of",
        options,
        index=options.index(named) if named in options else None,
        format_func=labels.__getitem__,
        placeholder="Select a measure",
    )
    if chosen is None:
        st.query_params.pop("measure", None)
        return
    st.query_params["measure"] = chosen
    _definition(measures()[chosen])


def _definition(contract: MeasureContract) -> None:
    with st.container(border=True):
        st.markdown(f"#### {contract.name}")
        st.markdown(contract.definition)
        charts = charts_of(contract.measure_id)
        with st.container(horizontal=True):
            for page, chart in charts:
                key = f"chart-of-{contract.measure_id}-{chart.key}"
                if st.button(chart.title, key=key, icon=":material/bar_chart:"):
                    section = {"section": chart.section.lower()} if chart.section else {}
                    st.switch_page(f"app_pages/{page}.py", query_params=section)
        sql = measure_reference(contract)
        with st.expander("SQL of this measure"):
            st.code(sql, language="sql", wrap_lines=True)
            if session.user().may("query") and st.button("Open in SQL", key="measure-in-sql"):
                st.session_state["sql"] = sql
                st.switch_page("app_pages/sql.py")
