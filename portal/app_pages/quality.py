"""What the quality rules found, reviewed in clinical language, and the signature that a held release waits for."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pandas as pd
import streamlit as st

from pipeline.contracts import Rule
from portal.components import conversation, findings, state
from portal.services import quality, releases, report, review_log, reviews
from portal.services.aws import ServiceError
from portal.services.review_log import Review

RUNS_BACK = 20
DECISIONS = {
    "publish": (st.success, "passed the audit"),
    "publish_with_warnings": (st.warning, "passed the audit with warnings"),
    "hold": (st.warning, "is held: analysts do not see it until a clinician approves it"),
}

person = state.user()


@st.cache_data(ttl=600, max_entries=50, show_spinner=False)
def results(run_id: str) -> pd.DataFrame:
    return quality.results(state.clients(), run_id)


@st.cache_data(ttl=600, max_entries=20, show_spinner=False)
def history(run_ids: tuple[str, ...]) -> pd.DataFrame:
    return quality.history(state.clients(), run_ids)


@st.cache_data(ttl=600, max_entries=50, show_spinner=False)
def masked_rows(run_id: str, table: str, rule_id: str) -> pd.DataFrame:
    return quality.failing_rows(state.clients(), run_id, table, rule_id)


def pick_run() -> tuple[str | None, list[str]]:
    """The run under review, and the runs up to it, oldest first."""
    ended = [run.run_id for run in state.recent_runs(500) if run.status == "SUCCEEDED"]
    if not ended:
        st.info("No run has ended yet: there is nothing to review.")
        return None, []
    named = st.query_params.get("run")
    chosen = st.selectbox("Run", ended, index=ended.index(named) if named in ended else 0)
    st.query_params["run"] = chosen
    upto = ended[ended.index(chosen) : ended.index(chosen) + RUNS_BACK]
    return chosen, upto[::-1]


def banner(run_id: str, review: Review) -> None:
    audit = quality.audit(state.aws(), run_id)
    if audit:
        say, words = DECISIONS[audit.decision]
        signature = review.signature
        if signature and signature.stands and audit.decision == "hold":
            say = st.success if signature.verdict == "approve" else st.warning
            words = "was held" + (
                f", and approved by {signature.by}"
                if signature.verdict == "approve"
                else f", and rejected by {signature.by}"
            )
        say(f"The release of {run_id} {words}.")
        accepted = [r for r in audit.reasons if r.get("accepted")]
        for reason in accepted:
            st.info(
                f"{reason['rule_id']} of {reason['table']} holds nothing here: {reason['accepted']['by']} accepted it "
                f"until {reason['accepted']['until']}."
            )
    for problem in review.problems:
        st.error(
            f"The log of reviews does not verify: {problem} Nothing can be signed until an engineer has looked into it."
        )


def figures(frame: pd.DataFrame, review: Review) -> None:
    applicable = frame[frame["status"] != "not_applicable"]
    passed = applicable["status"].isin(["pass", "pass_with_failures"]).sum()
    columns = st.columns(4)
    columns[0].metric("Rules passed", f"{passed} of {len(applicable)}", border=True)
    columns[1].metric("Rules failed", int((frame["status"] == "fail").sum()), border=True)
    columns[2].metric("Open queries", len(review.open_queries), border=True)
    columns[3].metric(
        "Nothing to check", int((frame["status"] == "not_applicable").sum()), border=True,
        help="Rules that found no row to apply to, or no published release to compare with. They count neither way.",
    )  # fmt: skip


def scorecard(frame: pd.DataFrame, past: pd.DataFrame, run_ids: list[str]) -> None:
    left, right = st.columns(2)
    with left, st.container(border=True):
        st.markdown("#### Rules passed by table and kind")
        card = (quality.scorecard(frame) * 100).round(0)
        card.columns = [name.title() for name in card.columns]
        st.dataframe(
            card.rename_axis("Table").reset_index(),
            hide_index=True,
            width="stretch",
            column_config={
                name: st.column_config.ProgressColumn(
                    name, format="%d %%", min_value=0, max_value=100, width="small"
                )
                for name in card.columns
            },
        )
        st.caption(
            "Conformance: values have the form, codes and relations that they should. Completeness: nothing is missing. "
            "Plausibility: what is there can be true."
        )
    with right, st.container(border=True):
        st.markdown("#### Run by run")
        shown = st.segmented_control(
            "Show", ["By severity", "By table and kind"], default="By severity", key="trend-by"
        )
        if shown == "By table and kind":
            st.plotly_chart(
                findings.cards(quality.trend(past, run_ids)), key="cards", config={"displaylogo": False},
                alt="Share of rules passed by table and kind, run by run",
            )  # fmt: skip
        elif not past["status"].isin(["fail", "error"]).any():
            st.success("No rule failed in this run, nor in those before it that are kept in view.")
        else:
            st.plotly_chart(
                findings.trend(past, run_ids), key="trend", config={"displaylogo": False},
                alt="Rules that failed by severity, run by run",
            )  # fmt: skip
    moved = frame["status"] != quality.rescored(frame)["status"]
    if moved.any():
        names = ", ".join(frame[moved]["rule_id"])
        st.info(
            f"The contracts have other limits by now. By today's limits these would end otherwise: {names}."
        )


def rule_table(
    frame: pd.DataFrame, past: pd.DataFrame, run_ids: list[str], review: Review
) -> tuple[str, str] | None:
    """The rules with their outcome; gives the one that is opened."""
    before = past[past["run_id"] == run_ids[-2]] if len(run_ids) > 1 else past.iloc[0:0]
    table = findings.overview(frame, quality.changes(frame, before), review.accepted)
    show = (
        st.segmented_control("Show", ["Findings", "All rules"], default="Findings", key="show") or "Findings"
    )
    if show == "Findings":
        table = table[table["is_found"]].reset_index(drop=True)
    if table.empty:
        st.success("Every rule passed: there is no finding in this run.")
        return None
    picked = st.dataframe(
        table.drop(columns=["finding", "is_found"]),
        hide_index=True,
        width="stretch",
        height=min(420, 38 + 35 * len(table)),
        on_select="rerun",
        selection_mode="single-row",
        key=f"rules-{show}",
        column_config={
            **state.numbers(table[["Failing", "Of"]]),
            "What is checked": st.column_config.TextColumn(width="medium"),
        },
    )
    options = list(table["finding"])
    rows = picked["selection"]["rows"]
    if rows and st.session_state.get("row-clicked") != rows[0]:
        st.session_state["open-rule"] = options[rows[0]]
    st.session_state["row-clicked"] = rows[0] if rows else None
    named = tuple((st.query_params.get("rule") or "").split(":", 1))
    if st.session_state.get("open-rule") not in options:
        st.session_state["open-rule"] = named if named in options else options[0]
    labels = {f: f"{f[1]} · {f[0]} · {t}" for f, t in zip(options, table["What is checked"], strict=True)}
    picked_rule = st.selectbox(
        "Open a rule", options, format_func=lambda finding: labels[finding], key="open-rule"
    )
    st.query_params["rule"] = ":".join(picked_rule)
    return picked_rule[0], picked_rule[1]


def rule_detail(
    run_id: str,
    frame: pd.DataFrame,
    past: pd.DataFrame,
    run_ids: list[str],
    chosen: tuple[str, str],
    review: Review,
) -> None:
    rule = findings.rules().get(chosen)
    table, rule_id = chosen
    row = frame[(frame["table_name"] == table) & (frame["rule_id"] == rule_id)].iloc[0]
    with st.container(border=True):
        st.markdown(f"### {rule_id} · {table}")
        if rule is None:
            st.info("This rule is no longer in the contracts; its result is kept.")
            return
        st.markdown(f"**{rule.description}**")
        measured = findings.share(row["rate"], rule.unit)
        st.markdown(
            f"**{row['failed']:,} of {row['checked']:,} rows** fail ({measured}); accepted: {findings.limit(rule)}."
            if rule.unit == "percent" and row["checked"]
            else f"Measured: **{measured}**; accepted: {findings.limit(rule)}; over {row['checked']:,} rows."
            if row["checked"]
            else "There was nothing to check in this run."
        )
        left, right = st.columns(2)
        left.markdown(f"**Why it matters.** {rule.rationale}")
        left.markdown(f"**Usual cause.** {rule.cause}")
        with left.popover("How it is counted"):
            st.code(
                rule.fails or rule.measure or "\n".join(rule.aggregates.values()),
                language="sql",
                wrap_lines=True,
            )
            st.caption(f"Counted out of: {rule.applies or ('all rows' if rule.fails else 'see the query')}. "
                       f"The limit is in pipeline/contracts and its owner can change it there alone.")  # fmt: skip
        mine = past[(past["table_name"] == table) & (past["rule_id"] == rule_id)]
        with left.popover("Try another limit"):
            try_limit(rule, mine)
        right.plotly_chart(
            findings.rule_history(mine, rule, run_ids), key="rule-history", config={"displaylogo": False}
        )
        keys = failing(run_id, chosen)
        talk(run_id, chosen, review, keys)


def try_limit(rule: Rule, mine: pd.DataFrame) -> None:
    """Score what former runs measured against a limit that is only tried."""
    scale = 100 if rule.unit == "percent" else 1
    unit = "percent" if rule.unit == "percent" else rule.unit
    tried = st.number_input(
        f"Accept up to ({unit})", min_value=0.0, value=float(rule.threshold * scale), key=f"limit-{rule.id}"
    )
    measured = mine[mine["rate"].notna()]
    other = replace(rule, threshold=tried / scale)
    ended = [other.outcome(*found) for found in zip(measured["failed"], measured["rate"], strict=True)]
    now, then = int((measured["status"] == "fail").sum()), ended.count("fail")
    st.markdown(f"Of {len(measured)} runs that measured it, **{then}** would have failed; {now} did.")
    st.caption("Nothing is changed here: the limit stands in the contract, and its owner changes it there.")


def failing(run_id: str, chosen: tuple[str, str]) -> tuple[str, ...]:
    """The failing rows, masked until the role allows it and a reason is written down; gives the chosen rows' keys."""
    aws, (table, rule_id) = state.aws(), chosen
    unmasked = st.session_state.setdefault("unmasked", {})
    why, rows = unmasked.get((run_id, *chosen, person.name), ("", None))
    try:
        rows = masked_rows(run_id, table, rule_id) if rows is None else rows
    except ServiceError as error:
        state.show_error(error)
        return ()
    if rows.empty:
        return ()
    st.markdown(f"#### Failing rows ({len(rows)} shown, {quality.MOST_ROWS} at most)")
    picked = st.dataframe(
        rows, hide_index=True, width="stretch", height=min(330, 38 + 35 * len(rows)),
        on_select="rerun", selection_mode="multi-row", key=f"rows-{table}-{rule_id}-{bool(why)}",
    )  # fmt: skip
    left, right = st.columns(2)
    left.download_button(
        "Export these rows (CSV)" if why else "Export these rows, masked (CSV)",
        rows.to_csv(index=False),
        file_name=f"{rule_id}-{table}-{run_id}.csv",
        mime="text/csv",
        on_click="ignore",
    )
    if why:
        right.caption(f"Identified rows, shown to {person.name}: “{why}”. This is in the log of reviews.")
    elif person.may("see_phi"):
        reason = right.text_input(
            "Why do you need to see who they are?", key=f"why-{table}-{rule_id}", max_chars=200
        )
        if right.button("Show identified rows", key=f"unmask-{table}-{rule_id}"):
            try:
                unmasked[run_id, *chosen, person.name] = (
                    reason,
                    reviews.unmask(aws, run_id, table, rule_id, reason),
                )
                st.rerun()
            except ServiceError as error:
                right.error(str(error))
    else:
        right.caption("••• stands for what could tell who a patient is; clinicians may see it.")
    if not why:
        return ()
    return tuple(str(rows["row"].iloc[n]) for n in picked["selection"]["rows"])


