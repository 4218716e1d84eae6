"""A choice that the address holds: a reload keeps it, a link changes it."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st
from streamlit.delta_generator import DeltaGenerator


def one_of(
    label: str, options: Sequence[str], name: str, default: str, where: DeltaGenerator | None = None
) -> str:
    """The option chosen under `label`, which the address knows by `name`.

    The widget is the same at each draw, whatever the options are: a choice made while the page was old counts too. An
    unknown name stays in the address until something is chosen, for the page to speak of.
    """
    chosen_key, told_key = f"{name}-of-{label}", f"{name}-told-{label}"
    named = st.query_params.get(name)
    if named != st.session_state.get(told_key) or st.session_state.get(chosen_key) not in options:
        st.session_state[chosen_key] = named if named in options else default
    draw = where.selectbox if where else st.selectbox
    chosen = str(draw(label, options, key=chosen_key))
    if named is None or named in options or chosen != default:
        st.query_params[name] = named = chosen
    st.session_state[told_key] = named
    return chosen
