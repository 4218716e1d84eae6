"""Page SQL: run read-only SQL on the published release and rule results."""

from __future__ import annotations

import pandas as pd
import plotly.express as px
import streamlit as st

from portal.athena import estimates, sql_guard, sql_queries
from portal.athena.client import QueryResult
from portal.athena.sql_queries import SqlQuery
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.reviews import wording
from portal.ui import cache, drafts, exports, formats, names, session, sharing
from portal.ui.exports import SingleRows
from portal.ui.theme import SEQUENCE

PAGE, AT_ONCE = 200, 1.5
"""Rows per page of a result, and seconds to wait for the result before the Cancel button is shown."""
DEFAULT = "SELECT encounter_class, count(*) AS encounters\nFROM fact_encounter\nGROUP BY 1\nORDER BY 2 DESC"

st.title("SQL")
person = session.user()
if not person.may("query"):
    st.info("SQL is available to analysts, clinicians and engineers. Switch to one of these roles.")
    st.stop()
release_id = cache.release_or_stop()


def statement() -> str:
    return str(st.session_state.get("sql", "")).strip().rstrip(";").strip()


def asked_id() -> str | None:
    """Return the query id in the URL, or None if there is none. The URL never contains the SQL."""
    return st.query_params.get("asked")


def own_query() -> SqlQuery | None:
    """Return the query in the URL, or None if the URL has none or the query is not the user's own."""
    try:
        return sql_queries.get(session.context(), str(asked_id())) if asked_id() else None
    except ServiceError:
        return None


def first_text() -> str:
    """Return the initial SQL: the saved query or the user's own query in the URL, else the draft.

    A draft that was begun beside that query comes first. Without a draft, it is `DEFAULT`.
    """
    draft = drafts.kept("sql")
    if saved_id := st.query_params.get("saved"):
        found = [each for each in sql_queries.list_saved(session.context()) if each.query_id == saved_id]
        if found:
            return found[0].sql
    query = own_query() if asked_id() != draft.get("beside") else None
    return query.sql if query else str(draft.get("text", DEFAULT))


def edit(sql: str) -> None:
    st.session_state["sql"] = sql


def show_result(query: SqlQuery) -> None:
    edit(query.sql)
    st.query_params["asked"] = query.query_id


def browser() -> None:
    """Draw the tables that can be queried, each with its columns and a button for its first rows."""
    st.markdown("**Tables**")
    for name, contract in sql_guard.queryable_tables().items():
        with st.expander(name):
            st.caption(contract.grain)
            listed = sql_guard.queryable_columns(contract)
            st.markdown("\n".join(f"- `{c.name}` {c.type}: {c.description}" for c in listed))
            first = (f"SELECT *\nFROM {name}\nLIMIT 20",)
            st.button("Show 20 rows", on_click=edit, args=first, key=f"look-{name}", width="stretch")


def saved() -> None:
    found = sql_queries.list_saved(session.context())
    with st.expander("Saved queries"):  # a title that changes would close the expander
        for query in found:
            left, link, middle, right = st.columns([3, 1, 1, 1])
            name, description = map(wording.escape_markdown, (query.name, query.description))
            left.markdown(f"**{name}**  \n{description}")
            link.link_button(
                "Link", f"?saved={query.query_id}", width="stretch", help="Copy this link to share the query"
            )
            key = f"take-{query.query_id}"
            middle.button("Use", on_click=edit, args=(query.sql,), key=key, width="stretch")
            if right.button("Remove", key=f"remove-{query.query_id}", width="stretch"):
                sql_queries.remove(session.context(), query.query_id)
                st.rerun()
        left, right = st.columns([3, 1], vertical_alignment="bottom")
        name = left.text_input("Save the statement above as", max_chars=100)
        if right.button("Save", width="stretch", disabled=not statement()):
            sql_queries.save(session.context(), name, statement())
            st.toast(f"Saved as '{wording.escape_markdown(name)}'. All users can see it.")
            st.rerun()
        if not found:
            st.caption("No saved queries yet. Everyone who may run SQL can see saved queries.")


@st.cache_data(ttl=60, max_entries=200, show_spinner=False)
def cached_history(_context: Context, who: str, now: tuple[str, str] | None) -> list[SqlQuery]:  # noqa: ARG001  (parts of the cache key)
    """Return the user's query history, cached for a minute or until the page's query changes or ends."""
    return sql_queries.history(_context)


def history(query: SqlQuery | None) -> None:
    with st.expander("Your history"):
        now = (query.query_id, query.state) if query else None
        found = cached_history(session.context(), person.name, now)
        if not found:
            most = sql_queries.HISTORY_SCANNED
            st.caption(f"None of the newest {most:,} Athena queries (including those of charts) is yours.")
            return
        frame = pd.DataFrame(
            [
                {
                    "Started": pd.Timestamp(q.started_at),
                    "State": q.state.title(),
                    "Seconds": round(q.seconds, 1),
                    "Scanned": session.size(q.scanned),
                    "Statement": " ".join(q.sql.split()),
                }
                for q in found
            ]
        )
        picked = st.dataframe(
            frame,
            hide_index=True,
            width="stretch",
            on_select="rerun",
            selection_mode="single-row",
            key="history",
            column_config={
                "Started": formats.time_column("YYYY-MM-DD HH:mm"),
                "Statement": st.column_config.TextColumn(width="large"),
            },
        )["selection"]["rows"]
        if picked and picked[0] < len(found):
            chosen = found[picked[0]]
            st.code(chosen.sql, language="sql", wrap_lines=True)
            left, right = st.columns(2)
            left.button("Load", on_click=edit, args=(chosen.sql,), width="stretch")
            right.button("Show result", on_click=show_result, args=(chosen,), width="stretch")


