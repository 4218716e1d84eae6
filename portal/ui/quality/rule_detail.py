"""Details of a rule in a run: measurement, advice, history, failing rows and conversation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pipeline.contracts.model import Rule
from portal.core.vocabulary import CHANGES
from portal.quality import failing_sql, rule_texts
from portal.quality import results as quality
from portal.reviews import commands as reviews
from portal.reviews import wording
from portal.reviews.read_model import Review
from portal.ui import session
from portal.ui.quality import conversation, decision_form, failing_rows_table, findings
from portal.ui.quality.conversation import Finding
from portal.ui.quality.shown import Shown


def draw(shown: Shown, chosen: Finding) -> None:
    table, rule_id = chosen
    is_chosen = (shown.frame["table_name"] == table) & (shown.frame["rule_id"] == rule_id)
    row = shown.frame[is_chosen].iloc[0]
    rule = rule_texts.rules().get(chosen)
    with st.container(border=True):
        key = (table, rule_id)
        status, failed = str(row["status"]), int(row["failed"])
        rate = None if pd.isna(row["rate"]) else float(row["rate"])
        st.markdown(f"### {rule_texts.finding(rule, key, failed, rate, status)}")
        if rule is None:
            st.info("This rule is no longer in the contracts. Its result is still shown.")
        else:
            _measure(rule, table, row, str(shown.changed[is_chosen].iloc[0]))
            _decisions(shown.review, chosen, row)
            left, right = st.columns(2)
            with left:
                _advice(rule)
            mine = shown.past[(shown.past["table_name"] == table) & (shown.past["rule_id"] == rule_id)]
            with left, st.container(horizontal=True):
                _counting(rule)
                _query(shown.run_id, chosen)
                with st.popover("What-if threshold"):
                    _what_if(rule, mine)
            right.plotly_chart(
                findings.rule_history(mine, rule, shown.run_ids),
                key="rule-history",
                config={"displayModeBar": False},
                alt=f"Rate of {rule_id} in each run, with its threshold",
            )
        rows, keys = failing_rows_table.draw(shown, chosen)
        _conversation(shown, chosen, rows, keys)


def _measure(rule: Rule, table: str, row: pd.Series, change: str) -> None:
    sentence = rule_texts.measurement(
        rule, table, row["status"], int(row["failed"]), int(row["checked"]), row["rate"]
    )
    st.markdown(f"{sentence} Expected: {rule.expected}. Change since the previous run: {CHANGES[change]}.")
    st.caption(f"Rule {rule.id} of {table}: {rule.description}")
    if detail := rule_texts.null_markers(row.get("detail")):
        st.markdown(detail)
    st.caption(rule_texts.threshold_owner(rule))


def _conditions(chosen: Finding) -> str:
    """Return the end of the sentence on confirmed rows: the conditions of the confirmation."""
    rule = rule_texts.rules().get(chosen)
    stays = " They stay quarantined until the source or the rule is changed."
    known = f", as long as at most {failing_sql.MOST_ROWS} rows fail and each has its identifier."
    return known + (stays if rule and rule.quarantines else "")


def _decisions(review: Review, chosen: Finding, row: pd.Series) -> None:
    """Draw the acceptance and confirmed rows of a finding, and a warning after frequent false alarms."""
    if acceptance := review.accepted.get(chosen):
        status = rule_texts.acceptance_status(acceptance, row["rate"], datetime.now(UTC).date())
        (st.warning if "lapsed" in status else st.info)(
            f"{status}. Accepted by {wording.escape_markdown(acceptance.by)}: "
            f"{reviews.REASONS[acceptance.reason]}."
        )
    for by, until, number in sorted(_confirmed(review, chosen)):
        rows = f"{number} row{'s' if number > 1 else ''}"
        st.info(
            f"{wording.escape_markdown(by)} confirmed {rows} as correct until {until}: later runs do not "
            f"count them{_conditions(chosen)}"
        )
    if chosen in (alarms := quality.false_alarms(review.work_list)):
        number, of = alarms[chosen]
        st.warning(
            f"{number} of {of} queries on this rule were false alarms. Consider another threshold, or "
            "removing it."
        )


def _confirmed(review: Review, chosen: Finding) -> list[tuple[str, str, int]]:
    """Return the confirmations valid today as tuples of user, expiry date and number of rows."""
    today = datetime.now(UTC).date()
    rows = [row for row in review.accepted_rows.get(chosen, {}).values() if row.covers(today)]
    counted = Counter((row.by, row.until) for row in rows)
    return [(by, until, number) for (by, until), number in counted.items()]


def _advice(rule: Rule) -> None:
    fix, impact = rule_texts.advice(rule)
    st.markdown(f"**Impact on analysis.** {impact}")
    st.markdown(f"**Likely cause and fix.** {fix}")


def _counting(rule: Rule) -> None:
    with st.popover("How it is counted"):
        st.code(rule.sql, language="sql", wrap_lines=True)
        st.caption(
            f"Rows checked: {rule.applies or ('all rows' if rule.fails else 'see the query')}. "
            "This is the condition that the Spark job evaluates. Condition and threshold are in "
            "pipeline/contracts."
        )


def _query(run_id: str, chosen: Finding) -> None:
    if not session.user().may("query"):
        return
    query = quality.failing_query(session.context(), run_id, *chosen)
    if query is None:
        return
    with st.popover("SQL for these records"):
        st.code(query.sql, language="sql", wrap_lines=True)
        st.caption("Run it on Athena with a role that can read silver and quarantine.")
        if not query.is_exact:
            st.caption(failing_rows_table.INEXACT)


def _what_if(rule: Rule, mine: pd.DataFrame) -> None:
    """Draw a threshold to try, and how often the rule would have failed with it in the runs of `mine`."""
    scale = 100 if rule.unit == "percent" else 1
    threshold = st.number_input(
        f"Threshold ({rule.unit})",
        min_value=0.0,
        value=float(rule.threshold * scale),
        key=f"limit-{rule.id}",
    )
    measured = mine[mine["rate"].notna()]
    other = replace(rule, threshold=threshold / scale)
    ended = [other.outcome(*found) for found in zip(measured["failed"], measured["rate"], strict=True)]
    now, then = int((measured["status"] == "fail").sum()), ended.count("fail")
    st.markdown(
        f"In {len(measured)} runs, the rule failed {now} times. It would have failed **{then}** times."
    )
    st.caption("This changes nothing. The owner of the threshold can change it in the contract.")


def _conversation(shown: Shown, chosen: Finding, rows: pd.DataFrame, keys: tuple[str, ...]) -> None:
    context, person, review = session.context(), session.user(), shown.review
    st.markdown("#### Conversation")
    about = [q for q in review.queries if (q.table_name, q.rule_id) == chosen]
    others = [e for e in review.events if e.finding == chosen and "query_id" not in e.subject]
    for event in others:
        st.markdown(f"- {wording.as_markdown(event)}")
    conversation.queries(context, about, person, review.seen, rows)
    if not about and not others:
        st.caption("No comments on this finding yet.")
    if person.may("review"):
        left, right = st.columns(2)
        of_rows = f" about {len(keys)} selected record{'s' if len(keys) > 1 else ''}" if keys else ""
        with left, st.container(border=True):
            st.markdown(f"**Raise a query{of_rows}**")
            conversation.raise_form(context, shown.run_id, chosen, keys, review.seen)
        with right, st.container(border=True):
            st.markdown("**Decide the finding**")
            decision_form.draw(context, shown.run_id, chosen, keys, review)
