"""Dialogs to publish a release and to roll back to the previous one, with a reason."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from pipeline.releases.model import Published, Release
from portal.core.errors import ServiceError
from portal.releases import service as releases
from portal.ui import cache, names, session


def draw(release: Release, published: Published | None) -> None:
    """Draw the button to publish a release or, if it is published, to roll back to the previous one."""
    if not session.user().may("publish"):
        return
    if published and published.release_id == release.release_id:
        before = published.previous_release_id
        if before and st.button(f"Roll back to {names.release(before)} …", key="roll-back"):
            roll_back(published)
    elif st.button("Publish this release …", key="publish", type="primary"):
        publish(release.release_id, published)


@st.dialog("Publish this release")
def publish(release_id: str, published: Published | None) -> None:
    now = (
        f"Analysts see {names.release(published.release_id)} now."
        if published
        else "No release is published now."
    )
    st.markdown(f"Analysts will see **{names.release(release_id)}**. {now}")
    if reason := _reason("Publish"):
        _apply(lambda: releases.publish(session.context(), release_id, reason=reason))


@st.dialog("Roll back")
def roll_back(published: Published) -> None:
    st.markdown(
        f"Analysts will see **{names.release(str(published.previous_release_id))}** again, which was "
        f"published before {names.release(published.release_id)}. Nothing is deleted."
    )
    if reason := _reason("Roll back"):
        _apply(lambda: releases.rollback(session.context(), reason=reason, shown=published.release_id))


def _reason(action: str) -> str | None:
    """Draw a form for a reason; return the reason once the action is confirmed with one, else None."""
    with st.form(f"confirm-{action}", border=False):
        reason = st.text_input("Reason", help="Recorded with the release.").strip()
        is_confirmed = st.form_submit_button(action, type="primary")
    if is_confirmed and not reason:
        st.error("A reason is required for the audit log.")
    return reason if is_confirmed and reason else None


def _apply(change: Callable[[], object]) -> None:
    try:
        with st.spinner("Checking the files of the release, then publishing …"):
            change()
    except ServiceError as error:
        session.show_error(error)
        return
    cache.published.clear()
    cache.forget_runs()
    st.rerun()
