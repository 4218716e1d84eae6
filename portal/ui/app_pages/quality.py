"""Page Quality: rule results of a run, their review, and the sign-off of its release."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from portal.core.errors import ServiceError
from portal.core.vocabulary import CHANGES, state_label
from portal.quality import report
from portal.quality import results as quality
from portal.quality import scorecard as scorecards
from portal.releases import service as releases
from portal.reviews import read_model, wording
from portal.reviews.read_model import Review
from portal.runs.model import Run
from portal.ui import cache, exports, names, query_params, session, sharing
from portal.ui.quality import failing_rows_table, findings, rule_detail, sign_off_form, work_list
from portal.ui.quality.conversation import Finding
from portal.ui.quality.shown import Shown

RUNS_BACK = 20
DECISIONS = {
    "publish": (st.success, "passed the audit"),
    "publish_with_warnings": (st.warning, "passed the audit with warnings"),
    "hold": (st.warning, "is held: analysts do not see it until a clinician approves it"),
}
ORDERS = {
    "Severity": ["is_found", "Severity", "Outcome", "finding"],
    "Change": ["Change", "Severity", "finding"],
    "Most failing": ["Failing", "finding"],
    "Rule": ["finding"],
}


def _is_older(run_id: str, listed: list[Run]) -> bool:
    """Return whether a run has a release and is not among the listed runs, which are the newest."""
    if any(run.run_id == run_id for run in listed) or not re.fullmatch(r"[\w-]{1,100}", run_id):
        return False
    return releases.find(session.context(), run_id) is not None


def pick_run() -> tuple[str | None, list[str]]:
    """Draw the run selection; return the run and the `RUNS_BACK` successful runs up to it, oldest first."""
    every = cache.recent_runs(500)
    ended = [run.run_id for run in every if run.status == "SUCCEEDED"]
    if not ended:
        st.info("No run has succeeded yet. There is nothing to review.")
        return None, []
    named = st.query_params.get("run")
    if named and _is_older(named, every):
        ended.append(named)
    chosen = query_params.one_of("Run", ended, "run", ended[0], format_func=names.run)
    if named and named not in ended and chosen == ended[0]:
        status = next((state_label(run.status) for run in every if run.run_id == named), "unknown")
        st.warning(
            f"Run {wording.escape_markdown(named)} has no results to review (state: {status}). "
            f"The newest run with results is shown: {names.run(chosen)}."
        )
    return chosen, ended[ended.index(chosen) : ended.index(chosen) + RUNS_BACK][::-1]


def banner(run_id: str, review: Review) -> None:
    """Draw audit-trail problems, the audit's decision, a verdict on a held release, and acceptances."""
    for problem in review.problems:
        st.error(
            f"Audit trail integrity check failed: {problem} Signing is disabled until an engineer has "
            "checked it."
        )
    audit = cache.decision(run_id, review.version)
    if audit is None:
        return
    show, decision = DECISIONS[audit.decision]
    signature = review.signature
    if signature and signature.is_valid and audit.decision == "hold":
        approved = signature.verdict == "approve"
        show = st.success if approved else st.warning
        verdict = "approved" if approved else "rejected"
        decision = f"was held, and {verdict} by {wording.escape_markdown(signature.by)}"
    show(f"{names.release(run_id)} {decision}.")
    for reason in audit.reasons:
        if by := reason.get("accepted"):
            st.info(
                f"{reason['rule_id']} of {reason['table']} did not hold the release: "
                f"{wording.escape_markdown(by['by'])} accepted it until {by['until']}."
            )


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


def outcomes(shown: Shown) -> None:
    """Draw the outcomes of all rules without counts and rates, for viewers."""
    st.caption("Counts, rates and rows of findings are available to analysts, clinicians and engineers.")
    table = findings.overview(shown.frame, shown.changed, {}, (), datetime.now(UTC).date())
    table = table[["Severity", "Outcome", "Rule", "What is checked", "What is counted", "Threshold"]]
    st.dataframe(table, hide_index=True, width="stretch", column_config=findings.ranked(table))


