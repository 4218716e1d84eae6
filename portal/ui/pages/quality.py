"""What the quality rules found, reviewed in clinical language, and the signature that a held release waits for."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from portal.core.errors import ServiceError
from portal.core.vocabulary import CHANGES, state_label
from portal.quality import report
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import read_model as review_log
from portal.reviews import wording
from portal.reviews.read_model import Review
from portal.runs.service import Run
from portal.ui import cache, query_params, session, sharing
from portal.ui.quality import findings, judgement, rule_detail, work_list
from portal.ui.quality.conversation import Finding
from portal.ui.quality.rule_detail import Shown

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
    """Whether it is a run before those that are listed: its results are in the lake, its queries may be open."""
    is_listed = any(run.run_id == run_id for run in listed)
    return (
        not is_listed
        and bool(re.fullmatch(r"[\w-]{1,100}", run_id))
        and bool(releases.find(session.context(), run_id))
    )


def pick_run() -> tuple[str | None, list[str]]:
    """The run under review, and the runs up to it, oldest first."""
    every = cache.recent_runs(500)
    ended = [run.run_id for run in every if run.status == "SUCCEEDED"]
    if not ended:
        st.info("No run has ended yet: there is nothing to review.")
        return None, []
    named = st.query_params.get("run")
    if named and _is_older(named, every):
        ended.append(named)
    chosen = query_params.one_of("Run", ended, "run", ended[0])
    if named and named not in ended and chosen == ended[0]:
        status = next((state_label(run.status) for run in every if run.run_id == named), "not known here")
        st.warning(
            f"Run {wording.plain(named)} has no results to review (it is: {status}). This is the newest run that has: {chosen}."
        )
    return chosen, ended[ended.index(chosen) : ended.index(chosen) + RUNS_BACK][::-1]


def banner(run_id: str, review: Review) -> None:
    """What the audit decided, what reviewers made of it, and whether their log can be believed."""
    for problem in review.problems:
        st.error(
            f"Audit trail integrity check failed: {problem} Nothing can be signed until an engineer has looked into it."
        )
    audit = cache.decision(run_id, review.version)
    if audit is None:
        return
    say, said = DECISIONS[audit.decision]
    signature = review.signature
    if signature and signature.stands and audit.decision == "hold":
        approved = signature.verdict == "approve"
        say = st.success if approved else st.warning
        said = f"was held, and {'approved' if approved else 'rejected'} by {wording.plain(signature.by)}"
    say(f"The release of {run_id} {said}.")
    for reason in audit.reasons:
        if by := reason.get("accepted"):
            st.info(
                f"{reason['rule_id']} of {reason['table']} held nothing here: "
                f"{wording.plain(by['by'])} had accepted it until {by['until']}."
            )


def figures(frame: pd.DataFrame, review: Review) -> None:
    counted = frame["status"].value_counts()
    passed = counted.get("pass", 0) + counted.get("pass_with_failures", 0)
    applied = len(frame) - counted.get("not_applicable", 0)
    cards = {
        "Rules passed": (str(passed), f"Of {applied} that had something to check; {counted.get('pass_with_failures', 0)} of them with failing rows that are within the limit."),
        "Rules failed": (str(counted.get("fail", 0)), "More rows fail than the rule's limit bears."),
        "Rule errors": (str(counted.get("error", 0)), "They could not be computed, so nothing is known: never a pass."),
        "Not applicable": (str(counted.get("not_applicable", 0)),
                             "Rules that found no row to apply to, or no published release to compare with. They count neither way."),
        "Open queries": (str(len(review.open_queries)), "Of this run; all must be closed before it can be approved."),
    }  # fmt: skip
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
        card = (quality.scorecard(shown.frame) * 100).round(0)
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
            "Conformance: values have the form, codes and relations that they should. Completeness: nothing is missing. "
            "Plausibility: what is there can be true."
        )
    with right, st.container(border=True):
        st.markdown("#### Trend")
        _trend(shown)


def _trend(shown: Shown) -> None:
    by = st.segmented_control("Show", ["By severity", "By table and category"], default="By severity", key="trend-by")  # fmt: skip
    if by == "By table and category":
        st.plotly_chart(
            findings.cards(quality.trend(shown.past, shown.run_ids)), key="cards", config={"displayModeBar": False},
            alt="Trend of the pass rate by table and category",
        )  # fmt: skip
    elif not shown.past["status"].isin(["fail", "error"]).any():
        st.success("No rule failed in this run, nor in those before it that are kept in view.")
    else:
        st.plotly_chart(
            findings.trend(shown.past, shown.run_ids), key="trend", config={"displayModeBar": False},
            alt="Trend of failed rules by severity",
        )  # fmt: skip


def moved(shown: Shown) -> None:
    """The rules that would end otherwise by the limits that the contracts have today."""
    others = shown.frame["status"] != quality.rescored(shown.frame)["status"]
    if others.any():
        names = ", ".join(shown.frame[others]["rule_id"])
        st.info(
            f"The contracts have other limits by now. By today's limits these would end otherwise: {names}."
        )


def outcomes(shown: Shown) -> None:
    """The outcome of every rule without a count or a rate, which no published table holds."""
    st.caption("Counts, rates and rows of findings are shown to roles that may open rows.")
    table = findings.overview(shown.frame, shown.changed, {}, (), datetime.now(UTC).date())
    table = table[["Severity", "Outcome", "Rule", "What is checked", "What is counted", "Threshold"]]
    st.dataframe(table, hide_index=True, width="stretch", column_config=findings.ranked(table))


def rule_table(shown: Shown) -> Finding | None:
    """The rules with their outcome; gives the one that is opened."""
    review = shown.review
    today = datetime.now(UTC).date()
    table = findings.overview(shown.frame, shown.changed, review.accepted, review.queries, today)
    with st.container(horizontal=True):
        show = st.segmented_control("Show", ["Findings", "All rules"], default="Findings", key="show")
        order = st.segmented_control("Order", list(ORDERS), default="Severity", key="order") or "Severity"
    if show != "All rules":
        table = table[table["is_found"]]
    if table.empty:
        st.success("Every rule passed: there is no finding in this run.")
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
    """The rule that was clicked, chosen from the list, or named in the address."""
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
        judgement.sign(session.context(), shown.review, shown.frame)
        st.download_button(
            "Printable report (HTML)",
            session.deferred_download(
                lambda context: report.html(
                    releases.get(context, shown.run_id),
                    shown.frame,
                    shown.changed.map(lambda change: CHANGES[change]),
                    review_log.of_run(context, shown.run_id),
                )
            ),
            file_name=f"quality-{shown.run_id}.html",
            mime="text/html",
            on_click="ignore",
        )


def draw() -> None:
    st.title("Quality")
    run_id, run_ids = pick_run()
    if run_id is None:
        return
    review = review_log.of_run(session.context(), run_id)
    frame = cache.results(run_id, review.version)
    past = cache.past_results(tuple(run_ids), review.version)
    if frame.empty:
        st.info(f"The results of {run_id} are not in the lake (any more): choose another run.")
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
    moved(shown)
    if chosen := rule_table(shown):
        rule_detail.draw(shown, chosen)
    sign_off(shown)
    st.markdown("## Queries")
    work_list.draw(review, session.user(), quality.sightings(past, run_ids), rule_detail.identified)


try:
    draw()
except ServiceError as error:
    session.show_error(error)
