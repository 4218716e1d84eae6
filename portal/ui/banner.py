"""Alerts at the top of every page, each with a link."""

from __future__ import annotations

import streamlit as st

from portal.core.auth import Right, Role
from portal.core.errors import ServiceError, is_aws_error
from portal.runs.alerts import Alert, Kind
from portal.ui import cache, formats, names, session


def _message(alert: Alert) -> str:
    """Return the text of an alert with its timestamp in the user's time zone."""
    message = names.in_text(alert.message)
    message = message.replace("{at}", formats.when(alert.at)) if alert.at else message
    return f"**{alert.kind.capitalize()}.** {message}"


def draw(page: str = "") -> None:
    """Draw the alerts that the user can act on, unless `page` shows them itself; else draw nothing.

    If the alerts cannot be read, draw a caption.
    """
    person = session.user()
    if not person.may("watch_runs") or page in _SHOW_THEM.get(person.role, _ALERTS):
        return
    try:
        found = cache.alerts()
    except Exception as error:
        if not (isinstance(error, ServiceError) or is_aws_error(error)):
            raise
        st.caption("Alerts are temporarily unavailable.")
        return
    for alert in found:
        if any(person.may(right) for right in _ACT[alert.kind]) and not _is_shown(alert, page):
            show(alert)


def _is_shown(alert: Alert, page: str) -> bool:
    """Return whether the page is the one that the alert leads to."""
    return page == _PAGES[alert.kind][0] and st.query_params.get("run") == alert.run_id


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

_ACT: dict[Kind, tuple[Right, ...]] = {
    "failed": ("run_pipeline",),
    "late": ("run_pipeline",),
    "held": ("review", "publish"),
    "rejected": ("publish",),
    "never started": ("run_pipeline",),
    "no batch": ("import_data",),
}
"""Rights of those who can act on an alert: others find it on the page Alerts."""

_ALERTS = frozenset({"alerts"})
_SHOW_THEM: dict[Role, frozenset[str]] = {
    "engineer": _ALERTS | {"overview", ""},
    "clinician": _ALERTS | {"overview", ""},
}
"""Pages that show the alerts of a role themselves."""