def start_query() -> None:
    """Start the statement, unless it is already running, and wait briefly, because most queries end soon."""
    sql = statement()
    running = own_query()
    if running and not running.is_over and running.sql == sql:
        return  # a double click would start it twice
    query_id = sql_queries.start(session.context(), sql, release_id)
    st.query_params["asked"] = query_id
    with st.spinner("Running the query …"):
        sql_queries.wait(session.context(), query_id, AT_ONCE)


@session.live(0.7)
def watch(query_id: str) -> None:
    """Draw a running query with a Cancel button; redraw the page when the query ends."""
    query = sql_queries.get(session.context(), query_id)
    if query.is_over:
        st.rerun()
    left, right = st.columns([3, 1], vertical_alignment="center")
    left.info(f"Running since {formats.when(query.started_at)}.")
    if right.button("Cancel", width="stretch"):
        sql_queries.cancel(session.context(), query_id)


def result(query: SqlQuery | None) -> None:
    """Draw the result of the query in the URL or, while it runs, its progress."""
    if query is None:
        if asked_id():
            st.info("This query belongs to someone else.")
        return
    if not query.is_over:
        watch(query.query_id)
        return
    if st.session_state.get("answered") != (query.query_id, person):
        answer = sql_queries.fetch_result(session.context(), query.query_id)
        st.session_state["answer"] = answer
        st.session_state["safe"] = sql_queries.safe_to_share(session.context(), answer)
        st.session_state["answered"] = (query.query_id, person)
    if query.sql != statement():
        st.caption("Result of:")
        st.code(query.sql, language="sql", wrap_lines=True)
    shown(st.session_state["answer"])


def shown(answer: QueryResult) -> None:
    frame = answer.frame
    caption = names.as_of(answer) + (f". Note: {answer.note}." if answer.note else "")
    if frame.empty:
        st.info("The query returned no rows.")
        st.caption(caption)
        return
    pages = -(-len(frame) // PAGE)
    page = 1
    if pages > 1:
        page = int(st.number_input(f"Page of {pages:,}", 1, pages, 1, key=f"page-{answer.query_id}"))
    part = frame.iloc[(page - 1) * PAGE : page * PAGE]
    st.dataframe(part, hide_index=True, width="stretch", placeholder="–")
    st.caption(caption)
    download(answer)
    chart(frame)


def download(answer: QueryResult) -> None:
    """Draw the download buttons; with "Safe to share" on, small counts are suppressed in the files."""
    is_synthetic = sharing.is_synthetic(str(answer.release_id))
    is_safe = sharing.choice("sql", is_synthetic)
    safe, suppressed = st.session_state["safe"]
    frame = safe if is_safe else answer.frame
    note = "; ".join(
        filter(
            None,
            [answer.note, suppressed if is_safe else "", sharing.small_counts_note(is_safe, is_synthetic)],
        )
    )
    if is_safe and suppressed:
        st.caption(f"In exports: {suppressed}.")
    exports.answer_buttons(
        st.columns(2),
        lambda _: frame,
        answer,
        ("by SQL", note),
        f"query-{answer.release_id}",
        rows=SingleRows({"query": answer.query_id, "release": str(answer.release_id)}),
        refusal=suppressed if frame is None else "",
    )


def chart(frame: pd.DataFrame) -> None:
    frame = frame.dropna(axis="columns", how="all")
    numbers = list(frame.select_dtypes("number").columns)
    if not numbers or len(frame.columns) < 2:
        return
    with st.expander("Chart of this result"):
        left, middle, right = st.columns(3)
        others = [name for name in frame.columns if name not in numbers] or list(frame.columns)
        x = left.selectbox("X axis", others)
        y = middle.selectbox("Y axis", [name for name in numbers if name != x] or numbers)
        kind = right.segmented_control("Chart type", ["Bars", "Line", "Points"], default="Bars") or "Bars"
        draw = {"Bars": px.bar, "Line": px.line, "Points": px.scatter}[kind]
        figure = draw(frame.head(2000), x=x, y=y, color_discrete_sequence=list(SEQUENCE))
        st.plotly_chart(figure, key="answer-chart", config={"displayModeBar": False}, alt=f"{y} by {x}")
        if len(frame) > 2000:
            st.caption("The chart shows the first 2,000 rows.")


def estimate() -> str:
    """Return how much the statement would scan at most, or why it is not allowed."""
    try:
        checked = sql_queries.validate(session.context(), statement(), release_id)
    except ServiceError as error:
        return str(error)
    size = session.size(estimates.estimate_scan(session.context(), checked, release_id))
    return f"Scans up to {size} of {names.release(release_id)} · {estimates.LIMITS}"


def write() -> SqlQuery | None:
    """Draw the editor and the result; return the user's query in the URL, or None if there is none."""
    st.session_state.setdefault("sql", first_text())
    st.text_area("SQL (read-only)", key="sql", height=180)
    left, right = st.columns([1, 3], vertical_alignment="center")
    is_clicked = left.button("Run", type="primary", width="stretch", disabled=not statement())
    if statement():
        right.caption(wording.without_links(estimate()))
    query = None
    try:
        if is_clicked:
            start_query()
        query = own_query()
        result(query)
    except ServiceError as error:
        session.show_error(error)
    drafts.kept("sql").update(beside=asked_id(), text=str(st.session_state["sql"]))
    return query


left, right = st.columns([3, 1])
with left:
    query = write()
    try:
        saved()
        history(query)
    except ServiceError as error:
        session.show_error(error)
with right:
    browser()
