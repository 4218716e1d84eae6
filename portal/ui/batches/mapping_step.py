"""The mapping step of an import: columns of no known format with their proposals, to confirm or to change."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

import pandas as pd
import streamlit as st

from pipeline.sources.mapped.functions import FUNCTIONS
from pipeline.sources.mapped.model import REQUIRED, ColumnMapping, FileMapping
from portal.batches.inspection import Inspected
from portal.batches.mapping import service, store
from portal.batches.mapping.check import Preview
from portal.batches.mapping.propose import Proposal
from portal.batches.mapping.service import Step
from portal.batches.mapping.store import StoredMapping
from portal.batches.source_file import SourceFile
from portal.core.errors import ServiceError
from portal.reviews.wording import without_links
from portal.ui import session

NOT_USED, NOT_NEEDED = "not used", "Not needed"
_EVERY_ROW = "(every row)"

Files = Sequence[SourceFile | Inspected]
State = Literal["", "waits", "left out"]


def steps(files: Files, encoding: str) -> list[Step]:
    """Return the files of no known format, each as the table that the person chose or that is proposed."""
    return service.to_map(session.context(), files, encoding, _tables())


def contents(step: Step) -> str:
    """Return what a file is as text: "To map: patients"."""
    table = step.stored.mapping.table if step.stored and step.status != "changed columns" else ""
    return f"{step.status.capitalize()}: {table or step.proposal.table or 'fits no table'}"


def draw(found: Sequence[Step], files: Files) -> tuple[list[SourceFile | Inspected], bool]:
    """Draw the step of each file.

    Return the files of the import, with those that a person leaves out marked, and whether a file waits for
    its mapping.
    """
    states = {step.file.name: _draw(step) for step in found}
    left_out = {name for name, state in states.items() if state == "left out"}
    marked = [_left_out(each) if _name(each) in left_out else each for each in files]
    return marked, "waits" in states.values()


def _draw(step: Step) -> State:
    if step.status == "mapped" and step.stored:
        st.caption(f"{without_links(step.file.name)} is loaded by the mapping {step.stored.label}.")
        return ""
    if step.status == "waiting for approval" and step.stored:
        _waiting(step, step.stored)
        return "waits"
    return _form(step)


def _tables() -> dict[str, str]:
    """Return the tables that the person chose, by file name."""
    prefix = "map-table-"
    state = {str(key): value for key, value in st.session_state.items()}
    chosen = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    return {name: table for name, table in chosen.items() if table in REQUIRED}


def _name(file: SourceFile | Inspected) -> str:
    return file.name if isinstance(file, SourceFile) else file.file.name


def _left_out(file: SourceFile | Inspected) -> Inspected:
    found = file if isinstance(file, SourceFile) else file.file
    return Inspected(found, "not needed", reason=f"{session.user().name} left it out")


def _waiting(step: Step, stored: StoredMapping) -> None:
    """Say that a mapping waits for a second person, and let that person approve it."""
    st.info(
        f"{without_links(step.file.name)}: the mapping {stored.label}, saved by {stored.created.name}, waits "
        "for the approval of a second person."
    )
    if stored.created.subject != session.user().subject and st.button(
        "Approve mapping", key=f"map-approve-{stored.label}"
    ):
        _do(lambda: store.approve(session.context(), stored.mapping_id, stored.version))


def _form(step: Step) -> State:
    """Draw table, columns, check and button of a file; return its state."""
    name = step.file.name
    with st.container(border=True):
        st.markdown(f"**Map the columns of {without_links(name)}**")
        if step.changes:
            st.warning(without_links(f"'{name}' {step.changes}"))
        choices = [*REQUIRED, NOT_NEEDED]
        index = choices.index(step.proposal.table) if step.proposal.table else None
        table = st.selectbox(
            "Table", choices, index, key=f"map-table-{name}", placeholder="The file fits no table"
        )
        if table == NOT_NEEDED:
            st.caption("The file is not loaded.")
            return "left out"
        if table is None:
            return ""
        mapping, is_confirmed = _columns(step)
        _check(step, mapping)
        problem = service.problem(mapping)
        if problem:
            st.warning(without_links(problem))
        if st.button(
            "Save mapping", key=f"map-save-{name}", type="primary", disabled=bool(problem) or not is_confirmed
        ):
            _do(lambda: store.save(session.context(), name, mapping))
        if not (problem or is_confirmed):
            st.caption("Confirm every column to save the mapping.")
    return "waits"


def _do(action: Any) -> None:
    try:
        action()
    except ServiceError as error:
        session.show_error(error)
        return
    st.rerun()


def _columns(step: Step) -> tuple[FileMapping, bool]:
    """Draw the columns; return the mapping as chosen, and whether each column is confirmed."""
    name, proposals = step.file.name, step.proposal.columns
    labels = [_described(each) for each in proposals]
    targets = service.targets(step.proposal.table)
    everything = st.checkbox("I have checked every column: confirm all as shown", key=f"map-all-{name}")
    rows = [
        {
            "Column": each.column or _EVERY_ROW,
            "Becomes": label,
            "Confirmed": everything or not each.needs_confirmation,
            "Confidence": f"{each.confidence:.0%}",
            "Samples": ", ".join(each.samples),
            "Note": each.note,
        }
        for each, label in zip(proposals, labels, strict=True)
    ]
    options = list(dict.fromkeys([NOT_USED, *labels, *targets]))
    edited = st.data_editor(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        key=f"map-columns-{name}-{step.proposal.table}-{everything}",
        disabled=["Column", "Confidence", "Samples", "Note"],
        column_config={"Becomes": st.column_config.SelectboxColumn(options=options, required=True)},
    )
    chosen = [
        _chosen(step, each, str(becomes), label)
        for each, becomes, label in zip(proposals, edited["Becomes"], labels, strict=True)
    ]
    unique = {each.target: each for found in chosen for each in found}
    mapping = FileMapping(step.proposal.table, step.unknown.layout.header, tuple(unique.values()))
    return mapping, bool(edited["Confirmed"].all())


def _described(proposal: Proposal) -> str:
    """Return what a column becomes as text: "birth_date (a date: %m/%d/%Y)"."""
    return ", ".join(_part(each) for each in proposal.mappings) or NOT_USED


def _part(mapping: ColumnMapping) -> str:
    if mapping.function == "copy":
        return mapping.target
    codes = mapping.options.get("codes")
    if codes:
        return f"{mapping.target} ({', '.join(f'{theirs} is {ours}' for theirs, ours in codes.items())})"
    detail = mapping.options.get("value") or mapping.options.get("format") or mapping.options.get("part")
    return f"{mapping.target} ({FUNCTIONS[mapping.function].label}{f': {detail}' if detail else ''})"


def _chosen(step: Step, proposal: Proposal, becomes: str, label: str) -> tuple[ColumnMapping, ...]:
    """Return what a person chose for a column: the proposal, nothing, or another bronze column."""
    if becomes == label:
        return proposal.mappings
    if becomes == NOT_USED or not proposal.column:
        return ()
    return service.as_target(step, proposal.column, becomes)


def _check(step: Step, mapping: FileMapping) -> None:
    """Say what would be refused, before anything is loaded."""
    if service.problem(mapping):
        return
    try:
        found = _preview(step, mapping)
    except ServiceError as error:
        session.show_error(error)
        return
    if not found.refused:
        st.success(f"None of {found.rows:,} rows would be refused.")
        return
    st.warning(f"{found.refused:,} of {found.rows:,} rows would be refused.")
    rows = [
        {
            "Column": each.column or "the row",
            "Why": each.problem,
            "Rows": each.rows,
            "Examples": ", ".join(each.examples),
        }
        for each in found.refusals
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")


def _preview(step: Step, mapping: FileMapping) -> Preview:
    """Return the check of a file, which reads all of it once per mapping."""
    key = (step.file.uri or step.file.name, step.file.size, json.dumps(mapping.document(), sort_keys=True))
    checked: dict[Any, Preview] = st.session_state.setdefault("map-checked", {})
    if key not in checked:
        checked[key] = service.check(session.context(), step.unknown, mapping)
    return checked[key]
