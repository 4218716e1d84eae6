"""The last 30 runs as a strip of bars: the height is the duration, the color and symbol the state."""

from __future__ import annotations

import html
from collections.abc import Sequence

import streamlit as st

from portal.core.vocabulary import STATE_SYMBOLS
from portal.runs.model import Run
from portal.ui import formats, names
from portal.ui.runs import run_rows
from portal.ui.theme import STATE_COLORS, STRONG

RUNS = 30
_HEIGHT = 44


def draw(found: Sequence[Run]) -> None:
    """Draw the newest runs, oldest first, each with its name, state and duration on hover."""
    shown = list(found[:RUNS])[::-1]
    if not shown:
        return
    longest = max(run.seconds for run in shown) or 1
    bars = "".join(_bar(run, longest) for run in shown)
    failed = sum(run.status in {"FAILED", "TIMED_OUT"} for run in shown)
    label = f"The last {len(shown)} runs: {failed or 'none'} failed" if len(shown) > 1 else "The last run"
    st.html(
        f'<div role="img" aria-label="{label}" style="display:flex;align-items:flex-end;gap:3px;'
        f'height:{_HEIGHT + 18}px;overflow-x:auto">{bars}</div>'
    )
    st.caption(f"{label}. Height is the duration, up to {formats.duration(longest)}; newest at the right.")


def _bar(run: Run, longest: float) -> str:
    color = STRONG.get(run.status, STATE_COLORS.get(run.status, ("#94708A", ""))[0])
    height = max(6, round(_HEIGHT * run.seconds / longest))
    title = html.escape(f"{names.run_at(run)}: {run_rows.state(run)}, {formats.duration(run.seconds)}")
    symbol = STATE_SYMBOLS.get(run.status, "")
    return (
        f'<div title="{title}" style="display:flex;flex-direction:column;justify-content:flex-end;'
        f'align-items:center;width:16px;font-size:11px;line-height:16px">'
        f'<div style="width:14px;height:{height}px;background:{color};border-radius:2px"></div>{symbol}</div>'
    )
