"""The list of releases, newest first: state, findings, rows and change since the release before."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from pipeline.releases.model import Published, Release
from pipeline.reviews.integrity import Log
from portal.core.context import Context
from portal.releases import service as releases
from portal.releases import timeline
from portal.reviews import read_model
from portal.ui import cache, formats, names, row_links

PAGE = 20

STATES: dict[timeline.State, str] = {
    "published": "● Published",
    "published earlier": "○ Published earlier",
    "rolled back": "↶ Rolled back",
    "rejected": "✕ Rejected",
    "approved": "✓ Approved",
    "held": "■ Held for review",
    "not published": "– Not published",
}


@cache.shared("watch_runs", ttl=5, most=2)
def ids(_context: Context) -> list[str]:
    """Return the ids of all stored releases, newest first."""
    return releases.ids(_context)


@cache.shared("watch_runs", ttl=5, most=2)
def review_log(_context: Context) -> Log:
    return read_model.log(_context)


def findings(release: Release) -> str:
    """Return the number of findings of a release as text: "45 findings, 3 blocking"."""
    count = len(release.reasons)
    blocking = sum(reason["severity"] == "block" and not reason.get("accepted") for reason in release.reasons)
    if not count:
        return "No findings"
    return f"{count} finding{'s' if count > 1 else ''}, {blocking or 'none'} blocking"


def draw(shown: str | None) -> str | None:
    """Draw the newest releases and return the id of the one that is shown below the list."""
    every = ids()
    most = st.session_state.setdefault("releases-shown", PAGE)
    listed = [cache.release(release_id) for release_id in every[: most + 1]]
    clicked, _ = row_links.table(
        table(listed[:most], cache.published(), listed),
        every[:most],
        "releases-table",
        height=min(38 + 35 * len(listed[:most]), 400),
        column_config={
            "Built": formats.time_column("YYYY-MM-DD HH:mm"),
            "Release": st.column_config.TextColumn(pinned=True),
            "Encounters": st.column_config.NumberColumn(format="localized"),
        },
    )
    if len(every) > most and st.button("Show older releases"):
        st.session_state["releases-shown"] = most + 5 * PAGE
        st.rerun()
    return clicked or (shown if shown in every else None)


def table(listed: Sequence[Release], published: Published | None, known: Sequence[Release]) -> pd.DataFrame:
    """Return the list as a table; `known` are the releases that a change can be computed against."""
    by_id = {each.release_id: each for each in known}
    events = review_log().events
    by = {each.release_id: each for each in reversed(published.publications)} if published else {}
    rows = []
    for release in listed:
        parent = by_id.get(release.parent_release_id or "")
        count = release.tables.get("fact_encounter", 0)
        publication = by.get(release.release_id)
        rows.append(
            {
                "Release": names.release(release.release_id),
                "State": STATES[timeline.state(release, published, events)],
                "Built": pd.Timestamp(release.created_at),
                "Findings": findings(release),
                "Batches": len(release.batch_ids),
                "Encounters": count,
                "Change": formats.change(count, parent.tables.get("fact_encounter", 0)) if parent else "",
                "Published by": publication.by if publication else "",
                "Reason": timeline.reason(publication) if publication else "",
            }
        )
    return pd.DataFrame(rows)
