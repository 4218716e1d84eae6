"""What people have begun to write: text that survives a refusal, a reload, the end of a session and another reviewer's words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any, Literal

import streamlit as st

from portal.core.errors import ServiceError, explain, is_aws_error
from portal.reviews import wording
from portal.reviews.entry import ReviewConflict
from portal.reviews.sign_off import Unfinished
from portal.ui import session

log = logging.getLogger("portal")

Act = Callable[[str, int], Any]
"""What a form does with its text and with the newest event that its writer had seen."""

_SAID = "review-said"


def about(run_id: str, finding: Sequence[str]) -> str:
    """The part of a form's keys that says what it is about: what was begun on one run is of no other."""
    return "-".join((run_id, *finding))


def text(label: str, key: str, seen: int, *, is_short: bool = False) -> None:
    """A text field that keeps what was typed, and how far the log went when its writer began.

    Leaving the field reruns the page. What others wrote since the writer began is on the screen by then,
    but below a half-written answer nobody reads it: it stays news to this form until it is sent or emptied.
    What another tab of the same person shows is that tab's: it keeps what is typed there, and nothing else.
    """
    is_known = key in st.session_state and _mine(key) in st.session_state
    if not is_known:  # a browser may bring its text to a new session
        st.session_state[_mine(key)] = kept("texts").get(key, ""), kept("seen").get(key)
        st.session_state.setdefault(key, kept("texts").get(key, ""))
    typed, (stored, had_seen) = str(st.session_state[key]), st.session_state[_mine(key)]
    if not typed.strip() or had_seen is None:
        had_seen = seen
    st.session_state[_mine(key)] = typed, had_seen
    if typed != stored:
        kept("texts")[key], kept("seen")[key] = typed, had_seen
    told(key)
    mine = (key, kept("texts"), kept("seen"))
    if is_short:
        st.text_input(label, key=key, max_chars=100, on_change=_keep, args=mine)
    else:
        st.text_area(label, key=key, max_chars=2000, height=80, on_change=_keep, args=mine)


def _keep(key: str, texts: dict[str, Any], seen: dict[str, Any]) -> None:
    """Keep what was typed before the page is drawn: a session, or the drawing, may end before the form is reached."""
    typed, had_seen = str(st.session_state[key]), st.session_state.get(_mine(key), ("", None))[1]
    texts[key], seen[key] = typed, had_seen
    st.session_state[_mine(key)] = typed, had_seen


def _mine(key: str) -> str:
    """Where this session has the text that it kept last, and how far the log went when that was begun."""
    return f"{key}-mine"


def send(key: str, act: Act, done: str) -> None:
    """A button's callback: `act` on the text of `key` and what its writer had seen; empties it only when done."""
    try:
        act(str(st.session_state.get(key, "")), int(st.session_state[_mine(key)][1]))
    except ReviewConflict as conflict:
        _tell(key, "error", str(conflict), [wording.line(event) for event in conflict.changes])
        # told now: sent again, it is an answer to that too
        kept("seen").pop(key, None)
        st.session_state[_mine(key)] = st.session_state[_mine(key)][0], None
    except Unfinished as unfinished:
        _tell(key, "warning", str(unfinished))
        st.session_state[key] = ""
    except ServiceError as error:
        _tell(key, "error", str(error))
    except Exception as error:
        log.error("review failed: %s", type(error).__name__)  # noqa: TRY400  (a traceback may quote values)
        why = (
            explain(error) if is_aws_error(error) else "Something went wrong that the portal did not expect."
        )
        _tell(
            key,
            "error",
            f"{why} What you typed is still here: see whether it was written, then send it again.",
        )
    else:
        _tell(key, "done", done)
        st.session_state[key] = ""


def _tell(key: str, kind: str, sentence: str, changes: Sequence[str] = ()) -> None:
    st.session_state[_SAID] = (key, kind, sentence, tuple(changes))


def told(key: str) -> None:
    """What became of what was last sent, above the form that sent it."""
    sent_by, kind, sentence, changes = st.session_state.get(_SAID, ("", "", "", ()))
    if sent_by != key:
        return
    del st.session_state[_SAID]
    {"done": st.success, "warning": st.warning, "error": st.error}[kind](
        "\n".join([sentence, "", *(f"- {each}" for each in changes)])
    )


@st.cache_resource(show_spinner=False)
def everybodys() -> dict[tuple[str, str], dict[str, Any]]:
    """By person and kind: apart from the session, which ends with a reload and with the sign-in."""
    return {}


def kept(what: Literal["texts", "seen", "sql"]) -> dict[str, Any]:
    """What this person has begun to write in reviews, and had seen when they began; their statement."""
    return everybodys().setdefault((session.user().name, what), {})
