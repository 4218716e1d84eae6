"""One rule of a run: what it measured, what to do about it, its history, its failing rows and the talk about them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.contracts.model import Rule
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.vocabulary import CHANGES
from portal.quality import failing_rows, failing_sql, rule_texts
from portal.quality import results as quality
from portal.reviews import commands as reviews
from portal.reviews import wording
from portal.reviews.read_model import Query, Review
from portal.ui import cache, exports, session
from portal.ui.quality import conversation, findings, judgement
from portal.ui.quality.conversation import Finding


@dataclass(frozen=True)
class Shown:
    """The run that a reviewer looks at."""

    run_id: str
    run_ids: list[str]
    frame: pd.DataFrame
    past: pd.DataFrame
    changed: pd.Series
    review: Review


def draw(shown: Shown, chosen: Finding) -> None:
    table, rule_id = chosen
    is_it = (shown.frame["table_name"] == table) & (shown.frame["rule_id"] == rule_id)
    row = shown.frame[is_it].iloc[0]
    rule = rule_texts.rules().get(chosen)
    with st.container(border=True):
        st.markdown(f"### {rule_id} · {table}")
        if rule is None:
            st.info("This rule is no longer in the contracts; its result is kept.")
        else:
            _measure(rule, table, row, str(shown.changed[is_it].iloc[0]))
            _judged(shown.review, chosen, row)
            left, right = st.columns(2)
            with left:
                _advice(rule)
            mine = shown.past[(shown.past["table_name"] == table) & (shown.past["rule_id"] == rule_id)]
            with left, st.container(horizontal=True):
                _counting(rule)
                _query(shown.run_id, chosen)
                with st.popover("What-if threshold"):
                    _try_limit(rule, mine)
            right.plotly_chart(
                findings.rule_history(mine, rule, shown.run_ids), key="rule-history", config={"displayModeBar": False},
                alt=f"What {rule_id} measured in each run, with its threshold",
            )  # fmt: skip
        rows, keys = _failing(shown, chosen)
        _talk(shown, chosen, rows, keys)


def _measure(rule: Rule, table: str, row: pd.Series, change: str) -> None:
    said = rule_texts.measured(
        rule, table, row["status"], int(row["failed"]), int(row["checked"]), row["rate"]
    )
    st.markdown(f"**{rule.description}**")
    st.markdown(f"{said} Change since the last run: {CHANGES[change]}.")
    if detail := rule_texts.marked(row.get("detail")):
        st.markdown(detail)
    st.caption(rule_texts.limit_owner(rule))


def _limits(chosen: Finding) -> str:
    """What a verified row does not change."""
    rule = rule_texts.rules().get(chosen)
    stays = " They stay out of the release all the same, until the source or the rule is changed."
    known = f", as long as at most {failing_sql.MOST_ROWS} rows fail and each has its identifier."
    return known + (stays if rule and rule.refuses else "")


def _judged(review: Review, chosen: Finding, row: pd.Series) -> None:
    """What reviewers have made of it: an acceptance or its end, and whether the rule is worth keeping."""
    if acceptance := review.accepted.get(chosen):
        said = rule_texts.standing(acceptance, row["rate"], datetime.now(UTC).date())
        (st.warning if "lapsed" in said else st.info)(
            f"{said}. {wording.plain(acceptance.by)} took responsibility for it: {reviews.REASONS[acceptance.reason]}."
        )
    for by, until, number in sorted(_verified(review, chosen)):
        rows = f"{number} row{'s' if number > 1 else ''}"
        st.info(
            f"{wording.plain(by)} confirmed {rows} as correct until {until}: later runs do not count them{_limits(chosen)}"
        )
    if chosen in (alarms := quality.false_alarms(review.work_list)):
        number, of = alarms[chosen]
        st.warning(
            f"{number} of {of} queries on it were false alarms: consider retiring it, or another limit."
        )


def _verified(review: Review, chosen: Finding) -> list[tuple[str, str, int]]:
    """Who verified how many rows as true, until which day; those that still stand."""
    today = datetime.now(UTC).date()
    rows = [row for row in review.accepted_rows.get(chosen, {}).values() if row.covers(today)]
    counted = Counter((row.by, row.until) for row in rows)
    return [(by, until, number) for (by, until), number in counted.items()]


def _advice(rule: Rule) -> None:
    engineer, reader = rule_texts.advice(rule)
    st.markdown(f"**Impact on analysis.** {reader}")
    st.markdown(f"**Likely cause and fix.** {engineer}")


def _counting(rule: Rule) -> None:
    with st.popover("How it is counted"):
        st.code(rule.sql, language="sql", wrap_lines=True)
        st.caption(f"Counted out of: {rule.applies or ('all rows' if rule.fails else 'see the query')}. "
                   "This is the condition as the Spark job asks it; it and the limit are in pipeline/contracts.")  # fmt: skip


def _query(run_id: str, chosen: Finding) -> None:
    query = quality.failing_query(session.process_context(), run_id, *chosen)
    if query is None:
        return
    with st.popover("SQL for these records"):
        st.code(query.sql, language="sql", wrap_lines=True)
        st.caption("For Athena, by somebody who may read silver and quarantine.")
        if not query.is_exact:
            st.caption(_INEXACT)


_INEXACT = (
    "This rule looks beyond the row itself, so of a record with several versions in this run all are here, "
    "also one that passes."
)


def _try_limit(rule: Rule, mine: pd.DataFrame) -> None:
    """Score what former runs measured against a limit that is only tried."""
    scale = 100 if rule.unit == "percent" else 1
    tried = st.number_input(
        f"Accept up to ({rule.unit})",
        min_value=0.0,
        value=float(rule.threshold * scale),
        key=f"limit-{rule.id}",
    )
    measured = mine[mine["rate"].notna()]
    other = replace(rule, threshold=tried / scale)
    ended = [other.outcome(*found) for found in zip(measured["failed"], measured["rate"], strict=True)]
    now, then = int((measured["status"] == "fail").sum()), ended.count("fail")
    st.markdown(f"Of {len(measured)} runs that measured it, **{then}** would have failed; {now} did.")
    st.caption("Nothing is changed here: the limit stands in the contract, and its owner changes it there.")


def _failing(shown: Shown, chosen: Finding) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The failing rows, masked; and the chosen rows' keys."""
    run_id, (table, rule_id), person = shown.run_id, chosen, session.user()
    if not person.may("query"):
        st.caption("Single rows are shown to analysts, clinicians and engineers.")
        return pd.DataFrame(), ()
    try:
        rows = cache.failing_rows(run_id, table, rule_id, shown.review.version)
    except ServiceError as error:
        session.show_error(error)
        return pd.DataFrame(), ()
    if rows.empty:
        return rows, ()
    most = failing_sql.MOST_ROWS
    st.markdown(f"#### Failing rows ({f'the first {most}' if len(rows) == most else len(rows)})")
    rule = rule_texts.rules().get(chosen)
    query = quality.failing_query(session.process_context(), run_id, *chosen) if rule else None
    if query and not query.is_exact:
        st.caption(_INEXACT)
    st.caption("Failing fields first. Identifiers and exact dates are masked (•).")
    picked = st.dataframe(
        rows, hide_index=True, width="stretch", height=min(330, 38 + 35 * len(rows)), placeholder="–",
        on_select="rerun", selection_mode="multi-row",
        key=f"rows-{run_id}-{shown.review.version}-{table}-{rule_id}",  # another version has other rows
        column_config={"expected": st.column_config.TextColumn(width="large")},
    )["selection"]["rows"]  # fmt: skip
    picked = [n for n in picked if n < len(rows)]
    st.download_button(
        "Export masked rows (CSV)",
        session.deferred_download(lambda context: _taken(context, rows, run_id, chosen)),
        file_name=f"{rule_id}-{table}-{run_id}.csv",
        mime="text/csv",
        on_click="ignore",
    )
    _unmask(run_id, chosen, picked)
    return rows, _keys(shown, chosen, [str(rows["row"].iloc[n]) for n in picked])


