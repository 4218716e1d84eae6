"""hdp reviews: queries, decisions on findings, signatures, and verification of the review log."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Literal

import click

from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.runs import service as runs

Command = Callable[..., None]


def _query_arguments(command: Command) -> Command:
    return click.argument("query_id")(click.argument("text")(command))


def _finding_arguments(command: Command) -> Command:
    for name in ("text", "rule_id", "table_name", "run_id"):
        command = click.argument(name)(command)
    return command


_REASON = click.option(
    "--reason", type=click.Choice(list(reviews.REASONS)), required=True, help="Category of the reason."
)
_KEYS = click.option(
    "--key", "keys", multiple=True, help="Key of a record (repeatable; default: the whole finding)."
)


@click.group("reviews")
def reviews_group() -> None:
    """Review a release as a clinician.

    On a laptop, set HDP_ROLE=clinician and HDP_USER=your-name. On AWS the reviewer is the identity that STS
    returns. It is a clinician if the name of its IAM role contains the word clinician.
    """


@reviews_group.command("list")
@click.option("--run", "run_id", help="Only queries of this run.")
@click.option("--all", "with_closed", is_flag=True, help="Include closed queries.")
@json_option
@click.pass_obj
def list_command(session: Session, run_id: str | None, with_closed: bool, as_json: bool) -> None:
    """List the queries: open ones before closed ones, the oldest first."""
    if run_id and releases.find(session.context, run_id) is None:
        runs.get(session.context, run_id, details=False)  # raises ServiceError if the run does not exist
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
        for query in read_model.all_queries(read_model.log(session.context))
        if (with_closed or query.state != "closed") and run_id in {None, query.run_id}
    ]
    if as_json:
        emit_json(rows)
    else:
        emit_table(rows, empty="No queries." if with_closed else "No open queries.")


@reviews_group.command("show")
@click.argument("query_id")
@json_option
@click.pass_obj
def show_command(session: Session, query_id: str, as_json: bool) -> None:
    """Show a query with its conversation."""
    query = read_model.query(read_model.log(session.context), query_id)
    if as_json:
        emit_json(query)
        return
    click.echo(
        f"{query.query_id} is {query.state}: {query.rule_id} of {query.table_name}, run {query.run_id}"
    )
    emit_table(
        {
            "event": event.sequence,
            "at": event.at[:16].replace("T", " "),
            "by": event.by,
            "role": event.role,
            "what": event.kind.removeprefix("query_"),
            "text": event.payload.get("text") or event.payload.get("assignee"),
        }
        for event in query.events
    )


@reviews_group.command("raise")
@_finding_arguments
@click.option("--assignee", default="", help="Person who should answer.")
@_KEYS
@click.pass_obj
def raise_command(
    session: Session,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    assignee: str,
    keys: tuple[str, ...],
) -> None:
    """Raise a query on a finding or on some of its records."""
    event = reviews.open_query(
        session.context, run_id, table_name, rule_id, text, assignee=assignee, rows=keys
    )
    click.echo(f"Raised {event.subject['query_id']}")


@reviews_group.command("assign")
@click.argument("query_id")
@click.argument("assignee")
@click.pass_obj
def assign_command(session: Session, query_id: str, assignee: str) -> None:
    """Assign a query to a person."""
    reviews.assign(session.context, query_id, assignee)
    click.echo(f"Assigned {query_id} to {assignee}")


@reviews_group.command("answer")
@_query_arguments
@click.pass_obj
def answer_command(session: Session, query_id: str, text: str) -> None:
    """Answer a query."""
    reviews.answer(session.context, query_id, text)
    click.echo(f"Answered {query_id}")


@reviews_group.command("close")
@_query_arguments
@_REASON
@click.pass_obj
def close_command(session: Session, query_id: str, text: str, reason: str) -> None:
    """Close a query with a reason and a comment."""
    reviews.close(session.context, query_id, reason, text)
    click.echo(f"Closed {query_id}")


@reviews_group.command("reopen")
@_query_arguments
@click.pass_obj
def reopen_command(session: Session, query_id: str, text: str) -> None:
    """Reopen a closed query, or return an insufficient answer, with a reason."""
    reviews.reopen(session.context, query_id, text)
    click.echo(f"Reopened {query_id}")


@reviews_group.command("accept")
@_finding_arguments
@_REASON
@_KEYS
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(0, reviews.LONGEST.days),
    help="Days until the acceptance expires.",
)
@click.option(
    "--margin",
    default=0.0,
    show_default=True,
    help="Allowed worsening: 0.02 means 2 percentage points; for rules not in percent, in the rule's unit.",
)
@click.pass_obj
def accept_command(
    session: Session,
    run_id: str,
    table_name: str,
    rule_id: str,
    text: str,
    reason: str,
    keys: tuple[str, ...],
    days: int,
    margin: float,
) -> None:
    """Accept a finding in this and later runs, until a date; with --key, confirm records as correct."""
    until = datetime.now(UTC).date() + timedelta(days=days)
    about = (session.context, run_id, table_name, rule_id)
    if keys:
        reviews.accept_rows(*about, keys, reason=reason, text=text, until=until)
        click.echo(f"Confirmed {len(keys)} records under {rule_id} of {table_name} until {until}")
        return
    reviews.accept(*about, reason=reason, text=text, until=until, margin=margin)
    click.echo(f"Accepted {rule_id} of {table_name} until {until}")


@reviews_group.command("reject")
@_finding_arguments
@click.pass_obj
def reject_command(session: Session, run_id: str, table_name: str, rule_id: str, text: str) -> None:
    """Mark a finding as "must be fixed": prevents approval, and opens a query unless one is open."""
    reviews.reject(session.context, run_id, table_name, rule_id, text)
    click.echo(f"{rule_id} of {table_name} is marked 'must be fixed'. The release cannot be approved.")


@reviews_group.command("dismiss")
@_finding_arguments
@click.pass_obj
def dismiss_command(session: Session, run_id: str, table_name: str, rule_id: str, text: str) -> None:
    """Mark a finding as "not a problem" in this run."""
    reviews.dismiss(session.context, run_id, table_name, rule_id, text)
    click.echo(f"Dismissed {rule_id} of {table_name} in {run_id}")


@reviews_group.command("withdraw")
@_finding_arguments
@_KEYS
@click.pass_obj
def withdraw_command(
    session: Session, run_id: str, table_name: str, rule_id: str, text: str, keys: tuple[str, ...]
) -> None:
    """Withdraw an acceptance or, with --key, the confirmation of records."""
    about = (session.context, run_id, table_name, rule_id)
    if keys:
        reviews.withdraw_rows(*about, keys, text)
        click.echo(f"Withdrew the confirmation of {len(keys)} records under {rule_id} of {table_name}")
        return
    reviews.withdraw(*about, text)
    click.echo(f"Withdrew the acceptance of {rule_id} of {table_name}")


@reviews_group.command("findings")
@click.argument("run_id")
@json_option
@click.pass_obj
def findings_command(session: Session, run_id: str, as_json: bool) -> None:
    """List the findings that the sign-off of a run considers, with the decision on each."""
    context = session.context
    found = sign_off.outstanding(context, read_model.of_run(context, run_id), releases.get(context, run_id))
    rows = [
        {**asdict(finding), "blocking": finding.is_blocking, "bars_approval": finding.bars_approval}
        for finding in found.findings
    ]
    if as_json:
        emit_json({"run_id": run_id, "confirm": found.code, "findings": rows})
    else:
        emit_table(rows, empty=f"{run_id} has no findings.")


@reviews_group.command("sign")
@click.argument("run_id")
@click.argument("verdict", type=click.Choice(["approve", "reject"]))
@click.argument("text")
@click.option("--for", "who", default="", help="Clinician whose deputy you are, by name or id.")
@click.option("--confirm", "confirmed", default="", help="Code printed with the undecided findings.")
@click.pass_obj
def sign_command(session: Session, run_id: str, verdict: str, text: str, confirmed: str, who: str) -> None:
    """Sign off a release. Approval publishes a held release; rejection leaves the published one unchanged.

    Approval requires that every blocking finding is decided; --confirm accepts other undecided findings.
    """
    wanted: Literal["approve", "reject"] = "approve" if verdict == "approve" else "reject"
    signed = sign_off.sign(session.context, run_id, wanted, text, confirmed=confirmed, signed_for=who)
    if signed.unfinished:
        click.echo(signed.unfinished, err=True)
        sys.exit(1)
    click.echo(f"Signed as event {signed.event.sequence}: {signed.event.payload['meaning']}")


@reviews_group.command("verify")
@json_option
@click.pass_obj
def verify_command(session: Session, as_json: bool) -> None:
    """Verify all events, and the files of signed and published releases; exit code 1 if one was altered."""
    log = read_model.log(session.context)
    reviewed = releases.signed_or_published(session.context, log)
    problems = [*log.problems, *releases.file_problems(session.context, reviewed)]
    newest = log.events[-1].hash if log.events else None
    if as_json:
        emit_json({"events": len(log.events), "newest": newest, "problems": problems})
    elif problems:
        click.echo("\n".join(problems), err=True)
    else:
        head = f"; hash of the newest: {newest[:16]}…" if newest else ""
        click.echo(f"The hash chain of {len(log.events)} events is intact{head}")
        click.echo(f"The files of {len(reviewed)} releases are unchanged")
    sys.exit(1 if problems else 0)


COMMANDS = (reviews_group,)
