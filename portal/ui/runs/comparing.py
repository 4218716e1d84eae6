"""Two runs side by side: inputs first, then rows, seconds and rules, each with the difference."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from portal.core.vocabulary import OUTCOMES
from portal.runs.history import Comparison
from portal.runs.model import Run
from portal.ui import formats, names, session
from portal.ui.runs import run_rows


def draw(compared: Comparison, first: Run, second: Run, shown: Mapping[str, str]) -> None:
    """Draw a comparison; `shown` has the heading of each run by its id."""
    _table("Inputs", inputs(first, second, shown))
    left, right = st.columns(2)
    with left:
        _table("Rows", with_change(compared.rows, shown))
    with right:
        _table("Seconds by job", with_change(compared.times, shown))
    st.markdown("**Rules with different results**")
    if compared.rules.empty:
        st.caption("Every rule has the same result in both runs.")
    else:
        st.dataframe(rules(compared.rules, shown), hide_index=True, width="stretch")


def _table(title: str, frame: pd.DataFrame) -> None:
    st.markdown(f"**{title}**")
    st.dataframe(
        frame, hide_index=True, width="stretch", height="content", column_config=session.numbers(frame)
    )


def inputs(first: Run, second: Run, shown: Mapping[str, str]) -> pd.DataFrame:
    """Return what went into both runs, with "differs" where it is not the same."""
    facts = [_facts(run) for run in (first, second)]
    rows = [
        {
            "Input": name,
            shown[first.run_id]: facts[0][name],
            shown[second.run_id]: facts[1][name],
            "": "differs" if facts[0][name] != facts[1][name] else "",
        }
        for name in facts[0]
    ]
    return pd.DataFrame(rows)


def _facts(run: Run) -> dict[str, str]:
    plan = run_rows.plan(run)
    parent = plan.get("parent_release_id")
    return {
        "Batches read": ", ".join(map(names.batch, plan.get("batch_ids", run.batch_ids))) or "none",
        "Batches in the release": f"{len(plan.get('release_batch_ids', ())):,}",
        "Built on": names.release(parent) if parent else "no release",
        "Publication": "automatic" if run.auto_publish else "by a person",
        "Started by": run.started_by,
        "State": run_rows.state(run),
        "Attempts": str(run.attempt),
        "Duration": formats.duration(run.seconds),
    }


def with_change(frame: pd.DataFrame, shown: Mapping[str, str]) -> pd.DataFrame:
    """Return a table of numbers with the change from the first run to the second, also in percent."""
    first, second = shown
    changed = frame.rename(columns=lambda name: str(name).capitalize() if name not in shown else name)
    changes = [_change(a, b) for a, b in zip(frame[first], frame[second], strict=True)]
    return changed.assign(**{"Change": changes}).rename(columns=dict(shown))


def _change(a: Any, b: Any) -> str:
    return "" if pd.isna(a) or pd.isna(b) else formats.change(float(b), float(a))


def rules(frame: pd.DataFrame, shown: Mapping[str, str]) -> pd.DataFrame:
    """Return the rules whose results differ, with outcomes in words and rates in percent."""
    found = pd.DataFrame({"Table": frame["table_name"], "Rule": frame["rule_id"]})
    for name, heading in shown.items():
        found[heading] = [
            f"{OUTCOMES.get(status, '–')}{'' if pd.isna(rate) else f', {rate:.2%} failing'}"
            for status, rate in zip(frame[f"status · {name}"], frame[f"rate · {name}"], strict=True)
        ]
    first, second = shown
    rates = zip(frame[f"rate · {first}"], frame[f"rate · {second}"], strict=True)
    found["Change"] = ["" if pd.isna(a) or pd.isna(b) else f"{100 * (b - a):+.2f} points" for a, b in rates]
    return found
