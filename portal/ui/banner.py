"""Alerts at the top of every page, each with a link."""

from __future__ import annotations

import streamlit as st

from portal.core.errors import ServiceError, is_aws_error
from portal.runs.alerts import Alert
from portal.ui import cache, formats, names, session


def _message(alert: Alert) -> str:
    """Return the text of an alert with its timestamp in the user's time zone."""
    message = names.in_text(alert.message)
    message = message.replace("{at}", formats.when(alert.at)) if alert.at else message
    return f"**{alert.kind.capitalize()}.** {message}"


def draw() -> None:
    """Draw the alerts for roles that can view runs; if the alerts cannot be read, draw a caption."""
    if not session.user().may("watch_runs"):
        return
    try:
        found = cache.alerts()
    except Exception as error:
        if not (isinstance(error, ServiceError) or is_aws_error(error)):
            raise
        st.caption("Alerts are temporarily unavailable.")
        return
    for alert in found:
        show(alert)


def show(alert: Alert) -> None:
    """Draw an alert with a link to the page that it is about."""
    page, label = _PAGES[alert.kind]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.warning(_message(alert), width="stretch")
        st.page_link(
            f"app_pages/{page}.py",
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
    "no batch": ("runs", "See the runs"),
}
"""Page and label of the link, by kind of alert."""