def rule_table(shown: Shown) -> Finding | None:
    """Draw the rules with their outcomes; return the selected rule, or None if no rule is listed."""
    review = shown.review
    today = datetime.now(UTC).date()
    table = findings.overview(shown.frame, shown.changed, review.accepted, review.queries, today)
    with st.container(horizontal=True):
        show = st.segmented_control("Show", ["Findings", "All rules"], default="Findings", key="show")
        order = st.segmented_control("Order", list(ORDERS), default="Severity", key="order") or "Severity"
    if show != "All rules":
        table = table[table["is_found"]]
    if table.empty:
        st.success("All rules passed. This run has no findings.")
        return None
    down = [name in {"is_found", "Failing"} for name in ORDERS[order]]
    table = table.sort_values(ORDERS[order], ascending=[not each for each in down], ignore_index=True)
    picked = st.dataframe(
        table.drop(columns=["finding", "is_found"]),
        hide_index=True,
        width="stretch",
        height=min(420, 38 + 35 * len(table)),
        on_select="rerun",
        selection_mode="single-row",
        key=f"rules-{show}-{order}",
        column_config={
            **session.numbers(table[["Failing", "Of"]]),
            **findings.ranked(table),
            "Rule": st.column_config.TextColumn(width="small"),
            "What is checked": st.column_config.TextColumn(width="medium"),
            "What is counted": st.column_config.TextColumn(width="small"),
        },
    )
    return _opened(table, picked["selection"]["rows"])


def _opened(table: pd.DataFrame, rows: list[int]) -> Finding:
    """Draw the rule selection and return its rule.

    It is the rule last clicked or selected, else that in the URL, else the first one.
    """
    options = list(table["finding"])
    if rows and st.session_state.get("row-clicked") != rows[0]:
        st.session_state["open-rule"] = options[rows[0]]
    st.session_state["row-clicked"] = rows[0] if rows else None
    named = tuple((st.query_params.get("rule") or "").split(":", 1))
    if st.session_state.get("open-rule") not in options:
        st.session_state["open-rule"] = named if named in options else options[0]
    labels = {f: f"{f[1]} · {f[0]} · {t}" for f, t in zip(options, table["What is checked"], strict=True)}
    finding = st.selectbox("Open a rule", options, format_func=labels.__getitem__, key="open-rule")
    st.query_params["rule"] = ":".join(finding)
    return finding[0], finding[1]


def sign_off(shown: Shown) -> None:
    st.markdown("## Sign-off")
    with st.container(border=True):
        sign_off_form.draw(session.context(), shown.review, shown.frame)
        exports.button(
            "Printable report (HTML)",
            lambda context: report.html(
                releases.get(context, shown.run_id),
                shown.frame,
                shown.changed.map(lambda change: CHANGES[change]),
                read_model.of_run(context, shown.run_id),
            ),
            f"quality-{shown.run_id}.html",
        )


def draw() -> None:
    st.title("Quality")
    run_id, run_ids = pick_run()
    if run_id is None:
        return
    review = read_model.of_run(session.context(), run_id)
    frame = cache.results(run_id, review.version)
    past = cache.past_results(tuple(run_ids), review.version)
    if frame.empty:
        st.info(f"The rule results of {run_id} were deleted. Select another run.")
        return
    before = past[past["run_id"] == run_ids[-2]] if len(run_ids) > 1 else past.iloc[0:0]
    shown = Shown(run_id, run_ids, frame, past, quality.changes(frame, before), review)
    banner(run_id, review)
    figures(frame, review)
    scorecard(shown)
    st.markdown("## Rules")
    if not sharing.sees_exact(run_id):
        outcomes(shown)
        return
    changed_outcomes(shown)
    if chosen := rule_table(shown):
        rule_detail.draw(shown, chosen)
    sign_off(shown)
    st.markdown("## Queries")
    work_list.draw(
        review, session.user(), quality.first_and_last_seen(past, run_ids), failing_rows_table.identified
    )


try:
    draw()
except ServiceError as error:
    session.show_error(error)
