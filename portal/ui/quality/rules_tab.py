"""All rules of a run: numbers, pass rates by table and category, trend, outcomes."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from portal.quality import scorecard as scorecards
from portal.reviews.read_model import Review
from portal.ui import session
from portal.ui.quality import findings
from portal.ui.quality.shown import Shown


def draw(shown: Shown) -> None:
    figures(shown.frame, shown.review)
    scorecard(shown)
    changed_outcomes(shown)
    st.markdown("#### All rules")
    review, today = shown.review, datetime.now(UTC).date()
    table = findings.overview(shown.frame, shown.changed, review.accepted, review.queries, today)
    st.dataframe(
        table.drop(columns=["finding", "is_found"]),
        hide_index=True,
        height=420,
        column_config={
            **session.numbers(table[["Failing", "Of"]]),
            **findings.ranked(table),
            "Rule": st.column_config.TextColumn(width="small"),
            "What is checked": st.column_config.TextColumn(width="medium"),
            "What is counted": st.column_config.TextColumn(width="small"),
        },
    )


def outcomes(shown: Shown) -> None:
    """Draw the outcomes of all rules without counts and rates, for viewers."""
    st.caption("Counts, rates and rows of findings are available to analysts, clinicians and engineers.")
    table = findings.overview(shown.frame, shown.changed, {}, (), datetime.now(UTC).date())
    table = table[["Severity", "Outcome", "Rule", "What is checked", "What is counted", "Threshold"]]
    st.dataframe(table, hide_index=True, width="stretch", column_config=findings.ranked(table))


def figures(frame: pd.DataFrame, review: Review) -> None:
    counted = frame["status"].value_counts()
    passed = counted.get("pass", 0) + counted.get("pass_with_failures", 0)
    applied = len(frame) - counted.get("not_applicable", 0)
    cards = {
        "Rules passed": (
            str(passed),
            f"Of {applied} applicable rules; {counted.get('pass_with_failures', 0)} of them with failing "
            "rows "
            "within the threshold.",
        ),
        "Rules failed": (str(counted.get("fail", 0)), "More rows fail than the threshold allows."),
        "Rule errors": (str(counted.get("error", 0)), "Rules that could not be evaluated. Not a pass."),
        "Not applicable": (
            str(counted.get("not_applicable", 0)),
            "Rules without rows to check, or without a published release to compare with. Not counted.",
        ),
        "Open queries": (
            str(len(review.open_queries)),
            "Queries of this run. All must be closed before approval.",
        ),
    }
    with st.container(horizontal=True):
        for label, (value, meaning) in cards.items():
            of = f"of {applied}" if label == "Rules passed" else None
            st.metric(
                label,
                value,
                of,
                delta_color="off",
                delta_arrow="off",
                border=True,
                help=meaning,
                width=160,
                height="stretch",
            )


def scorecard(shown: Shown) -> None:
    left, right = st.columns([3, 2])
    with left, st.container(border=True):
        st.markdown("#### Pass rate by table and category")
        card = (scorecards.scorecard(shown.frame) * 100).round(0)
        card.columns = [name.title() for name in card.columns]
        st.dataframe(
            card.rename_axis("Table").reset_index(),
            hide_index=True,
            width="stretch",
            column_config={"Table": st.column_config.TextColumn(pinned=True)}
            | {
                name: st.column_config.ProgressColumn(
                    name, format="%d %%", min_value=0, max_value=100, width=115
                )
                for name in card.columns
            },
        )
        st.caption(
            "Conformance: values have valid formats, codes and relations. Completeness: no value is missing. "
            "Plausibility: values are believable."
        )
    with right, st.container(border=True):
        st.markdown("#### Trend")
        _trend(shown)


def _trend(shown: Shown) -> None:
    by = st.segmented_control(
        "Show", ["By severity", "By table and category"], default="By severity", key="trend-by"
    )
    if by == "By table and category":
        st.plotly_chart(
            findings.pass_rates(scorecards.trend(shown.past, shown.run_ids)),
            key="cards",
            config={"displayModeBar": False},
            alt="Trend of the pass rate by table and category",
        )
    elif not shown.past["status"].isin(["fail", "error"]).any():
        st.success("No rule failed in this run or the runs before it.")
    else:
        st.plotly_chart(
            findings.trend(shown.past, shown.run_ids),
            key="trend",
            config={"displayModeBar": False},
            alt="Trend of failed rules by severity",
        )


def changed_outcomes(shown: Shown) -> None:
    """List the rules whose outcome differs under the current thresholds."""
    others = shown.frame["status"] != scorecards.rescored(shown.frame)["status"]
    if others.any():
        names = ", ".join(shown.frame[others]["rule_id"])
        st.info(
            "Thresholds have changed since this run. With the current thresholds, these rules have a "
            f"different outcome: {names}."
        )
