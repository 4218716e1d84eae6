"""Read-only SQL over the published release."""

from __future__ import annotations

import streamlit as st

from pipeline.contracts import load, tables
from portal.components import state
from portal.services import warehouse
from portal.services.aws import ServiceError

MOST_ROWS = 1000

st.title("SQL")
release_id = state.release_or_stop()
left, right = st.columns([1, 3])
with left:
    st.markdown("**Tables**")
    for table in tables("gold"):
        with st.expander(table):
            st.caption(load("gold", table).grain)
            st.code("\n".join(f"{c.name}  {c.type}" for c in load("gold", table).data_columns), language=None)
with right:
    default = (
        "SELECT encounter_class, count(*) AS encounters\nFROM fact_encounter\nGROUP BY 1\nORDER BY 2 DESC"
    )
    with st.form("ask"):
        sql = st.text_area("One reading statement", st.query_params.get("sql", default), height=160)
        asked = st.form_submit_button("Ask", type="primary")
    if asked:
        try:
            with st.spinner("Asking Athena …"):
                answer = warehouse.ask(state.aws(), sql.strip().rstrip(";"), release_id=release_id)
        except ServiceError as error:
            state.show_error(error)
        else:
            st.dataframe(answer.frame.head(MOST_ROWS), hide_index=True, width="stretch")
            if len(answer.frame) > MOST_ROWS:
                st.caption(f"The first {MOST_ROWS:,} of {len(answer.frame):,} rows; the CSV has all.")
            st.caption(state.as_of(answer))
            st.download_button(
                "CSV",
                state.export(answer, "by SQL"),
                f"query-{release_id}.csv",
                "text/csv",
                on_click="ignore",
            )