def _taken(context: Context, rows: pd.DataFrame, run_id: str, chosen: Finding) -> str:
    context.require("query")
    return export(rows, run_id, chosen)


def export(rows: pd.DataFrame, run_id: str, chosen: Finding) -> str:
    """CSV with the run, the rule and the time in its first lines."""
    table, rule_id = chosen
    head = {
        "run": run_id,
        "rule": f"{rule_id} of {table}",
        "exported": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "rows": f"{len(rows)}, masked, at most {failing_sql.MOST_ROWS}",
    }
    return exports.sheet(head, rows)


def _unmask(run_id: str, chosen: Finding, picked: list[int]) -> None:
    """One chosen record with its identifiers, once a reason for access is recorded."""
    person, (table, rule_id) = session.user(), chosen
    if not person.may("see_phi"):
        return
    mine = _unmasked().setdefault((run_id, *chosen, person.name), {})
    if len(picked) != 1:
        st.caption(
            "Choose one row to unmask its record." if not picked else "One record is unmasked at a time."
        )
    elif picked[0] not in mine:
        key = f"{table}-{rule_id}-{picked[0]}"
        reason = st.text_input("Reason for access (audited)", key=f"why-{key}", max_chars=200)
        if st.button("Unmask patient identifiers", key=f"unmask-{key}"):
            try:
                mine[picked[0]] = (
                    reason,
                    reviews.unmask(session.context(), run_id, table, rule_id, picked[0], reason),
                )
            except ServiceError as error:
                session.show_error(error)
    if len(picked) == 1 and picked[0] in mine:
        why, record = mine[picked[0]]
        st.caption(
            f"Unmasked for {wording.plain(person.name)}: “{wording.plain(why)}”. This is in the audit trail."
        )
        st.table(
            pd.DataFrame(
                {"Field": list(record), "Value": ["–" if v is None else str(v) for v in record.values()]}
            )
        )


