"""hdp batches map, and hdp mappings list, show, approve, withdraw."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import click

from pipeline.sources.csv_layout import ENCODINGS
from pipeline.sources.mapped.functions import FUNCTIONS
from pipeline.sources.mapped.model import ColumnMapping, FileMapping, InvalidMapping, header_key
from portal.batches import inspection
from portal.batches.mapping import service, store
from portal.batches.mapping.propose import Proposal
from portal.batches.mapping.service import Step
from portal.batches.mapping.store import StoredMapping
from portal.batches.source_file import SourceFile
from portal.cli.output import emit_json, emit_table, json_option
from portal.cli.session import Session
from portal.core.errors import ServiceError


@click.command("map")
@click.argument("folder", type=click.Path(path_type=Path, exists=True))
@click.option(
    "--encoding",
    type=click.Choice(tuple(ENCODINGS)),
    default="utf-8",
    show_default=True,
    help="Encoding of files that are not UTF-8.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write the proposals to this directory.")
@click.option(
    "--from",
    "edited",
    type=click.Path(path_type=Path, exists=True),
    help="Use the mapping in this file, or the mappings in this directory, instead of the proposals.",
)
@click.option("--confirm", is_flag=True, help="Confirm every column as shown, and save the mappings.")
@json_option
@click.pass_obj
def map_command(
    session: Session,
    folder: Path,
    encoding: str,
    out: Path | None,
    edited: Path | None,
    confirm: bool,
    as_json: bool,
) -> None:
    """Propose mappings for files with columns of no known format; save them with --confirm.

    FOLDER is a directory, a ZIP archive or a file. Nothing is loaded: 'hdp batches import' loads the files by
    the saved mappings. Sample values are printed, because you supplied the files.
    """
    context = session.context
    found = service.to_map(context, _files(folder, context.user.subject), encoding)
    needed = [step for step in found if step.proposal.table or edited]
    if not needed:
        click.echo("Nothing to map: every file has a known format, or fits no table.", err=True)
        return
    mappings = {step.file.name: _mapping(step, edited) for step in needed}
    for step in needed:
        mapping = mappings[step.file.name]
        _show(session, step, mapping, as_json)
        if out:
            _write(out, step, mapping)
        if confirm:
            _announce(store.save(context, step.file.name, mapping))


def _files(path: Path, subject: str) -> list[SourceFile | inspection.Inspected]:
    """Return the files, supplied by the person who runs the command."""
    return [
        replace(each, supplier=subject) if isinstance(each, SourceFile) else each
        for each in inspection.files_of(path)
    ]


def _mapping(step: Step, edited: Path | None) -> FileMapping:
    """Return the edited mapping for the file's columns, or else the proposal."""
    for path in sorted(edited.glob("*.json")) if edited and edited.is_dir() else [edited] if edited else []:
        mapping = _read(path)
        if header_key(mapping.header) == header_key(step.unknown.layout.header):
            return mapping
    return step.proposal.mapping()


def _read(path: Path) -> FileMapping:
    try:
        return FileMapping.of(json.loads(path.read_text("utf-8")))
    except (ValueError, OSError) as error:
        cause = str(error) if isinstance(error, InvalidMapping) else "It is not a JSON file. Correct it."
        raise ServiceError(f"'{path}' cannot be used: {cause}") from None


