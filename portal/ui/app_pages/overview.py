"""Page Overview: latest run, row counts by zone, freshness of the published data."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from pipeline.releases.model import Release
from portal.core.errors import ServiceError
from portal.core.vocabulary import state_label
from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.ui import cache, formats, names, session, sharing

st.title("Overview")


@session.live(5)
def latest() -> None:
    found = cache.recent_runs(1)
    if not found:
        session.nothing_yet("No runs yet.")
        return
    run = found[0]
    current = cache.published()
    left, middle, right = st.columns(3)
    left.metric("Latest run", state_label(run.status), help=run.run_id)
    left.caption(
        f"{names.run(run.run_id)}, started {formats.ago(run.started_at)}, {formats.duration(run.seconds)}",
        help=formats.when(run.started_at),
    )
    if session.user().may("watch_runs"):
        left.page_link(
            "app_pages/run.py",
            label="Open the run" if run.is_over else "View live",
            icon=":material/visibility:",
            query_params={"run": run.run_id},
        )
    if current:
        published_at = formats.parse_timestamp(current.published_at)
        middle.metric("Published release", names.release(current.release_id), help=current.release_id)
        middle.caption(
            f"Published {formats.ago(published_at)} by {current.published_by}",
            help=formats.when(published_at),
        )
    else:
        middle.metric("Published release", "None yet")
    count = len(cache.received())
    right.metric("Batches received", f"{count:,}")
    if current:
        right.caption(
            f"{len(cache.release(current.release_id).batch_ids):,} of them in the published release"
        )


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
        listed = ", ".join(reason["rule_id"] for reason in release.reasons)
        number = len(release.reasons)
        st.warning(f"Published with {number} finding{'s' if number > 1 else ''}: {listed}.")
        st.page_link("app_pages/quality.py", label="Review findings", icon=":material/fact_check:")


try:
    latest()
    rows_by_zone()
except ServiceError as error:
    session.show_error(error)
