"""hdp review: queries, acceptances, signatures, and whether the log of them is whole."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import click

from portal.commands.output import emit_json, emit_table, json_option
from portal.commands.session import Session
from portal.services import review_log, reviews, sign_off
from portal.services.aws import ServiceError

Command = Callable[..., None]


def _about_a_query(command: Command) -> Command:
    return click.argument("query_id")(click.argument("text")(command))


def _about_a_finding(command: Command) -> Command:
    for name in ("text", "rule_id", "table_name", "run_id"):
        command = click.argument(name)(command)
    return command


_REASON = click.option("--reason", type=click.Choice(list(reviews.REASONS)), required=True)
_DAYS = click.option("--days", default=30, show_default=True, help="How long the acceptance stands.")
_KEYS = click.option(
    "--key", "keys", multiple=True, required=True, help="A row's key; more than once for more rows."
)


@click.group("review")
def review() -> None:
    """Review a release as a clinician.

    On a laptop you are who you say: HDP_ROLE=clinician HDP_USER=your-name. On AWS you are who STS says, and a
    clinician if your IAM role's name has that word in it.
    """


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


@review.command("show")
@click.argument("query_id")
@json_option
@click.pass_obj
def show_command(session: Session, query_id: str, as_json: bool) -> None:
    """One query with its conversation."""
    query = review_log.query(review_log.log(session.aws), query_id)
    if as_json:
        emit_json(query)
        return
    click.echo(
        f"{query.query_id} is {query.state}: {query.rule_id} of {query.table_name}, run {query.run_id}"
    )
    emit_table(
        {
            "event": event.number,
            "at": event.at[:16].replace("T", " "),
            "by": event.by,
            "role": event.role,
            "what": event.kind.removeprefix("query_"),
            "text": event.said.get("text") or event.said.get("assignee"),
        }
        for event in query.events
    )


@review.command("open")
@_about_a_finding
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


@review.command("assign")
@click.argument("query_id")
@click.argument("assignee")
@click.pass_obj
def assign_command(session: Session, query_id: str, assignee: str) -> None:
    """Say who is to answer a query."""
    reviews.assign(session.aws, query_id, assignee)
    click.echo(f"Assigned {query_id} to {assignee}")


@review.command("answer")
@_about_a_query
@click.pass_obj
def answer_command(session: Session, query_id: str, text: str) -> None:
    """Answer a query."""
    reviews.answer(session.aws, query_id, text)
    click.echo(f"Answered {query_id}")


@review.command("close")
@_about_a_query
@_REASON
@click.pass_obj
def close_command(session: Session, query_id: str, text: str, reason: str) -> None:
    """Close a query with a reason and a comment."""
    reviews.close(session.aws, query_id, reason, text)
    click.echo(f"Closed {query_id}")


@review.command("send-back")
@_about_a_query
@click.pass_obj
def send_back_command(session: Session, query_id: str, text: str) -> None:
    """Say what an answer lacks: the query is open again."""
    reviews.send_back(session.aws, query_id, text)
    click.echo(f"Sent {query_id} back")


@review.command("reopen")
@_about_a_query
@click.pass_obj
def reopen_command(session: Session, query_id: str, text: str) -> None:
    """Open a closed query again, with the reason."""
    reviews.reopen(session.aws, query_id, text)
    click.echo(f"Opened {query_id} again")


@review.command("accept")
@_about_a_finding
@_REASON
@_DAYS
@click.option(
    "--margin",
    default=0.0,
    show_default=True,
    help="How much worse it may get: a share (0 to 1) for rules in percent, the rule's own unit for others.",
)
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
    until = _day(days)
    reviews.accept(
        session.aws, run_id, table_name, rule_id, reason=reason, text=text, until=until, margin=margin
    )
    click.echo(f"Accepted {rule_id} of {table_name} until {until}")


@review.command("reject")
@_about_a_finding
@click.pass_obj
def reject_command(session: Session, run_id: str, table_name: str, rule_id: str, text: str) -> None:
    """Say that a finding must be put right; an acceptance of it ends."""
    reviews.reject(session.aws, run_id, table_name, rule_id, text)
    click.echo(f"Rejected {rule_id} of {table_name}")


@review.command("withdraw")
@_about_a_finding
@click.pass_obj
def withdraw_command(session: Session, run_id: str, table_name: str, rule_id: str, text: str) -> None:
    """End the acceptance of a finding before its day."""
    reviews.withdraw(session.aws, run_id, table_name, rule_id, text)
    click.echo(f"Withdrew the acceptance of {rule_id} of {table_name}")


@review.command("accept-rows")
@_about_a_finding
@_KEYS
@click.option("--reason", type=click.Choice(list(reviews.REASONS)), default="verified", show_default=True)
@_DAYS
@click.pass_obj
def accept_rows_command(
    session: Session,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    keys: tuple[str, ...],
    reason: str,
    days: int,
) -> None:
    """Say that single rows are true as they are: later runs do not count them."""
    until = _day(days)
    reviews.accept_rows(session.aws, run_id, table_name, rule_id, keys, reason=reason, text=text, until=until)
    click.echo(f"Accepted {len(keys)} rows under {rule_id} of {table_name} until {until}")


@review.command("withdraw-rows")
@_about_a_finding
@_KEYS
@click.pass_obj
def withdraw_rows_command(
    session: Session, run_id: str, table_name: str, rule_id: str, text: str, keys: tuple[str, ...]
) -> None:
    """Take the acceptance of single rows back."""
    reviews.withdraw_rows(session.aws, run_id, table_name, rule_id, keys, text)
    click.echo(f"Withdrew the acceptance of {len(keys)} rows under {rule_id} of {table_name}")


@review.command("sign")
@click.argument("run_id")
@click.argument("verdict", type=click.Choice(["approve", "reject"]))
@click.argument("text")
@click.pass_obj
def sign_command(session: Session, run_id: str, verdict: str, text: str) -> None:
    """Sign a release off: approval publishes a held one, rejection leaves the former one."""
    try:
        event = sign_off.sign(session.aws, run_id, "approve" if verdict == "approve" else "reject", text)
    except sign_off.Unfinished as unfinished:
        click.echo(unfinished, err=True)
        sys.exit(1)
    click.echo(f"Signed as event {event.number}: {event.said['meaning']}")


@review.command("verify")
@json_option
@click.pass_obj
def verify_command(session: Session, as_json: bool) -> None:
    """Prove that no event was altered or removed; exit code 1 where one was."""
    log = review_log.log(session.aws)
    newest = log.events[-1].hash if log.events else None
    if as_json:
        emit_json({"events": len(log.events), "newest": newest, "problems": log.problems})
    elif not log.problems:
        said = f", the newest {newest[:16]}…" if newest else ""
        click.echo(f"{len(log.events)} events, each follows the one before it{said}")
    else:
        for problem in log.problems:
            click.echo(problem, err=True)
    if log.problems:
        sys.exit(1)


def _day(days: int) -> date:
    """The day that lies so many days ahead."""
    try:
        return datetime.now(UTC).date() + timedelta(days=days)
    except OverflowError:
        raise ServiceError(f"{days} days: at most {reviews.LONGEST.days} are possible.") from None


COMMANDS = (review,)
