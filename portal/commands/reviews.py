"""hdp review: queries, acceptances, signatures, and whether the log of them is whole."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, timedelta

import click

from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.session import Session
from portal.services import review_log, reviews


@click.group("review")
def review() -> None:
    """Review a release as a clinician (HDP_ROLE=clinician, HDP_USER=your name)."""


@review.command("list")
@click.option("--run", "run_id", help="Of one run only.")
@click.option("--all", "with_closed", is_flag=True, help="Closed ones too.")
@json_option
@click.pass_obj
def list_command(session: Session, run_id: str | None, with_closed: bool, as_json: bool) -> None:
    """The queries, the longest open first."""
    today = datetime.now(UTC).date()
    rows = [
        {
            "query": query.query_id,
            "state": query.state,
            "run": query.run_id,
            "table": query.table_name,
            "rule": query.rule_id,
            "assignee": query.assignee or None,
            "due": f"{query.due}{' (overdue)' if query.is_due(today) else ''}",
            "question": query.question,
        }
        for query in review_log.all_queries(review_log.log(session.aws))
        if (with_closed or query.state != "closed") and run_id in {None, query.run_id}
    ]
    if as_json:
        emit_json(rows)
    else:
        emit_table(rows, empty="No query is open.")


@review.command("open")
@click.argument("run_id")
@click.argument("table_name")
@click.argument("rule_id")
@click.argument("text")
@click.option("--assignee", default="", help="Who is to answer.")
@click.option("--key", "keys", multiple=True, help="A row's key; more than once for more rows.")
@click.pass_obj
def open_command(
    session: Session,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    assignee: str,
    keys: tuple[str, ...],
) -> None:
    """Ask about a finding, or about some of its rows."""
    event = reviews.open_query(
        session.aws, run_id, table_name, rule_id, text, assignee=assignee, record_keys=keys
    )
    click.echo(f"Opened {event.subject['query_id']}")


@review.command("answer")
@click.argument("query_id")
@click.argument("text")
@click.pass_obj
def answer_command(session: Session, query_id: str, text: str) -> None:
    """Answer a query."""
    reviews.answer(session.aws, query_id, text)
    click.echo(f"Answered {query_id}")


@review.command("close")
@click.argument("query_id")
@click.argument("text")
@click.option("--reason", type=click.Choice(list(reviews.REASONS)), required=True)
@click.pass_obj
def close_command(session: Session, query_id: str, text: str, reason: str) -> None:
    """Close a query with a reason and a comment."""
    reviews.close(session.aws, query_id, reason, text)
    click.echo(f"Closed {query_id}")


@review.command("accept")
@click.argument("run_id")
@click.argument("table_name")
@click.argument("rule_id")
@click.argument("text")
@click.option("--reason", type=click.Choice(list(reviews.REASONS)), required=True)
@click.option("--days", default=30, show_default=True, help="How long the acceptance stands.")
@click.option("--margin", default=0.0, show_default=True, help="Growth of the rate that it bears, 0 to 1.")
@click.pass_obj
def accept_command(
    session: Session,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    reason: str,
    days: int,
    margin: float,
) -> None:
    """Take responsibility for a finding, in later runs too."""
    until: date = datetime.now(UTC).date() + timedelta(days=days)
    reviews.accept(
        session.aws, run_id, table_name, rule_id, reason=reason, text=text, until=until, margin=margin
    )
    click.echo(f"Accepted {rule_id} of {table_name} until {until}")


@review.command("sign")
@click.argument("run_id")
@click.argument("verdict", type=click.Choice(["approve", "reject"]))
@click.argument("text")
@click.pass_obj
def sign_command(session: Session, run_id: str, verdict: str, text: str) -> None:
    """Sign a release off: approval publishes a held one, rejection leaves the former one."""
    event = reviews.sign(session.aws, run_id, "approve" if verdict == "approve" else "reject", text)
    click.echo(f"Signed as event {event.number}: {event.said['meaning']}")


@review.command("verify")
@click.pass_obj
def verify_command(session: Session) -> None:
    """Prove that no event was altered or removed; exit code 1 where one was."""
    log = review_log.log(session.aws)
    for problem in log.problems:
        click.echo(problem, err=True)
    if log.problems:
        sys.exit(1)
    newest = f", the newest {log.events[-1].hash[:16]}…" if log.events else ""
    click.echo(f"{len(log.events)} events, each follows the one before it{newest}")


COMMANDS = (review,)
