"""Form to decide a finding, or to confirm single records as correct."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.quality import rule_texts
from portal.reviews import commands as reviews
from portal.reviews.read_model import Review
from portal.ui import drafts
from portal.ui.quality.conversation import Finding, reason

CHOICES = {
    "accept": "Accept until …",
    "must_fix": "Must be fixed",
    "dismiss": "Not a problem",
}
_DONE = {
    "accept": "The finding was accepted. The acceptance also applies to later runs.",
    "must_fix": "The finding was marked 'must be fixed'. The release cannot be approved.",
    "dismiss": "The finding was marked 'not a problem' in this run.",
}


def draw(context: Context, run_id: str, finding: Finding, keys: tuple[str, ...], review: Review) -> None:
    """Draw the form to decide a finding or confirm selected records; no decision is preselected."""
    name = drafts.about(run_id, finding)
    choice = st.segmented_control(
        "Decision", list(CHOICES), format_func=CHOICES.__getitem__, key=f"decision-{name}"
    )
    if choice == "accept" or keys:
        _terms(finding, name)
    drafts.text("Comment", f"decide-{name}", review.seen)

    def decide(text: str, seen: int) -> None:
        _decide(context, run_id, finding, text, seen)

    def withdraw(text: str, seen: int) -> None:
        reviews.withdraw(context, run_id, *finding, text, seen=seen)

    with st.container(horizontal=True):
        _button("Save the decision", "decide", name, decide, _DONE.get(choice or "", ""))
        if finding in review.accepted:
            _button("Withdraw the acceptance", "withdraw", name, withdraw, "The acceptance was withdrawn.")
    if keys:
        _confirm_rows(context, run_id, finding, keys, review)


def _decide(context: Context, run_id: str, finding: Finding, text: str, seen: int) -> None:
    """Record the decision with the values of the form at the time of the click.

    Raise `ServiceError` if no decision is selected, or no reason for an acceptance.
    """
    name, chosen = drafts.about(run_id, finding), st.session_state
    choice = chosen.get(f"decision-{name}")
    if choice == "must_fix":
        reviews.reject(context, run_id, *finding, text, seen=seen)
    elif choice == "dismiss":
        reviews.dismiss(context, run_id, *finding, text, seen=seen)
    elif choice == "accept":
        if not chosen.get(f"reason-{name}"):
            raise ServiceError("Select a reason for accepting the finding.")
        rule = rule_texts.rules().get(finding)
        is_share = rule is None or rule.unit == "percent"
        reviews.accept(
            context,
            run_id,
            *finding,
            reason=chosen[f"reason-{name}"],
            text=text,
            until=chosen[f"until-{name}"],
            margin=chosen[f"margin-{name}"] / (100 if is_share else 1),
            seen=seen,
        )
    else:
        raise ServiceError(f"Select a decision first: {', '.join(CHOICES.values())}.")


def _terms(finding: Finding, name: str) -> None:
    """Draw reason, expiry and allowed worsening of an acceptance."""
    rule = rule_texts.rules().get(finding)
    unit = rule.unit if rule else "percent"
    today = datetime.now(UTC).date()
    with st.container(horizontal=True):
        st.selectbox(
            "Reason", list(reviews.REASONS), index=None, format_func=reason, key=f"reason-{name}", width=260
        )
        st.date_input(
            "Expires",
            today + timedelta(days=30),
            min_value=today,
            max_value=today + reviews.LONGEST,
            key=f"until-{name}",
            width=140,
        )
        if unit == "percent":
            st.number_input(
                "Allowed worsening (percentage points)", 0.0, 100.0, 0.0, 0.5, key=f"margin-{name}", width=260
            )
        else:
            st.number_input(
                f"Allowed worsening ({unit})", 0.0, None, 0.0, 0.05, key=f"margin-{name}", width=260
            )


def _confirm_rows(
    context: Context, run_id: str, finding: Finding, keys: tuple[str, ...], review: Review
) -> None:
    """Draw the buttons to confirm selected records as correct, and to undo their confirmation."""
    name = drafts.about(run_id, finding)
    accepted = review.accepted_rows.get(finding, {})
    confirmed = [row for row in keys if row in accepted]

    def verify(text: str, seen: int) -> None:
        until = st.session_state[f"until-{name}"]
        reviews.accept_rows(
            context, run_id, *finding, keys, reason="verified", text=text, until=until, seen=seen
        )

    def withdraw(text: str, seen: int) -> None:
        reviews.withdraw_rows(context, run_id, *finding, confirmed, text, seen=seen)

    records = f"{len(keys)} record{'s' if len(keys) > 1 else ''}"
    with st.container(horizontal=True):
        _button(
            f"Confirm {records} as correct",
            "verify-rows",
            name,
            verify,
            "The records were confirmed. Later runs do not count them until the confirmation expires.",
        )
        if confirmed:
            _button(
                f"Undo the confirmation of {len(confirmed)}",
                "withdraw-rows",
                name,
                withdraw,
                "The confirmation was withdrawn. Later runs count the records again.",
            )


def _button(label: str, verb: str, name: str, act: drafts.Act, done: str) -> None:
    st.button(label, key=f"{verb}-button-{name}", on_click=drafts.send, args=(f"decide-{name}", act, done))
