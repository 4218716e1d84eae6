"""Selection of the person to whom a query is assigned, from the roles file."""

from __future__ import annotations

import streamlit as st

from portal.people import service as people
from portal.ui import session


def draw(label: str, key: str) -> None:
    """Draw the selection of a person; without a roles file, as on a laptop, draw a text field."""
    listed = {each.person_id: each for each in people.assignees(session.context())}
    if not listed:
        st.text_input(label, key=key, max_chars=100)
        return
    st.selectbox(
        label,
        list(listed),
        index=None,
        key=key,
        placeholder="Unassigned",
        format_func=lambda person_id: _name(listed[person_id].name, person_id),
    )


def chosen(key: str) -> str:
    """Return the id or name of the selected person; empty if nobody is selected."""
    return str(st.session_state.get(key) or "")


def _name(name: str, person_id: str) -> str:
    return person_id if name == person_id else f"{name} ({person_id})"
