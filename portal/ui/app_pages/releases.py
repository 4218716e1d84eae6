"""Page Releases: timeline, comparison with the previous release, publish and roll back."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from portal.releases import timeline
from portal.ui import cache, formats, names, session
from portal.ui.releases import detail, listing

st.title("Releases")

ACTIONS: dict[timeline.Action, str] = {
    "published": "● Published",
    "rolled back": "↶ Rolled back",
    "approved": "✓ Approved and signed",
    "rejected": "✕ Rejected and signed",
}


def page_line() -> None:
    """Draw which release analysts see, and since when."""
    published = cache.published()
    if published is None:
        st.caption("No release is published yet.")
        return
    at = formats.when(formats.parse_timestamp(published.published_at))
    st.caption(
        f"Analysts see {names.release(published.release_id)}, published {at} by {published.published_by}."
    )


def history() -> None:
    """Draw who published, signed and rolled back which release, when and why."""
    found = timeline.entries(cache.published(), listing.review_log().events)
    st.markdown("#### Timeline")
    if not found:
        st.caption("Nothing has been published or signed yet.")
        return
    frame = pd.DataFrame(
        [
            {
                "When": pd.Timestamp(entry.at),
                "Action": ACTIONS[entry.action],
                "Release": names.release(entry.release_id),
                "Instead of": names.release(entry.replaced) if entry.replaced else "",
                "By": entry.by,
                "Reason": entry.reason,
            }
            for entry in found
        ]
    )
    st.dataframe(
        frame,
        hide_index=True,
        width="stretch",
        height=min(38 + 35 * len(frame), 300),
        column_config={"When": formats.time_column("YYYY-MM-DD HH:mm")},
    )


def draw() -> None:
    page_line()
    if not listing.ids():
        session.nothing_yet("There is no release yet.")
        return
    published = cache.published()
    named = st.query_params.get("release")
    shown = listing.draw(named) or (published.release_id if published else listing.ids()[0])
    if named and named not in listing.ids():
        st.info("The release in the address is not stored. The published release is shown.")
    st.query_params["release"] = shown
    detail.draw(cache.release(shown), published)
    history()


session.guarded(draw)
