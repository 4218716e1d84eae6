"""Drafts of review texts and SQL.

Drafts survive errors, reloads, ended sessions and events of other reviewers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st

from portal.core.errors import ServiceError, explain, is_aws_error
from portal.reviews import wording
from portal.reviews.entry import ReviewConflict
from portal.ui import session

log = logging.getLogger("portal")

Act = Callable[[str, int], Any]
"""Called with the text and the sequence number of the newest event that the user has seen."""

_OUTCOME = "review-outcome"


def about(run_id: str, finding: Sequence[str]) -> str:
    """Return the part of widget keys that identifies a run and a finding."""
    return "-".join((run_id, *finding))


def text(label: str, key: str, seen: int, *, is_short: bool = False) -> None:
    """Draw a text field and keep its draft, together with the newest event seen when the draft was begun.

    `seen` is the sequence number of the newest event on the page. Streamlit drops the state of a widget that
    is not drawn, so drafts are stored per user.
    """
    is_known = key in st.session_state and _mine(key) in st.session_state
    if not is_known:  # after a reconnect, the browser may send the text of the field to a new session
        st.session_state[_mine(key)] = kept("texts").get(key, ""), kept("seen").get(key)
        st.session_state.setdefault(key, kept("texts").get(key, ""))
    typed, (stored, had_seen) = str(st.session_state[key]), st.session_state[_mine(key)]
    if not typed.strip() or had_seen is None:
        had_seen = seen
    st.session_state[_mine(key)] = typed, had_seen
    if typed != stored:
        kept("texts")[key], kept("seen")[key] = typed, had_seen
    show_outcome(key)
    mine = (key, kept("texts"), kept("seen"))
    if is_short:
        st.text_input(label, key=key, max_chars=100, on_change=_keep, args=mine)
    else:
        st.text_area(label, key=key, max_chars=2000, height=80, on_change=_keep, args=mine)


def without_text(key: str, seen: int) -> None:
    """Prepare a form that has no text, only other fields, to be sent; draw the outcome of the last one."""
    st.session_state[_mine(key)] = "", seen
    st.session_state.setdefault(key, "")
    show_outcome(key)


def _keep(key: str, texts: dict[str, Any], seen: dict[str, Any]) -> None:
    """Store a changed draft at once, because the script may end before it draws the form again."""
    typed, had_seen = str(st.session_state[key]), st.session_state.get(_mine(key), ("", None))[1]
    texts[key], seen[key] = typed, had_seen
    st.session_state[_mine(key)] = typed, had_seen


def _mine(key: str) -> str:
    """Return the session-state key of the draft that this session stored last, and of its event number."""
    return f"{key}-mine"


def send(key: str, act: Act, done: str) -> None:
    """Call `act` with the draft of `key` and its event number; this is the callback of a button.

    The draft is cleared if `act` succeeds, and kept after errors. If `act` returns a text, it says what
    remains to be done.
    """
    try:
        answer = act(str(st.session_state.get(key, "")), int(st.session_state[_mine(key)][1]))
    except ReviewConflict as conflict:
        _set_outcome(key, "error", str(conflict), [wording.as_markdown(event) for event in conflict.changes])
        # the user sees these changes now, so sending again takes them into account
        kept("seen").pop(key, None)
        st.session_state[_mine(key)] = st.session_state[_mine(key)][0], None
    except ServiceError as error:
        _set_outcome(key, "error", str(error))
    except Exception as error:
        log.error("review failed: %s", type(error).__name__)  # noqa: TRY400  (a traceback may quote values)
        why = explain(error) if is_aws_error(error) else "An unexpected error occurred."
        _set_outcome(
            key,
            "error",
            f"{why} Your text is kept. Check whether it was recorded before you send it again.",
        )
    else:
        is_unfinished = isinstance(answer, str) and answer
        _set_outcome(key, *(("warning", answer) if is_unfinished else ("done", done)))
        st.session_state[key] = ""


def _set_outcome(key: str, kind: str, sentence: str, changes: Sequence[str] = ()) -> None:
    st.session_state[_OUTCOME] = (key, kind, sentence, tuple(changes))


def show_outcome(key: str) -> None:
    """Draw the outcome of the last submission, if the form of `key` sent it; it is drawn only once."""
    sent_by, kind, sentence, changes = st.session_state.get(_OUTCOME, ("", "", "", ()))
    if sent_by != key:
        return
    del st.session_state[_OUTCOME]
    {"done": st.success, "warning": st.warning, "error": st.error}[kind](
        "\n".join([sentence, "", *(f"- {each}" for each in changes)])
    )


@st.cache_resource(show_spinner=False)
def all_drafts() -> dict[tuple[str, str], dict[str, Any]]:
    """Return the drafts of all users, by user and kind; they outlive sessions."""
    return {}


def kept(what: Literal["texts", "seen", "sql"]) -> dict[str, Any]:
    """Return the user's draft texts, the event numbers seen when they were begun, or the SQL draft."""
    return all_drafts().setdefault((session.user().name, what), {})
