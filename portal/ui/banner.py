"""What needs somebody now, on top of every page, with the way to it."""

from __future__ import annotations

import streamlit as st

from portal.core.errors import ServiceError, is_aws_error
from portal.runs.alerts import Alert
from portal.ui import cache, formats, session


def _told(alert: Alert) -> str:
    """An alert in words, its moment in the viewer's zone."""
    words = alert.words.replace("{at}", formats.when(alert.at)) if alert.at else alert.words
    return f"**{alert.kind.capitalize()}.** {words}"


def draw() -> None:
    """On top of every page: what needs somebody now, for those who can do something about it."""
    if not session.user().may("watch_runs"):
        return
    try:
        found = cache.alerts()
    except Exception as error:
        if not (isinstance(error, ServiceError) or is_aws_error(error)):
            raise
        st.caption("Whether a run needs somebody could not be asked just now.")
        return
    for alert in found:
        show(alert)


def show(alert: Alert) -> None:
    """An alert with the way to what it is about."""
    page, label = _PAGES[alert.kind]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(_told(alert), width="stretch")
        st.page_link(
            f"pages/{page}.py",
            label=label,
            icon=":material/arrow_forward:",
            query_params={"run": alert.run_id} if alert.run_id else None,
        )


_PAGES = {
    "failed": ("run", "See why"),
    "late": ("run", "View live"),
    "held": ("quality", "Review findings"),
    "rejected": ("run", "See the release"),
    "never started": ("runs", "See the runs"),
}
