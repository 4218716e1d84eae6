"""What a clinician takes responsibility for: a finding accepted or rejected, a release signed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Literal

import streamlit as st

from portal.components import drafts
from portal.components.conversation import Finding, reason
from portal.services import releases, review_log, review_words, reviews
from portal.services.aws import Aws, ServiceError
from portal.services.review_log import Review, Signature


def judge(aws: Aws, run_id: str, finding: Finding, is_accepted: bool, seen: int) -> None:
    """Accept a finding with a reason and a last day, reject it, or end an acceptance."""
    name = "-".join(finding)
    key = f"judge-{name}"
    drafts.text("Comment", key, seen)
    today = datetime.now(UTC).date()
    with st.container(horizontal=True):
        st.selectbox(
            "Reason",
            list(reviews.REASONS),
            index=5,
            format_func=reason,
            key=f"reason-{name}",
            width=260,
        )
        st.date_input("Until", today + timedelta(days=30), min_value=today, max_value=today + reviews.LONGEST,
                      key=f"until-{name}", width=140)  # fmt: skip
        st.number_input("May grow by (points)", 0.0, 100.0, 1.0, 0.5, key=f"margin-{name}", width=160,
                        help="Percentage points of failing rows.")  # fmt: skip

    def accept(text: str, seen: int) -> None:
        chosen = st.session_state  # what the form holds at the click, not at the last drawing of the page
        reviews.accept(
            aws,
            run_id,
            *finding,
            reason=chosen[f"reason-{name}"],
            text=text,
            until=chosen[f"until-{name}"],
            margin=chosen[f"margin-{name}"] / 100,
            seen=seen,
        )

    with st.container(horizontal=True):
        st.button("Accept the finding", key=f"accept-{name}", on_click=drafts.send,
                  args=(key, accept, "The finding is accepted, in later runs too."))  # fmt: skip
        st.button("Reject the finding", key=f"reject-{name}", on_click=drafts.send,
                  args=(key, lambda text, seen: reviews.reject(aws, run_id, *finding, text, seen=seen),
                        "The finding is rejected."))  # fmt: skip
        if is_accepted:
            st.button("Withdraw the acceptance", key=f"withdraw-{name}", on_click=drafts.send,
                      args=(key, lambda text, _: reviews.withdraw(aws, run_id, *finding, text),
                            "The acceptance has ended."))  # fmt: skip


def sign(aws: Aws, review: Review, seen_release: str) -> None:
    """The signature block and, for reviewers, the form to sign what the page shows: `seen_release` stands for it."""
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
        _verdict(aws, review.run_id, "approve", "Approve and sign", key, seen_release)
    with right:
        _verdict(aws, review.run_id, "reject", "Reject and sign", key, seen_release)


def _signature(signature: Signature) -> None:
    say = st.success if signature.verdict == "approve" and signature.stands else st.warning
    say(
        f"“{signature.meaning}” {review_words.plain(signature.by)} ({signature.role}), "
        f"{review_words.moment(signature.at)}: {review_words.plain(signature.comment)}"
    )
    if not signature.stands:
        st.error("Changed since review: the release is no longer what was signed. It must be reviewed again.")


def _verdict(
    aws: Aws, run_id: str, verdict: Literal["approve", "reject"], label: str, key: str, seen_release: str
) -> None:
    approves = verdict == "approve"
    done = "Signed. The release is approved." if approves else "Signed. The former release stays."

    def act(text: str, seen: int) -> None:
        if review_log.fingerprint(releases.get(aws, run_id)) != seen_release:
            raise ServiceError(
                f"{run_id} was made anew since this page was drawn: look at it again, then sign."
            )
        reviews.sign(aws, run_id, verdict, text, seen=seen)

    st.button(label, key=f"{verdict}-{run_id}", type="primary" if approves else "secondary",
              help=reviews.MEANINGS[verdict], on_click=drafts.send, args=(key, act, done))  # fmt: skip
    st.caption(f"This says: “{reviews.MEANINGS[verdict]}”")
