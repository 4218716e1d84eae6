"""Page Quality: why a release is held, its findings, their review, and the sign-off."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import streamlit as st

from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.vocabulary import CHANGES, state_label
from portal.quality import report, report_pdf
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import decisions, read_model, wording
from portal.runs.model import Run
from portal.ui import cache, exports, names, query_params, session, sharing
from portal.ui.quality import (
    acceptances,
    charts_tab,
    findings_list,
    head,
    rule_detail,
    rules_tab,
    sign_off_form,
    work_list,
)
from portal.ui.quality.shown import Shown

RUNS_BACK = 20


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


def read(run_id: str, run_ids: list[str]) -> Shown | None:
    """Return a run with its results and review; None, with a message, if its results were deleted."""
    review = read_model.of_run(session.context(), run_id)
    frame = cache.results(run_id, review.version)
    past = cache.past_results(tuple(run_ids), review.version)
    if frame.empty:
        st.info(f"The rule results of {names.run(run_id)} were deleted. Select another run.")
        return None
    before = past[past["run_id"] == run_ids[-2]] if len(run_ids) > 1 else past.iloc[0:0]
    audit = cache.decision(run_id, review.version)
    found = decisions.of_results(
        frame, audit.reasons if audit else (), review.decided, datetime.now(UTC).date()
    )
    return Shown(run_id, run_ids, frame, past, quality.changes(frame, before), review, audit, found)


def findings(shown: Shown) -> None:
    if chosen := findings_list.draw(shown):
        rule_detail.draw(shown, chosen)


def sign_off(shown: Shown) -> None:
    sign_off_form.draw(session.context(), shown.review, shown.frame)
    with st.container(horizontal=True):
        exports.button(
            "Report (PDF)",
            lambda context: report_pdf.pdf(_report(context, shown)),
            f"quality-{shown.run_id}.pdf",
        )
        exports.button(
            "Printable report (HTML)",
            lambda context: report.html(_report(context, shown)),
            f"quality-{shown.run_id}.html",
        )


def _report(context: Context, shown: Shown) -> dict[str, Any]:
    """Return the content of the report from the present state of release and review."""
    published = releases.current(context)
    return report.content(
        releases.get(context, shown.run_id),
        shown.frame,
        shown.changed.map(lambda change: CHANGES[change]),
        read_model.of_run(context, shown.run_id),
        is_published=published is not None and published.release_id == shown.run_id,
    )


def queries(shown: Shown) -> None:
    seen = quality.first_and_last_seen(shown.past, shown.run_ids)
    work_list.draw(shown.review, session.user(), seen)
    acceptances.draw(shown.review)


TABS = {
    "Findings": findings,
    "Charts": charts_tab.draw,
    "Sign-off": sign_off,
    "Queries": queries,
    "Rules": rules_tab.draw,
}


def draw() -> None:
    st.title("Quality")
    run_id, run_ids = pick_run()
    shown = read(run_id, run_ids) if run_id else None
    if shown is None:
        return
    head.draw(shown)
    if not sharing.sees_exact(shown.run_id):
        rules_tab.outcomes(shown)
        return
    tabs = st.tabs(list(TABS), key="tab", on_change="rerun", bind="query-params")
    for tab, part in zip(tabs, TABS.values(), strict=True):
        if tab.open:
            with tab:
                part(shown)


try:
    draw()
except ServiceError as error:
    session.show_error(error)
