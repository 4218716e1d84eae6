"""What a clinician takes responsibility for: a finding accepted or rejected, a release signed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Literal

import pandas as pd
import streamlit as st

from pipeline.reviews.acceptances import row_hash
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.vocabulary import SEVERITIES
from portal.quality import rule_texts
from portal.releases import service as releases
from portal.releases import signatures
from portal.releases.signatures import Signature
from portal.reviews import commands as reviews
from portal.reviews import decisions, sign_off, wording
from portal.reviews.read_model import Review
from portal.reviews.sign_off import Outstanding
from portal.ui import cache, drafts
from portal.ui.quality.conversation import Finding, reason

CHOICES = {
    "accept": "Accept until …",
    "must_fix": "Must be fixed",
    "dismiss": "Not a problem",
}
_DONE = {
    "accept": "The finding is accepted, in later runs too.",
    "must_fix": "The finding must be fixed: a query is open, and approval is barred.",
    "dismiss": "The finding is not a problem in this run.",
}


def judge(context: Context, run_id: str, finding: Finding, keys: tuple[str, ...], review: Review) -> None:
    """The decision on a finding, none preset; or the confirmation of those of its records that are chosen."""
    name = drafts.about(run_id, finding)
    choice = st.segmented_control(
        "Decision", list(CHOICES), format_func=CHOICES.__getitem__, key=f"decision-{name}"
    )
    if choice == "accept" or keys:
        _terms(finding, name)
    drafts.text("Comment", f"judge-{name}", review.seen)

    def decide(text: str, seen: int) -> None:
        _decide(context, run_id, finding, text, seen)

    def withdraw(text: str, seen: int) -> None:
        reviews.withdraw(context, run_id, *finding, text, seen=seen)

    with st.container(horizontal=True):
        _button("Save the decision", "decide", name, decide, _DONE.get(choice or "", ""))
        if finding in review.accepted:
            _button("Withdraw the acceptance", "withdraw", name, withdraw, "The acceptance has ended.")
    if keys:
        _judge_rows(context, run_id, finding, keys, review)


def _decide(context: Context, run_id: str, finding: Finding, text: str, seen: int) -> None:
    """Record the decision as the form holds it at the click, not at the last drawing of the page."""
    name, chosen = drafts.about(run_id, finding), st.session_state
    choice = chosen.get(f"decision-{name}")
    if choice == "must_fix":
        reviews.reject(context, run_id, *finding, text, seen=seen)
    elif choice == "dismiss":
        reviews.dismiss(context, run_id, *finding, text, seen=seen)
    elif choice == "accept":
        if not chosen.get(f"reason-{name}"):
            raise ServiceError("Choose the reason for which the finding is accepted.")
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
        raise ServiceError(f"Choose a decision first: {', '.join(CHOICES.values())}.")


def _terms(finding: Finding, name: str) -> None:
    """Reason, expiry and allowed worsening of an acceptance."""
    rule = rule_texts.rules().get(finding)
    unit = rule.unit if rule else "percent"
    today = datetime.now(UTC).date()
    with st.container(horizontal=True):
        st.selectbox(
            "Reason", list(reviews.REASONS), index=None, format_func=reason, key=f"reason-{name}", width=260
        )
        st.date_input("Expires", today + timedelta(days=30), min_value=today, max_value=today + reviews.LONGEST,
                      key=f"until-{name}", width=140)  # fmt: skip
        if unit == "percent":
            st.number_input("Allowed worsening (percentage points)", 0.0, 100.0, 0.0, 0.5, key=f"margin-{name}",
                            width=260)  # fmt: skip
        else:
            st.number_input(
                f"Allowed worsening ({unit})", 0.0, None, 0.0, 0.05, key=f"margin-{name}", width=260
            )


def _judge_rows(
    context: Context, run_id: str, finding: Finding, keys: tuple[str, ...], review: Review
) -> None:
    """The chosen records alone: correct as they are, or no longer so."""
    name = drafts.about(run_id, finding)
    accepted = review.accepted_rows.get(finding, {})
    standing = [key for key in keys if row_hash(key) in accepted]

    def verify(text: str, seen: int) -> None:
        until = st.session_state[f"until-{name}"]
        reviews.accept_rows(
            context, run_id, *finding, keys, reason="verified", text=text, until=until, seen=seen
        )

    def take_back(text: str, seen: int) -> None:
        reviews.withdraw_rows(context, run_id, *finding, standing, text, seen=seen)

    records = f"{len(keys)} record{'s' if len(keys) > 1 else ''}"
    with st.container(horizontal=True):
        _button(f"Confirm {records} as correct", "verify-rows", name, verify,
                "The records are confirmed: later runs do not count them, until that date.")  # fmt: skip
        if standing:
            _button(f"Undo the confirmation of {len(standing)}", "withdraw-rows", name, take_back,
                    "The records count again.")  # fmt: skip


def _button(label: str, verb: str, name: str, act: drafts.Act, done: str) -> None:
    st.button(label, key=f"{verb}-{name}", on_click=drafts.send, args=(f"judge-{name}", act, done))


def sign(context: Context, review: Review, results: pd.DataFrame) -> None:
    """The signature, what stands between the release and its approval and, for reviewers, the form to sign."""
    if review.signature:
        _signature(review.signature)
    if review.problems:
        st.info("Nothing can be signed: the integrity check of the audit trail failed.")
        return
    made = releases.get(context, review.run_id)
    found = sign_off.of_results(results, review, made)
    checklist(found)
    if not context.user.may("review"):
        if not review.signature:
            st.info("Not signed yet. A clinician who did not start the run signs the release off.")
        return
    key = f"sign-{review.run_id}"
    drafts.text("Comment on the release", key, review.seen)
    is_barred = bool(found.barring or found.open_queries)
    with st.container(horizontal=True):
        st.button("Approve and sign …", key=f"approve-{review.run_id}", type="primary", disabled=is_barred,
                  on_click=_ask, args=(review.run_id, "approve"))  # fmt: skip
        st.button(
            "Reject and sign …", key=f"reject-{review.run_id}", on_click=_ask, args=(review.run_id, "reject")
        )
    asked_run, verdict = st.session_state.get(_ASKED, ("", "reject"))
    if asked_run == review.run_id and not (is_barred and verdict == "approve"):
        confirm(context, review, found, verdict)


_ASKED = "sign-asked"
"""The run and verdict whose confirmation is open."""


def _ask(run_id: str, verdict: Literal["approve", "reject"]) -> None:
    st.session_state[_ASKED] = (run_id, verdict)
    st.session_state[f"seen-{run_id}"] = False  # each confirmation is one of its own


def _close() -> None:
    st.session_state.pop(_ASKED, None)


def checklist(found: Outstanding) -> None:
    """What bars the approval, and what is undecided besides, as tables."""
    if found.barring:
        many = len(found.barring)
        st.error(
            f"**Approval is barred by {many} finding{'s' if many > 1 else ''}.** Decide on each of them first."
        )
        _listed(found.barring)
    if found.open_queries:
        names = ", ".join(query.query_id for query in found.open_queries)
        st.error(f"**{len(found.open_queries)} open quer{'ies bar' if len(found.open_queries) > 1 else 'y bars'} approval:** {names}.")  # fmt: skip
    rest = [finding for finding in found.undecided if not finding.bars_approval]
    if rest:
        st.warning(f"**{len(rest)} further finding{'s are' if len(rest) > 1 else ' is'} undecided.** They do not bar approval, and the signature names them.")  # fmt: skip
        with st.expander("Undecided findings"):
            _listed(rest)
    if not (found.barring or found.open_queries or rest):
        st.success(f"Nothing is left to decide and no query is open.{_within_limits(found)}")


def _within_limits(found: Outstanding) -> str:
    """How many findings need no decision, for their failing rows are within the accepted limit."""
    number = sum(finding.decision == "undecided" for finding in found.findings)
    if not number:
        return ""
    return f" {number} finding{'s need' if number > 1 else ' needs'} no decision: within the accepted limit, or for information."


def _listed(listed: Sequence[decisions.Finding]) -> None:
    rules = rule_texts.rules()
    rows = [
        {
            "Decision": decisions.WORDS[each.decision],
            "Severity": SEVERITIES[each.severity],
            "Rule": each.rule_id,
            "What is checked": rules[each.key].description
            if each.key in rules
            else "No longer in the contracts",
            "Records": f"{each.failed:,} of {each.checked:,}",
        }
        for each in listed
    ]
    st.dataframe(
        pd.DataFrame(rows), hide_index=True, width="stretch", height="content",
        column_config={"What is checked": st.column_config.TextColumn(width="large")},
    )  # fmt: skip


@st.dialog("Sign the release off", width="large", on_dismiss=_close)
def confirm(
    context: Context, review: Review, found: Outstanding, verdict: Literal["approve", "reject"]
) -> None:
    """Ask for the signature once more, naming what is undecided; signs exactly what it has shown."""
    if _ASKED not in st.session_state:  # signed at this click
        st.rerun()
    st.markdown(f"Release **{review.run_id}**. Meaning of your signature: “{sign_off.MEANINGS[verdict]}”")
    has_seen = True
    if verdict == "approve" and found.undecided:
        st.warning(f"{len(found.undecided)} findings are undecided:")
        _listed(found.undecided)
        has_seen = st.checkbox("I have seen these findings", key=f"seen-{review.run_id}")
    elif verdict == "reject":
        st.caption("The previous release stays published.")
    key = f"sign-{review.run_id}"
    if not str(st.session_state.get(key, "")).strip():
        st.error("A signature needs a comment: close this, and write it first.")
        has_seen = False
    if st.button("Sign", key=f"confirm-{review.run_id}", type="primary", disabled=not has_seen,
                 on_click=_send, args=(key, _signing(context, review, found.code, verdict), verdict)):  # fmt: skip
        st.rerun()


def _send(key: str, act: drafts.Act, verdict: Literal["approve", "reject"]) -> None:
    """At the click: sign, and close the confirmation; what became of it stands above the comment."""
    drafts.send(key, act, _SIGNED[verdict])
    cache.forget_runs()
    _close()


_SIGNED = {
    "approve": "Signed: the release is approved. Analysts see the published release in the charts.",
    "reject": "Signed: the release is rejected, and the previous one stays published.",
}


def _signing(
    context: Context, review: Review, code: str, verdict: Literal["approve", "reject"]
) -> drafts.Act:
    def act(text: str, seen: int) -> None:
        if signatures.version(context, review.run_id) != review.version:
            raise ServiceError(
                f"{review.run_id} was built again since this page was drawn: review it again, then sign."
            )
        sign_off.sign(context, review.run_id, verdict, text, confirmed=code, seen=seen)

    return act


def _signature(signature: Signature) -> None:
    say = st.success if signature.verdict == "approve" and signature.stands else st.warning
    say(
        f"“{signature.meaning}” {wording.plain(signature.by)} ({signature.role}), "
        f"{wording.moment(signature.at)}: {wording.plain(signature.comment)}"
    )
    if not signature.stands:
        st.error(f"The signature no longer counts. {signature.why_not}")
