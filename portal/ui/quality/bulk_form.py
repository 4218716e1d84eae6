"""Form to decide the findings that are ticked in the list, all at once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import streamlit as st

from portal.core.errors import ServiceError
from portal.reviews import bulk
from portal.reviews import commands as reviews
from portal.reviews.decisions import Key
from portal.ui import cache, drafts, session
from portal.ui.quality.conversation import reason
from portal.ui.quality.decision_form import CHOICES
from portal.ui.quality.shown import Shown

VERDICTS: dict[bulk.Verdict, str] = {
    "accept": CHOICES["accept"],
    "must_fix": CHOICES["must_fix"],
    "dismiss": CHOICES["dismiss"],
    "query": "Raise a query",
}


def draw(shown: Shown, chosen: Sequence[Key]) -> None:
    """Draw the form for the ticked findings; nothing is preselected."""
    key = f"bulk-{shown.run_id}"
    number = f"{len(chosen)} finding{'s' if len(chosen) > 1 else ''}"
    with st.container(border=True, key="bulk-bar"):
        st.markdown(f"**{number} selected**")
        verdict = st.segmented_control(
            "Decision for all of them", list(VERDICTS), format_func=VERDICTS.__getitem__, key=f"{key}-verdict"
        )
        with st.container(horizontal=True):
            if verdict == "accept":
                _terms(key)
        drafts.text("Question" if verdict == "query" else "Comment", key, shown.review.seen)
        st.button(
            f"Apply to {number}",
            key=f"{key}-apply",
            type="primary",
            on_click=_send,
            args=(key, _act(shown.run_id, chosen), f"Applied to {number}."),
        )


def outcome(run_id: str) -> None:
    """Draw what became of the last decision on several findings, once."""
    drafts.show_outcome(f"bulk-{run_id}")


def _send(key: str, act: drafts.Act, done: str) -> None:
    drafts.send(key, act, done)
    cache.alerts.clear()


def _terms(key: str) -> None:
    today = datetime.now(UTC).date()
    st.selectbox(
        "Reason", list(reviews.REASONS), index=None, format_func=reason, key=f"{key}-reason", width=260
    )
    st.date_input(
        "Expires",
        today + timedelta(days=30),
        min_value=today,
        max_value=today + reviews.LONGEST,
        key=f"{key}-until",
        width=140,
    )


def _act(run_id: str, chosen: Sequence[Key]) -> drafts.Act:
    """Return the action of the button, which reads the form at the time of the click."""
    context, key = session.context(), f"bulk-{run_id}"

    def act(text: str, seen: int) -> str:
        form = st.session_state
        verdict = form.get(f"{key}-verdict")
        if verdict not in VERDICTS:
            raise ServiceError(f"Select a decision first: {', '.join(VERDICTS.values())}.")
        terms = bulk.Terms(text, form.get(f"{key}-reason") or "", form.get(f"{key}-until"))
        return bulk.decide(context, run_id, chosen, verdict, terms, seen=seen)

    return act
