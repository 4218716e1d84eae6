"""Sign-off of a release: signature, checklist, and the dialog to sign."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import streamlit as st

from portal.core.auth import Principal, User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.vocabulary import HARMS, SEVERITIES
from portal.releases import service as releases
from portal.releases import signatures
from portal.releases.signatures import Signature
from portal.reviews import decisions, sign_off, wording
from portal.reviews.read_model import Review
from portal.reviews.sign_off import Outstanding
from portal.ui import cache, drafts, names


def draw(context: Context, review: Review, results: pd.DataFrame) -> None:
    """Draw the signature, the checklist before approval and, for reviewers, the form to sign."""
    if review.signature:
        _signature(review.signature)
    if review.problems:
        st.info("Signing is disabled, because the integrity check of the audit trail failed.")
        return
    release = releases.get(context, review.run_id)
    found = sign_off.of_results(results, review, release)
    checklist(found)
    if not context.user.may("review"):
        if not review.signature:
            st.info("Not signed yet. A clinician who did not start the run can sign off the release.")
        return
    is_approved = bool(
        review.signature and review.signature.is_valid and review.signature.verdict == "approve"
    )
    if is_approved:
        drafts.show_outcome(f"sign-{review.run_id}")  # above the expander, which is closed
        with st.expander("Revoke the approval"):
            _form(context, review, found, is_approved=True)
    else:
        _form(context, review, found, is_approved=False)


def _form(context: Context, review: Review, found: Outstanding, *, is_approved: bool) -> None:
    """Draw comment and buttons; an approved release can only be rejected."""
    key = f"sign-{review.run_id}"
    drafts.text("Comment on the release", key, review.seen)
    is_barred = bool(found.barring or found.open_queries)
    with st.container(horizontal=True):
        if not is_approved:
            st.button(
                "Approve and sign …",
                key=f"approve-{review.run_id}",
                type="primary",
                disabled=is_barred,
                on_click=_open,
                args=(review.run_id, "approve"),
            )
        st.button(
            "Reject and sign …", key=f"reject-{review.run_id}", on_click=_open, args=(review.run_id, "reject")
        )
    open_run, verdict = st.session_state.get(_OPEN_DIALOG, ("", "reject"))
    if open_run == review.run_id and not (is_barred and verdict == "approve"):
        confirm(context, review, found, verdict)


_OPEN_DIALOG = "sign-dialog"
"""Session-state key of the run and verdict whose dialog is open."""


def _open(run_id: str, verdict: Literal["approve", "reject"]) -> None:
    st.session_state[_OPEN_DIALOG] = (run_id, verdict)
    st.session_state[f"seen-{run_id}"] = False  # the checkbox is cleared each time the dialog is opened


def _close() -> None:
    st.session_state.pop(_OPEN_DIALOG, None)


def checklist(found: Outstanding) -> None:
    """Draw the findings and queries that prevent approval, and further undecided findings."""
    if found.barring:
        many = len(found.barring)
        plural = "findings prevent" if many > 1 else "finding prevents"
        st.error(f"**{many} {plural} approval.** Decide each of them first.")
        _listed(found.barring)
    if found.open_queries:
        names = ", ".join(query.query_id for query in found.open_queries)
        plural = "queries prevent" if len(found.open_queries) > 1 else "query prevents"
        st.error(f"**{len(found.open_queries)} open {plural} approval:** {names}.")
    rest = [finding for finding in found.undecided if not finding.bars_approval]
    if rest:
        st.warning(
            f"**{len(rest)} further finding{'s are' if len(rest) > 1 else ' is'} undecided.** This does not "
            "prevent approval. The signature lists them."
        )
        with st.expander("Undecided findings"):
            _listed(rest)
    if not (found.barring or found.open_queries or rest):
        st.success(f"No decision is pending and no query is open.{_within_thresholds(found)}")


def _within_thresholds(found: Outstanding) -> str:
    """Return a sentence on the findings that need no decision, or an empty string if there are none."""
    number = sum(finding.decision == "undecided" for finding in found.findings)
    if not number:
        return ""
    plural = "findings need" if number > 1 else "finding needs"
    return f" {number} {plural} no decision: within the threshold, or for information."


def _listed(listed: Sequence[decisions.Finding]) -> None:
    rows = [
        {
            "Finding": each.sentence,
            "Decision": decisions.LABELS[each.decision],
            "Harm": list(HARMS.values())[each.harm] if each.harm < len(HARMS) else "–",
            "Severity": SEVERITIES[each.severity],
            "Records": f"{each.failed:,} of {each.checked:,}",
            "Rule": f"{each.rule_id} of {each.table_name}",
        }
        for each in listed
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        height="content",
        column_config={"Finding": st.column_config.TextColumn(width="large")},
    )


@st.dialog("Sign off the release", width="large", on_dismiss=_close)
def confirm(
    context: Context, review: Review, found: Outstanding, verdict: Literal["approve", "reject"]
) -> None:
    """Draw the dialog to confirm a signature; an approval lists the undecided findings."""
    if _OPEN_DIALOG not in st.session_state:  # the signature was sent
        st.rerun()
    principal = _sign_for(context.user)
    signed = wording.escape_markdown(sign_off.meaning(verdict, principal))
    st.markdown(f"**{names.release(review.run_id)}**. Meaning of your signature: “{signed}”")
    has_seen = True
    if verdict == "approve" and found.undecided:
        st.warning(f"{len(found.undecided)} findings are undecided:")
        _listed(found.undecided)
        has_seen = st.checkbox("I have seen these findings", key=f"seen-{review.run_id}")
    elif verdict == "reject":
        st.caption("The published release does not change.")
    key = f"sign-{review.run_id}"
    if not str(st.session_state.get(key, "")).strip():
        st.error("A signature needs a comment. Close this dialog and enter one.")
        has_seen = False
    if st.button(
        "Sign",
        key=f"confirm-{review.run_id}",
        type="primary",
        disabled=not has_seen,
        on_click=_send,
        args=(key, _signing(context, review, found.code, verdict, principal), verdict),
    ):
        st.rerun()


def _send(key: str, act: drafts.Act, verdict: Literal["approve", "reject"]) -> None:
    """Sign and close the dialog; the page shows the outcome above the comment."""
    drafts.send(key, act, _SIGNED[verdict])
    cache.forget_runs()
    _close()


_SIGNED = {
    "approve": "Signed. The release is approved.",
    "reject": "Signed. The release is rejected. The published release does not change.",
}


def _sign_for(user: User) -> Principal | None:
    """Return the clinician for whom the user signs as a deputy, or None; if there is a choice, draw it."""
    choices = [*([None] if user.has_own("review") else []), *user.deputy_for]
    if len(choices) == 1:
        return choices[0]
    return st.selectbox("Sign for", choices, format_func=lambda each: str(each or "Myself"))


def _signing(
    context: Context,
    review: Review,
    code: str,
    verdict: Literal["approve", "reject"],
    principal: Principal | None,
) -> drafts.Act:
    """Return the action that signs the release; it raises `ServiceError` after the release was rebuilt."""
    signed_for = principal.person_id if principal else ""

    def act(text: str, seen: int) -> str:
        if signatures.version(context, review.run_id) != review.version:
            raise ServiceError(
                f"{review.run_id} was rebuilt after this page was loaded. Review it again before you sign."
            )
        signed = sign_off.sign(
            context, review.run_id, verdict, text, confirmed=code, seen=seen, signed_for=signed_for
        )
        return signed.unfinished

    return act


def _signature(signature: Signature) -> None:
    show = st.success if signature.verdict == "approve" and signature.is_valid else st.warning
    show(
        f"“{signature.meaning}” {wording.escape_markdown(signature.by)} ({signature.role}), "
        f"{wording.timestamp(signature.at)}: {wording.escape_markdown(signature.comment)}"
    )
    if not signature.is_valid:
        st.error(f"The signature is no longer valid. {signature.invalid_reason}")
