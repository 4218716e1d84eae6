"""What a clinician takes responsibility for: a finding accepted or rejected, a release signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import streamlit as st

from pipeline.acceptances import row_hash
from portal.components import drafts
from portal.components.conversation import Finding, reason
from portal.services import measures, review_words, reviews, sign_off, signatures
from portal.services.aws import Aws, ServiceError
from portal.services.review_log import Review
from portal.services.signatures import Signature


def judge(aws: Aws, run_id: str, finding: Finding, keys: tuple[str, ...], review: Review) -> None:
    """Accept a finding, or those of its rows that are chosen, with a reason and a last day; reject; take back."""
    name = drafts.about(run_id, finding)
    drafts.text("Comment", f"judge-{name}", review.seen)
    unit = _terms(finding, name)

    def accept(text: str, seen: int) -> None:
        chosen = st.session_state  # what the form holds at the click, not at the last drawing of the page
        reviews.accept(
            aws,
            run_id,
            *finding,
            reason=chosen[f"reason-{name}"],
            text=text,
            until=chosen[f"until-{name}"],
            margin=chosen[f"margin-{name}"] / (100 if unit == "percent" else 1),
            seen=seen,
        )

    def reject(text: str, seen: int) -> None:
        reviews.reject(aws, run_id, *finding, text, seen=seen)

    def withdraw(text: str, seen: int) -> None:
        reviews.withdraw(aws, run_id, *finding, text, seen=seen)

    with st.container(horizontal=True):
        _button("Accept the finding", "accept", name, accept, "The finding is accepted, in later runs too.")
        _button("Reject the finding", "reject", name, reject, "The finding is rejected.")
        if finding in review.accepted:
            _button("Withdraw the acceptance", "withdraw", name, withdraw, "The acceptance has ended.")
    if keys:
        _judge_rows(aws, run_id, finding, keys, review)


def _terms(finding: Finding, name: str) -> str:
    """Reason, last day and margin; gives the unit of the margin."""
    rule = measures.rules().get(finding)
    unit = rule.unit if rule else "percent"
    today = datetime.now(UTC).date()
    with st.container(horizontal=True):
        st.selectbox(
            "Reason", list(reviews.REASONS), index=5, format_func=reason, key=f"reason-{name}", width=260
        )
        st.date_input("Until", today + timedelta(days=30), min_value=today, max_value=today + reviews.LONGEST,
                      key=f"until-{name}", width=140)  # fmt: skip
        if unit == "percent":
            st.number_input("May get worse by (points)", 0.0, 100.0, 1.0, 0.5, key=f"margin-{name}", width=180,
                            help="Percentage points of failing rows.")  # fmt: skip
        else:
            st.number_input(
                f"May get worse by ({unit})", 0.0, None, 0.0, 0.05, key=f"margin-{name}", width=180
            )
    return unit


def _judge_rows(aws: Aws, run_id: str, finding: Finding, keys: tuple[str, ...], review: Review) -> None:
    """The chosen rows alone: true as they are, or no longer so."""
    name = drafts.about(run_id, finding)
    accepted = review.accepted_rows.get(finding, {})
    standing = [key for key in keys if row_hash(key) in accepted]

    def verify(text: str, seen: int) -> None:
        until = st.session_state[f"until-{name}"]
        reviews.accept_rows(aws, run_id, *finding, keys, reason="verified", text=text, until=until, seen=seen)

    def take_back(text: str, seen: int) -> None:
        reviews.withdraw_rows(aws, run_id, *finding, standing, text, seen=seen)

    rows = f"{len(keys)} chosen row{'s' if len(keys) > 1 else ''}"
    with st.container(horizontal=True):
        _button(f"Verify the {rows} as true", "verify-rows", name, verify,
                "The rows are verified as true: later runs do not count them, until that day.")  # fmt: skip
        if standing:
            _button(f"Take back: {len(standing)} of the {rows}", "withdraw-rows", name, take_back,
                    "The rows count again.")  # fmt: skip


def _button(label: str, verb: str, name: str, act: drafts.Act, done: str) -> None:
    st.button(label, key=f"{verb}-{name}", on_click=drafts.send, args=(f"judge-{name}", act, done))


def sign(aws: Aws, review: Review) -> None:
    """The signature block and, for reviewers, the form to sign the release that the page shows."""
    if review.signature:
        _signature(review.signature)
    if not aws.person.may("review"):
        if not review.signature:
            st.info("Not signed yet. Clinicians sign releases off, and not the person who started the run.")
        return
    if review.problems:
        st.info("Nothing can be signed while the log of reviews does not verify.")
        return
    key = f"sign-{review.run_id}"
    drafts.text("Comment on the release", key, review.seen)
    left, right = st.columns(2)
    with left:
        _verdict(aws, review.run_id, "approve", "Approve and sign", key, review.version)
    with right:
        _verdict(aws, review.run_id, "reject", "Reject and sign", key, review.version)


def _signature(signature: Signature) -> None:
    say = st.success if signature.verdict == "approve" and signature.stands else st.warning
    say(
        f"“{signature.meaning}” {review_words.plain(signature.by)} ({signature.role}), "
        f"{review_words.moment(signature.at)}: {review_words.plain(signature.comment)}"
    )
    if not signature.stands:
        st.error(f"The signature no longer counts. {signature.why_not}")


def _verdict(
    aws: Aws, run_id: str, verdict: Literal["approve", "reject"], label: str, key: str, seen_release: str
) -> None:
    approves = verdict == "approve"
    done = (
        "Signed. The release is approved."
        if approves
        else "Signed. The release is rejected, and the former one stays."
    )

    def act(text: str, seen: int) -> None:
        if signatures.version(aws, run_id) != seen_release:
            raise ServiceError(
                f"{run_id} was made anew since this page was drawn: look at it again, then sign."
            )
        sign_off.sign(aws, run_id, verdict, text, seen=seen)

    st.button(label, key=f"{verdict}-{run_id}", type="primary" if approves else "secondary",
              help=sign_off.MEANINGS[verdict], on_click=drafts.send, args=(key, act, done))  # fmt: skip
    st.caption(f"This says: “{sign_off.MEANINGS[verdict]}”")