def talk(run_id: str, chosen: tuple[str, str], review: Review, keys: tuple[str, ...]) -> None:
    aws = state.aws()
    st.markdown("#### Conversation")
    conversation.told()
    about = [q for q in review.queries if (q.table_name, q.rule_id) == chosen]
    others = [e for e in review.events if e.finding == chosen and "query_id" not in e.subject]
    for event in others:
        st.markdown(f"- {conversation.line(event)}")
    conversation.queries(aws, about, person.may("review"), person.may("query"))
    if not about and not others:
        st.caption("Nobody has said anything about this finding yet.")
    if person.may("review"):
        left, right = st.columns(2)
        with left, st.container(border=True):
            st.markdown("**Ask**" + (f" about {len(keys)} chosen rows" if keys else ""))
            conversation.ask(aws, run_id, chosen, keys)
        with right, st.container(border=True):
            st.markdown("**Judge the finding**")
            conversation.judge(aws, run_id, chosen, chosen in review.accepted)


def work_list(review: Review) -> None:
    """Queries of all runs: those for me, those open, those due."""
    st.markdown("## Work list")
    which = st.segmented_control(
        "Queries", ["Assigned to me", "Open", "Due", "Closed"], default="Open", key="work"
    )
    today = datetime.now(UTC).date()
    every = review.work_list
    shown = {
        "Assigned to me": [q for q in every if q.state != "closed" and q.assignee in {person.name, person.name.split("@")[0]}],
        "Due": [q for q in every if q.is_due(today)],
        "Closed": [q for q in every if q.state == "closed"],
    }.get(which or "Open", [q for q in every if q.state != "closed"])  # fmt: skip
    if not shown:
        st.caption("No query is in this list.")
        return
    st.dataframe(
        pd.DataFrame(
            [
                {
                    "Query": q.query_id,
                    "State": conversation.STATES[q.state],
                    "Rule": q.rule_id,
                    "Table": q.table_name,
                    "Question": q.question,
                    "For": q.assignee or "anybody",
                    "Due": q.due,
                    "Days open": (today - datetime.fromisoformat(q.opened_at).date()).days,
                    "Open it": f"?run={q.run_id}&rule={q.table_name}:{q.rule_id}",
                }
                for q in shown
            ]
        ),
        hide_index=True,
        width="stretch",
        column_config={"Open it": st.column_config.LinkColumn(display_text="Open")},
    )


def draw() -> None:
    st.title("Quality")
    run_id, run_ids = pick_run()
    if run_id is None:
        return
    frame, past = results(run_id), history(tuple(run_ids))
    if frame.empty:
        st.info(f"The results of {run_id} are not in the lake (any more): choose another run.")
        return
    review = review_log.of_run(state.aws(), run_id)
    conversation.remember(review)
    banner(run_id, review)
    figures(frame, review)
    scorecard(frame, past, run_ids)
    st.markdown("## Rules")
    chosen = rule_table(frame, past, run_ids, review)
    if chosen:
        rule_detail(run_id, frame, past, run_ids, chosen, review)
    else:
        conversation.told()
    st.markdown("## Sign-off")
    with st.container(border=True):
        conversation.sign(state.aws(), review)
        st.download_button(
            "Printable report (HTML)",
            lambda: report.html(
                releases.get(state.aws(), run_id), frame, review_log.of_run(state.aws(), run_id)
            ),
            file_name=f"quality-{run_id}.html",
            mime="text/html",
            on_click="ignore",
        )
    work_list(review)


try:
    draw()
except ServiceError as error:
    state.show_error(error)