def _write(folder: Path, step: Step, mapping: FileMapping) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{Path(step.file.name).stem}.json"
    path.write_text(json.dumps(mapping.document(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    click.echo(f"Wrote {path}", err=True)


def _show(session: Session, step: Step, mapping: FileMapping, as_json: bool) -> None:
    problem = service.problem(mapping)
    preview = None if problem else service.check(session.context, step.unknown, mapping)
    if as_json:
        refused = asdict(preview) if preview else None
        emit_json({"file": step.file.name, "status": step.status, **mapping.document(), "check": refused})
        return
    click.echo(f"\n{step.file.name}: {mapping.table}, {step.status}")
    if step.changes:
        click.echo(f"It {step.changes}")
    of_all_rows = {m.target for each in step.proposal.columns if not each.column for m in each.mappings}
    emit_table(_row(each, mapping, of_all_rows) for each in step.proposal.columns)
    if preview is None:
        click.echo(problem)
        return
    click.echo(f"{preview.refused:,} of {preview.rows:,} rows would be refused.")
    for each in preview.refusals:
        examples = f", for example {', '.join(each.examples)}" if each.examples else ""
        click.echo(f"  {each.column or 'row'}: {each.problem}, {each.rows:,} rows{examples}")


def _row(proposal: Proposal, mapping: FileMapping, of_all_rows: set[str]) -> dict[str, object]:
    """Return a row of the table; `of_all_rows` are the bronze columns that have rows of their own."""
    if proposal.column:
        used = [m for m in mapping.columns if proposal.column in m.columns and m.target not in of_all_rows]
    else:
        used = [m for m in mapping.columns if m.target in {each.target for each in proposal.mappings}]
    return {
        "column": proposal.column or "(every row)",
        "becomes": ", ".join(_described(each) for each in used) or "not used",
        "confidence": f"{proposal.confidence:.0%}",
        "samples": ", ".join(proposal.samples),
        "note": proposal.note,
    }


def _described(mapping: ColumnMapping) -> str:
    label = FUNCTIONS[mapping.function].label
    value = mapping.options.get("value") or mapping.options.get("format") or mapping.options.get("part")
    detail = "" if mapping.function == "copy" else f" ({label}{f': {value}' if value else ''})"
    return f"{mapping.target}{detail}"


def _announce(saved: StoredMapping) -> None:
    text = f"Saved the mapping {saved.label}, {saved.state}."
    if saved.state == "waiting for approval":
        text += f" Another engineer approves it with 'hdp mappings approve {saved.mapping_id}'."
    click.echo(text)


@click.group("mappings")
def mappings_group() -> None:
    """List, show, approve and withdraw mappings of files with columns of no known format."""


@mappings_group.command("list")
@json_option
@click.pass_obj
def list_command(session: Session, as_json: bool) -> None:
    """List the mappings, those saved last first."""
    rows = [_listed(each) for each in store.list_all(session.context)]
    if as_json:
        emit_json(rows)
    else:
        emit_table(rows, empty="No mappings yet. Propose one with 'hdp batches map DIR'.")


@mappings_group.command("show")
@click.argument("mapping_id")
@click.option("--version", type=int, help="Version; the newest by default.")
@json_option
@click.pass_obj
def show_command(session: Session, mapping_id: str, version: int | None, as_json: bool) -> None:
    """Show a mapping: each bronze column with its function and the file's columns."""
    found = store.get(session.context, mapping_id, version)
    if as_json:
        emit_json(found.document())
        return
    emit_table([_listed(found)])
    click.echo()
    emit_table(_columns(found.mapping.columns))
    if found.mapping.unused:
        click.echo(f"\nNot used: {', '.join(found.mapping.unused)}")


@mappings_group.command("approve")
@click.argument("mapping_id")
@click.option("--version", type=int, help="Version; the newest by default.")
@click.pass_obj
def approve_command(session: Session, mapping_id: str, version: int | None) -> None:
    """Approve a mapping that another person saved."""
    click.echo(f"Approved the mapping {store.approve(session.context, mapping_id, version).label}.")


@mappings_group.command("withdraw")
@click.argument("mapping_id")
@click.option("--version", type=int, help="Version; the newest by default.")
@click.option("--reason", required=True, help="Why the mapping is withdrawn; recorded in the audit log.")
@click.pass_obj
def withdraw_command(session: Session, mapping_id: str, version: int | None, reason: str) -> None:
    """Withdraw a mapping: no further file is loaded by it; batches that were loaded stay."""
    found = store.withdraw(session.context, mapping_id, version, reason=reason)
    click.echo(f"Withdrew the mapping {found.label}.")


def _listed(stored: StoredMapping) -> dict[str, object]:
    return {
        "mapping_id": stored.mapping_id,
        "version": stored.version,
        "table": stored.mapping.table,
        "file": stored.file,
        "state": stored.state,
        "saved_by": stored.created.name,
        "saved_at": stored.created.at,
        "approved_by": stored.approved.name if stored.approved else None,
    }


def _columns(columns: Sequence[ColumnMapping]) -> list[dict[str, object]]:
    return [
        {
            "column": each.target,
            "function": FUNCTIONS[each.function].label,
            "from": ", ".join(each.columns),
            "options": ", ".join(f"{name} {value}" for name, value in each.options.items()),
        }
        for each in columns
    ]


COMMANDS = (map_command, mappings_group)