Record = tuple[str, dict[str, Any]]


def _unmasked() -> dict[tuple[str, ...], dict[int, Record]]:
    """By finding and person the records that this session was shown, with the reason that was given."""
    kept: dict[tuple[str, ...], dict[int, Record]] = st.session_state.setdefault("unmasked", {})
    return kept


def identified(query: Query) -> pd.DataFrame:
    """The records of a query's rule that this session was shown; empty where there are none."""
    person = (query.run_id, query.table_name, query.rule_id, session.user().name)
    return pd.DataFrame([record for _, record in _unmasked().get(person, {}).values()])


def _keys(shown: Shown, chosen: Finding, names: list[str]) -> tuple[str, ...]:
    """The keys behind what rows are called on the screen: by itself a stand-in tells nothing."""
    noted = shown.frame[(shown.frame["table_name"] == chosen[0]) & (shown.frame["rule_id"] == chosen[1])]
    known = {
        failing_rows.stand_in(key, shown.run_id): key
        for key in [*noted["sample_keys"].iloc[0], quality.NO_KEY]
    }
    return tuple(dict.fromkeys(known.get(name, name) for name in names))


def _talk(shown: Shown, chosen: Finding, rows: pd.DataFrame, keys: tuple[str, ...]) -> None:
    context, person, review = session.context(), session.user(), shown.review
    st.markdown("#### Conversation")
    about = [q for q in review.queries if (q.table_name, q.rule_id) == chosen]
    others = [e for e in review.events if e.finding == chosen and "query_id" not in e.subject]
    for event in others:
        st.markdown(f"- {wording.line(event)}")
    conversation.queries(context, about, person, review.seen, rows)
    if not about and not others:
        st.caption("Nobody has said anything about this finding yet.")
    if person.may("review"):
        left, right = st.columns(2)
        of_rows = f" about {len(keys)} chosen record{'s' if len(keys) > 1 else ''}" if keys else ""
        with left, st.container(border=True):
            st.markdown(f"**Raise a query{of_rows}**")
            conversation.ask(context, shown.run_id, chosen, keys, review.seen)
        with right, st.container(border=True):
            st.markdown("**Decide on the finding**")
            judgement.judge(context, shown.run_id, chosen, keys, review)
