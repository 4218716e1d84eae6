"""Read-only SQL over the published release and what the quality rules measured."""

from __future__ import annotations

import pandas as pd
import plotly.express as px
import streamlit as st

from pipeline.contracts import load, tables
from portal.components import exports, state
from portal.components.palette import SEQUENCE
from portal.services import sql_queries, warehouse
from portal.services.aws import ServiceError
from portal.services.warehouse import Answer

PAGE = 200
DEFAULT = "SELECT encounter_class, count(*) AS encounters\nFROM fact_encounter\nGROUP BY 1\nORDER BY 2 DESC"

st.title("SQL")
person = state.user()
release_id = state.release_or_stop()


def statement() -> str:
    return str(st.session_state.get("sql", "")).strip().rstrip(";").strip()


def take(sql: str) -> None:
    st.session_state["sql"] = sql


def browser() -> None:
    """Tables and columns from the contracts."""
    st.markdown("**Tables**")
    quality = state.aws().lake.database("quality")
    for zone, table in [("gold", t) for t in tables("gold")] + [("quality", "rule_result")]:
        with st.expander(table):
            contract = load("gold" if zone == "gold" else "quality", table)
            st.caption(contract.grain)
            st.code("\n".join(f"{c.name}  {c.type}" for c in contract.data_columns), language=None)
            name = table if zone == "gold" else f'"{quality}"."{table}"'
            first = f"SELECT *\nFROM {name}\nLIMIT 20"
            st.button("Look at 20 rows", on_click=take, args=(first,), key=f"look-{table}", width="stretch")


def saved() -> None:
    found = sql_queries.saved(state.aws())
    with st.expander(f"Saved queries ({len(found)})"):
        for query in found:
            left, middle, right = st.columns([3, 1, 1])
            left.markdown(f"**{query.name}**  \n{query.description}")
            middle.button(
                "Take", on_click=take, args=(query.sql,), key=f"take-{query.query_id}", width="stretch"
            )
            if right.button("Remove", key=f"remove-{query.query_id}", width="stretch"):
                sql_queries.remove(state.aws(), query.query_id)
                st.rerun()
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        name = left.text_input("Save the statement above as", max_chars=100)
        if right.button("Save", width="stretch", disabled=not statement()):
            sql_queries.save(state.aws(), name, statement())
            st.rerun()
        if not found:
            st.caption("Nothing has been saved yet. What you save, everybody sees.")


def history() -> None:
    with st.expander("Your history"):
        found = sql_queries.history(state.aws())
        if not found:
            st.caption("You have asked nothing here yet.")
            return
        frame = pd.DataFrame(
            [
                {
                    "Asked": pd.Timestamp(q.asked_at),
                    "State": q.state.title(),
                    "Seconds": round(q.seconds, 1),
                    "Scanned": state.size(q.scanned),
                    "Statement": " ".join(q.sql.split()),
                }
                for q in found
            ]
        )
        picked = st.dataframe(
            frame, hide_index=True, width="stretch", on_select="rerun", selection_mode="single-row", key="history",
            column_config={
                "Asked": st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm", timezone=state.zone()),
                "Statement": st.column_config.TextColumn(width="large"),
            },
        )["selection"]["rows"]  # fmt: skip
        if picked:
            st.code(found[picked[0]].sql, language="sql")
            st.button("Take this one", on_click=take, args=(found[picked[0]].sql,))


def ask() -> None:
    sql = statement()
    with st.spinner("Asking Athena …"):
        answer = warehouse.ask(state.aws(), sql_queries.marked(state.aws(), sql), release_id=release_id)
    st.query_params["sql"] = sql
    st.session_state["answer"] = answer


def shown(answer: Answer) -> None:
    frame = answer.frame
    if frame.empty:
        st.info("The statement gives no row.")
        st.caption(state.as_of(answer))
        return
    pages = -(-len(frame) // PAGE)
    page = 1
    if pages > 1:
        page = int(st.number_input(f"Page of {pages:,}", 1, pages, 1))
    st.dataframe(frame.iloc[(page - 1) * PAGE : page * PAGE], hide_index=True, width="stretch")
    st.caption(state.as_of(answer))
    left, right = st.columns(2)
    name = f"query-{release_id}"
    left.download_button(
        "CSV",
        lambda: exports.csv(frame, answer, "by SQL"),
        f"{name}.csv",
        "text/csv",
        width="stretch",
        on_click="ignore",
    )
    right.download_button(
        "Parquet",
        lambda: exports.parquet(frame, answer, "by SQL"),
        f"{name}.parquet",
        "application/vnd.apache.parquet",
        width="stretch",
        on_click="ignore",
    )
    chart(frame)


def chart(frame: pd.DataFrame) -> None:
    numbers = list(frame.select_dtypes("number").columns)
    if not numbers or len(frame.columns) < 2:
        return
    with st.expander("Chart of this answer"):
        left, middle, right = st.columns(3)
        others = [name for name in frame.columns if name not in numbers] or list(frame.columns)
        x = left.selectbox("Along", others)
        y = middle.selectbox("Height", [name for name in numbers if name != x] or numbers)
        kind = right.segmented_control("As", ["Bars", "Line", "Points"], default="Bars") or "Bars"
        draw = {"Bars": px.bar, "Line": px.line, "Points": px.scatter}[kind]
        figure = draw(frame.head(2000), x=x, y=y, color_discrete_sequence=list(SEQUENCE))
        st.plotly_chart(figure, key="answer-chart", config={"displaylogo": False}, alt=f"{y} by {x}")
        if len(frame) > 2000:
            st.caption("Of the first 2,000 rows.")


def write() -> None:
    st.session_state.setdefault("sql", st.query_params.get("sql", DEFAULT))
    st.text_area("One reading statement", key="sql", height=180)
    left, right = st.columns([1, 3], vertical_alignment="center")
    asked = left.button("Ask", type="primary", width="stretch", disabled=not statement())
    right.caption(
        f"Reads {state.size(sql_queries.bytes_at_most(state.aws(), statement(), release_id))} at most."
    )
    if asked:
        try:
            ask()
        except ServiceError as error:
            st.session_state.pop("answer", None)
            state.show_error(error)
    if "answer" in st.session_state:
        shown(st.session_state["answer"])
    saved()
    history()


left, right = st.columns([1, 3])
with left:
    browser()
with right:
    try:
        write()
    except ServiceError as error:
        state.show_error(error)
