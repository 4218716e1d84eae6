"""Home of clinicians: the release that waits for them, and their open queries."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pipeline.releases.model import Release
from portal.releases import timeline
from portal.reviews import read_model
from portal.ui import cache, names, session
from portal.ui.releases import listing

_LOOKED_AT = 10


def draw() -> None:
    waiting = held()
    if waiting is None:
        st.success("No release waits for you.")
    else:
        with st.container(border=True):
            st.markdown(f"#### {headline(waiting)}")
            st.page_link(
                "app_pages/quality.py",
                label="Review findings",
                icon=":material/fact_check:",
                query_params={"run": waiting.run_id},
            )
    _queries()


def held() -> Release | None:
    """Return the newest release if it is held and nobody has signed it."""
    events, published = listing.review_log().events, cache.published()
    for release_id in listing.ids()[:_LOOKED_AT]:
        release = cache.release(release_id)
        state = timeline.state(release, published, events)
        if state == "held":
            return release
        if state in {"published", "approved"}:
            return None
    return None


def headline(release: Release) -> str:
    """Return why a release waits: "Release 4 waits for you: 3 blocking findings, 24 encounters"."""
    blocking = [r for r in release.reasons if r["severity"] == "block" and not r.get("accepted")]
    rows: Counter[str] = Counter()
    for reason in blocking:
        rows[reason["table"]] = max(rows[reason["table"]], int(reason["failed"]))
    counts = [f"{n:,} {table if n != 1 else table.removesuffix('s')}" for table, n in rows.items()]
    findings = f"{len(blocking)} blocking finding{'s' if len(blocking) != 1 else ''}"
    return f"{names.release(release.release_id)} waits for you: {', '.join([findings, *counts])}"


def _queries() -> None:
    person = session.user().name
    found = [
        query
        for query in read_model.all_queries(listing.review_log())
        if query.state != "closed" and person in {query.assignee, query.opened_by}
    ]
    st.markdown("**My open queries**")
    if not found:
        st.caption("You have no open query.")
        return
    today = datetime.now(UTC).date()
    frame = pd.DataFrame(
        [
            {
                "Query": query.question,
                "Assignee": query.assignee or "Unassigned",
                "Due": f"{query.due}{' (overdue)' if query.is_due(today) else ''}",
                "Table": query.table_name,
                "Run": names.run(query.run_id),
            }
            for query in found
        ]
    )
    st.dataframe(frame, hide_index=True, width="stretch", height="content")
