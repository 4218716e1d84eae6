"""What reviewers say: forms whose text survives a refusal, and the conversation so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st

from pipeline.reviews import Event
from portal.services import reviews
from portal.services.aws import Aws, ServiceError
from portal.services.review_log import Query, Review
from portal.services.reviews import ReviewConflict

_SEEN = "review-seen"
_SAID = "review-said"

KINDS = {
    "query_opened": "asked",
    "query_assigned": "assigned it",
    "query_answered": "answered",
    "query_closed": "closed it",
    "query_reopened": "opened it again",
    "finding_accepted": "accepted the finding",
    "finding_rejected": "rejected the finding",
    "acceptance_withdrawn": "withdrew the acceptance",
    "release_signed": "signed",
    "rows_unmasked": "looked at identified rows",
}

STATES = {"open": "○ Open", "answered": "◐ Answered", "closed": "● Closed"}


def _reason(reason: str) -> str:
    return reviews.REASONS[reason]


def remember(review: Review) -> None:
    """What this screen shows: an event written after it is news to the reviewer."""
    st.session_state[_SEEN] = review.seen


def say(act: Callable[..., Any], done: str, *texts: str) -> None:
    """A button's callback: do it; keep the `texts` (widget keys) unless it was done."""
    try:
        act(seen=st.session_state.get(_SEEN))
    except ReviewConflict as conflict:
        st.session_state[_SAID] = ("conflict", str(conflict), conflict.changes)
    except ServiceError as error:
        st.session_state[_SAID] = ("error", str(error), ())
    else:
        st.session_state[_SAID] = ("done", done, ())
        for key in texts:
            st.session_state[key] = ""


def told() -> None:
    """What became of the last thing that was said."""
    kind, sentence, changes = st.session_state.pop(_SAID, ("", "", ()))
    if kind == "done":
        st.success(sentence)
    elif kind:
        st.error(sentence)
    for event in changes:
        st.markdown(f"- {line(event)}")


def line(event: Event) -> str:
    """One event as a line of a conversation."""
    said = event.said
    parts = [
        f"**{event.by}** ({event.role}) {KINDS.get(event.kind, event.kind)}, {event.at[:16].replace('T', ' ')} UTC"
    ]
    if said.get("assignee"):
        parts.append(f"for {said['assignee']}")
    if "until" in said:
        parts.append(f"until {said['until']}, up to {said['margin']:.1%} more")
    if "reason" in said:
        parts.append(reviews.REASONS.get(said["reason"], said["reason"]))
    text = said.get("text") or said.get("why") or ""
    return f"{' · '.join(parts)}: {text}" if text else " · ".join(parts)


def queries(aws: Aws, found: Iterable[Query], may_review: bool, may_answer: bool) -> None:
    """Each query with its conversation and what can be done now."""
    for query in found:
        overdue = " · overdue" if query.is_due(datetime.now(UTC).date()) else ""
        who = f"for {query.assignee}" if query.assignee else "for anybody"
        with st.container(border=True):
            st.markdown(f"{STATES[query.state]} · {query.query_id} · {who} · due {query.due}{overdue}")
            for event in query.events:
                st.markdown(f"- {line(event)}")
            if query.record_keys:
                st.caption(f"About {len(query.record_keys)} rows.")
            if may_answer:
                _reply(aws, query, may_review)


def _reply(aws: Aws, query: Query, may_review: bool) -> None:
    key = f"reply-{query.query_id}"
    label = "Why open it again?" if query.state == "closed" else "Reply"
    if query.state == "closed" and not may_review:
        return
    st.text_area(label, key=key, max_chars=2000, height=80)
    buttons = st.columns(3)
    identity = query.query_id
    if query.state == "closed":
        buttons[0].button(
            "Open again",
            key=f"reopen-{identity}",
            on_click=lambda: say(
                lambda seen: reviews.reopen(aws, identity, st.session_state[key], seen=seen),
                f"{identity} is open again.",
                key,
            ),
        )
        return
    buttons[0].button(
        "Answer",
        key=f"answer-{identity}",
        on_click=lambda: say(
            lambda seen: reviews.answer(aws, identity, st.session_state[key], seen=seen),
            f"{identity} is answered.",
            key,
        ),
    )
    if may_review:
        reason = buttons[1].selectbox(
            "Reason for closing",
            list(reviews.REASONS),
            format_func=_reason,
            key=f"why-{identity}",
        )
        buttons[2].button(
            "Close",
            key=f"close-{identity}",
            help="A closed query keeps its conversation and can be opened again.",
            on_click=lambda: say(
                lambda seen: reviews.close(aws, identity, str(reason), st.session_state[key], seen=seen),
                f"{identity} is closed.",
                key,
            ),
        )


