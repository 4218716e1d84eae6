"""Select boxes that keep their value in the query parameters of the URL."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def one_of(
    label: str,
    options: Sequence[str],
    name: str,
    default: str,
    where: DeltaGenerator | None = None,
    *,
    format_func: Callable[[str], str] = str,
) -> str:
    """Draw a select box and return the chosen option, which the query parameter `name` stores.

    The widget keeps its key when the options change, so that a choice made on an outdated page is applied.
    An invalid value stays in the URL until the user chooses, so that the page can show a message about it.
    """
    chosen_key, synced_key = f"{name}-of-{label}", f"{name}-synced-{label}"
    named = st.query_params.get(name)
    if named != st.session_state.get(synced_key) or st.session_state.get(chosen_key) not in options:
        st.session_state[chosen_key] = named if named in options else default
    draw = where.selectbox if where else st.selectbox
    chosen = str(draw(label, options, format_func=format_func, key=chosen_key))
    if named is None or named in options or chosen != default:
        st.query_params[name] = named = chosen
    st.session_state[synced_key] = named
    return chosen
