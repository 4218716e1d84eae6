"""Page Overview: the home of the person's role, and row counts by zone of the published release."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.releases.model import Published, Release
from portal.core.errors import ServiceError
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.reviews import wording
from portal.ui import cache, formats, names, session, sharing
from portal.ui.home import analyst, clinician, engineer, first_start
from portal.ui.releases import listing

st.title("Overview")


def page_line(published: Published, release: Release) -> None:
    """Draw what the page shows: the published release, who published it, and a rollback with its reason."""
    last = published.publications[0]
    at = formats.when(formats.parse_timestamp(last.at))
    by = wording.escape_markdown(last.by)
    number = len(release.batch_ids)
    batches = f"{number:,} batch{'es' if number != 1 else ''}"
    text = f"{names.release(release.release_id)} · published {at} by {by} · {batches}"
    if last.is_rollback and last.before:
        reason = wording.escape_markdown(last.reason)
        before = names.release(last.before)
        text = f"{names.release(release.release_id)} · rolled back from {before} {at} by {by}: “{reason}”"
    st.caption(text, help=release.release_id)


@session.live(5)
def watched(shown: str) -> None:
    """Draw the home of roles that watch runs; draw the whole page again when another release is published."""
    published = cache.published()
    if published is None or published.release_id != shown:
        st.rerun()
    engineer.draw()


def home() -> None:
    """Draw what the person's main role came for."""
    published = cache.published()
    if published is None:
        first_start.draw("No release is published yet.")
        return
    release = cache.release(published.release_id)
    page_line(published, release)
    role = session.user().role
    if role == "engineer":
        watched(published.release_id)
    elif role == "clinician":
        clinician.draw()
        analyst.draw(published, release)
    elif sharing.sees_exact(release.release_id):
        analyst.draw(published, release)


def published_totals(release: Release) -> dict[str, int]:
    """Return the row counts that viewers see: those of fact tables, without small counts.

    Dimension tables are left out, because a row can be a version of a single patient.
    """
    return {
        table: n
        for table, n in release.tables.items()
        if table.startswith("fact_") and n >= MINIMUM_CELL_SIZE
    }


def rows_by_zone() -> None:
    current = cache.published()
    if current is None:
        return
    release = cache.release(current.release_id)
    st.subheader("Rows by zone")
    is_exact = sharing.sees_exact(release.release_id)
    account = pd.DataFrame(cache.reconciliation(release.run_id) if is_exact else [])
    left, right = st.columns(2)
    with left:
        st.markdown("**Received and loaded by the run of this release**")
        if not is_exact:
            st.caption("Row counts by zone are available to analysts, clinicians and engineers.")
        elif account.empty:
            st.caption("This run received no new rows.")
        else:
            total = (
                account.groupby("table_name")[["received", "loaded", "quarantined", "duplicates"]]
                .sum()
                .reset_index()
            )
            total.columns = ["Table", "Received", "Loaded to silver", "Quarantined", "Duplicates"]
            st.dataframe(total, hide_index=True, width="stretch", column_config=session.numbers(total))
            st.caption("Received = loaded + quarantined (including duplicates). Every run checks this.")
    with right:
        st.markdown("**Gold, the published release**")
        shown = release.tables if is_exact else published_totals(release)
        gold = pd.DataFrame({"Table": list(shown), "Rows": list(shown.values())})
        st.dataframe(
            gold, hide_index=True, width="stretch", height="content", column_config=session.numbers(gold)
        )
    if release.reasons:
        st.caption(f"Published with {listing.findings(release)}.")
        st.page_link("app_pages/quality.py", label="Review findings", icon=":material/fact_check:")


try:
    home()
    rows_by_zone()
except ServiceError as error:
    session.show_error(error)