def ask(aws: Aws, run_id: str, finding: tuple[str, str], keys: tuple[str, ...]) -> None:
    """Open a query on a finding, or on those of its rows that are chosen."""
    key, who = f"ask-{'-'.join(finding)}", f"who-{'-'.join(finding)}"
    st.text_area("Question", key=key, max_chars=2000, height=80)
    st.text_input("For (name, optional)", key=who, max_chars=100)
    st.button(
        "Open a query",
        key=f"open-{'-'.join(finding)}",
        on_click=lambda: say(
            lambda seen: reviews.open_query(
                aws,
                run_id,
                *finding,
                st.session_state[key],
                assignee=st.session_state[who],
                record_keys=keys,
                seen=seen,
            ),
            "The query is open.",
            key,
            who,
        ),
    )


def judge(aws: Aws, run_id: str, finding: tuple[str, str], is_accepted: bool) -> None:
    """Accept a finding with a reason and a last day, or reject it."""
    name = "-".join(finding)
    key = f"judge-{name}"
    st.text_area("Comment", key=key, max_chars=2000, height=80)
    left, middle, right = st.columns(3)
    reason = left.selectbox(
        "Reason", list(reviews.REASONS), index=5, format_func=_reason, key=f"reason-{name}"
    )
    today = datetime.now(UTC).date()
    until = middle.date_input(
        "Until",
        today + timedelta(days=30),
        min_value=today,
        max_value=today + reviews.LONGEST,
        key=f"until-{name}",
    )
    margin = right.number_input(
        "May grow by (points)",
        0.0,
        100.0,
        1.0,
        0.5,
        key=f"margin-{name}",
        help="Percentage points of failing rows.",
    )
    left.button(
        "Accept the finding",
        key=f"accept-{name}",
        on_click=lambda: say(
            lambda seen: reviews.accept(
                aws,
                run_id,
                *finding,
                reason=str(reason),
                text=st.session_state[key],
                until=until,
                margin=margin / 100,
                seen=seen,
            ),
            "The finding is accepted, in later runs too.",
            key,
        ),
    )
    middle.button(
        "Reject the finding",
        key=f"reject-{name}",
        on_click=lambda: say(
            lambda seen: reviews.reject(aws, run_id, *finding, st.session_state[key], seen=seen),
            "The finding is rejected.",
            key,
        ),
    )
    if is_accepted:
        right.button(
            "Withdraw the acceptance",
            key=f"withdraw-{name}",
            on_click=lambda: say(
                lambda seen: reviews.withdraw(aws, run_id, *finding, st.session_state[key]),  # noqa: ARG005
                "The acceptance has ended.",
                key,
            ),
        )


def sign(aws: Aws, review: Review) -> None:
    """The signature block and, for reviewers, the form to sign."""
    signature = review.signature
    if signature:
        say_it = st.success if signature.verdict == "approve" else st.warning
        say_it(
            f"“{signature.meaning}” {signature.by} ({signature.role}), {signature.at[:16].replace('T', ' ')} UTC: "
            f"{signature.comment}"
        )
        if not signature.stands:
            st.error(
                "Changed since review: the release is no longer what was signed. It must be reviewed again."
            )
    if aws.settings.role != "clinician":
        if not signature:
            st.info("Not signed yet. Clinicians sign releases off, and not the person who started the run.")
        return
    key = f"sign-{review.run_id}"
    st.text_area("Comment on the release", key=key, max_chars=2000, height=80)
    left, right = st.columns(2)
    for place, verdict, label in (
        (left, "approve", "Approve and sign"),
        (right, "reject", "Reject and sign"),
    ):
        place.button(
            label,
            key=f"{verdict}-{review.run_id}",
            help=reviews.MEANINGS[verdict],
            type="primary" if verdict == "approve" else "secondary",
            on_click=_sign,
            args=(aws, review.run_id, verdict, key),
        )
        place.caption(f"This says: “{reviews.MEANINGS[verdict]}”")


def _sign(aws: Aws, run_id: str, verdict: Any, key: str) -> None:
    done = "Signed. The release is approved." if verdict == "approve" else "Signed. The former release stays."
    say(lambda seen: reviews.sign(aws, run_id, verdict, st.session_state[key], seen=seen), done, key)
