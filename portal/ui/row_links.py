"""Tables whose rows open a page with one click."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st


def table(
    frame: pd.DataFrame,
    ids: Sequence[str],
    key: str,
    *,
    column_config: Mapping[str, Any] | None = None,
    height: int | None = None,
    several: bool = False,
) -> tuple[str | None, list[str]]:
    """Draw a table; return the id of the row that was clicked on, if any, and the ids of newly ticked rows.

    `ids` has an id for each row. A click or tick is reported once, so that a page can be left and opened
    again.
    """
    first = frame.columns[0]
    style = frame.style.set_properties(subset=[first], **{"color": _color()})
    modes: Any = ["multi-row", "single-cell"] if several else ["single-cell"]
    st.dataframe(
        style,
        hide_index=True,
        width="stretch",
        height=height or "content",
        key=key,
        on_select=lambda: _clicked(key, ids),
        selection_mode=modes,
        column_config=dict(column_config or {}),
    )
    return st.session_state.pop(f"{key}-clicked", None), st.session_state.pop(f"{key}-ticked", [])


def _color() -> str:
    """Return the color of the first column; Streamlit draws it at 60 %, and 4.5 : 1 remain."""
    return "#9fd4ff" if st.context.theme.type == "dark" else "#00134d"


def _clicked(key: str, ids: Sequence[str]) -> None:
    """Store the ids of the clicked and ticked rows: the list may change before the page is drawn again."""
    selection = st.session_state[key]["selection"]
    ticked = [ids[n] for n in selection.get("rows", []) if n < len(ids)]
    if ticked != st.session_state.get(f"{key}-ticks", []):
        st.session_state[f"{key}-ticked"] = st.session_state[f"{key}-ticks"] = ticked
    cells = selection.get("cells", [])
    cell = tuple(cells[0]) if cells else None
    if cell and cell != st.session_state.get(f"{key}-cell") and cell[0] < len(ids):
        st.session_state[f"{key}-clicked"] = ids[cell[0]]
    st.session_state[f"{key}-cell"] = cell
