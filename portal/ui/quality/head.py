"""Headline of the Quality page: why the release is held, what was decided, what is next."""

from __future__ import annotations

import streamlit as st

from portal.core.vocabulary import DECISIONS
from portal.reviews import headline, wording
from portal.ui import cache, formats, session, sharing
from portal.ui.quality.shown import Shown


def draw(shown: Shown) -> None:
    """Draw audit-trail problems, the headline, the next steps of a review, and acceptances."""
    for problem in shown.review.problems:
        st.error(
            f"Audit trail integrity check failed: {problem} Signing is disabled until an engineer has "
            "checked it."
        )
    if shown.audit is None:
        return
    published = cache.published()
    is_published = published is not None and published.release_id == shown.run_id
    if not sharing.sees_exact(shown.run_id):
        decided = DECISIONS[shown.audit.decision]
        st.info(f"The release {decided}. {'You see it in all charts.' if is_published else ''}".strip())
        return
    line = headline.of_release(
        shown.audit.decision, shown.findings, shown.review.signature, is_published=is_published
    )
    {"success": st.success, "warning": st.warning}[line.tone](
        f"**{wording.escape_markdown(line.title)}** {wording.escape_markdown(line.details)}"
    )
    if is_published:
        _published()
    if line.is_waiting:
        waiting = "" if session.user().may("review") else " A clinician signs off."
        st.caption(headline.next_steps(shown.findings, len(shown.review.open_queries)) + waiting)
    _accepted(shown)


def _published() -> None:
    """Say since when and by whom the release is published, with a link to its charts."""
    published = cache.published()
    at = formats.when(formats.parse_timestamp(published.published_at))
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(
            f"Published at {at} by {wording.escape_markdown(published.published_by)}: analysts see it.",
            width="content",
        )
        st.page_link("app_pages/encounters.py", label="See the charts", icon=":material/bar_chart:")


def _accepted(shown: Shown) -> None:
    """Name the accepted findings that did not hold the release."""
    reasons = shown.audit.reasons if shown.audit else []
    named = [
        f"{r['rule_id']} of {r['table']} (accepted by {wording.escape_markdown(r['accepted']['by'])} until "
        f"{r['accepted']['until']})"
        for r in reasons
        if r.get("accepted")
    ]
    if named:
        st.caption(f"Accepted earlier, and therefore not holding the release: {'; '.join(named)}.")
