"""Names of runs, releases and batches as people say them: "Run 12", "Release 7", "Batch 5".

Ids stay in URLs, on the command line and in `ids`, from which they can be copied.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import streamlit as st

from portal.athena.client import QueryResult
from portal.batches import service as batches
from portal.batches.lifecycle import BatchState
from portal.batches.service import Batch
from portal.core import numbers
from portal.core.numbers import Kind
from portal.core.vocabulary import BATCH_STATES
from portal.dashboards.suppressed_views import count_in_words
from portal.releases import service as releases
from portal.runs import service as runs
from portal.runs.model import Run
from portal.ui import formats, session

SOURCES = {"native": "Portal format", "synthea": "Synthea", "omop": "OMOP", "fhir": "FHIR", "hl7": "HL7"}


def _number(kind: Kind, name: str) -> int | None:
    context = session.process_context()
    every = {
        "run": lambda: (run.run_id for run in runs.newest_first(context)),
        "release": lambda: releases.ids(context),
        "batch": lambda: batches.ids(context),
    }
    return numbers.number(context, kind, name, every[kind])


def _name(kind: Kind, name: str) -> str:
    found = _number(kind, name)
    return f"{kind.capitalize()} {found if found else name}"


def run(run_id: str) -> str:
    """Return the name of a run: "Run 12"."""
    return _name("run", run_id)


def run_at(run: Run) -> str:
    """Return the name of a run with its start: "Run 12, 27 Nov 19:40"."""
    return f"{_name('run', run.run_id)}, {formats.short(run.started_at)}"


def release(release_id: str) -> str:
    """Return the name of a release: "Release 7"."""
    return _name("release", release_id)


def batch(batch_id: str) -> str:
    """Return the name of a batch: "Batch 5"."""
    return _name("batch", batch_id)


def batch_contents(each: Batch) -> str:
    """Return source, patients and time of a batch: "Batch 5 · Synthea · 27 patients · 27 Nov 19:21"."""
    rows = next(((table, n) for table, n in each.rows.items() if table == "patients"), None)
    table, n = rows or next(iter(each.rows.items()), ("rows", 0))
    parts = [batch(each.batch_id), source(each), f"{n:,} {table if n != 1 else table.removesuffix('s')}"]
    return " · ".join([*parts, formats.short(formats.parse_timestamp(each.received_at))])


def batch_state(state: BatchState) -> str:
    """Return the contents of a batch with its status: "Batch 5 · Synthea · 27 patients · … · new"."""
    return f"{batch_contents(state.batch)} · {BATCH_STATES[state.status].lower()}"


def source(each: Batch) -> str:
    """Return the source of a batch as people say it: "Synthea", or "Generated" for generated samples."""
    return "Generated" if each.seed is not None else SOURCES.get(each.source, each.source)


_TOKEN = re.compile(r"(?:\b(run|release|batch) )?(['‘]?)\b((?:run-)?\d{8}T[\w.-]*\w)\2(?!\w)", re.IGNORECASE)
"""An id of a run, release or batch that contains a timestamp, with the word before it."""


def in_text(text: str) -> str:
    """Return a message with the ids in it replaced by names: "Release 7 is held."."""

    def named(found: re.Match[str]) -> str:
        word, name = (found[1] or "").lower(), found[3]
        kind: Kind = "release" if word == "release" else "run" if name.startswith("run-") else "batch"
        number = _number(kind, name)
        return f"{kind.capitalize()} {number}" if number else found[0]

    return _TOKEN.sub(named, text)


def ids(named: Mapping[str, str]) -> None:
    """Draw a small button that shows ids to copy; `named` has them by what they name."""
    with st.popover("IDs", icon=":material/content_copy:", type="tertiary"):
        for what, value in named.items():
            st.caption(what)
            st.code(value, language=None)


def as_of(answer: QueryResult) -> str:
    """Return the caption of a query result: release, rows, bytes scanned by Athena if any, and duration.

    Viewers see a small number of rows only as an upper bound.
    """
    rows = len(answer.frame) if answer.rows is None else answer.rows
    is_exact = answer.rows is None or session.user().may("query")
    source = f"{session.size(answer.scanned)} scanned" if answer.query_id else "computed in memory"
    return (
        f"As of {release(str(answer.release_id))}: {f'{rows:,}' if is_exact else count_in_words(rows)} rows, "
        f"{source}, {answer.seconds:.1f} s"
    )
