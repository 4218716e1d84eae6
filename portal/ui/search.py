"""Search over runs, releases, batches, rules, charts and columns, from every page (Ctrl+K)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import streamlit as st

from pipeline.contracts.dictionary import entries
from pipeline.contracts.model import all_contracts
from portal.dashboards.catalog import CHARTS
from portal.ui import cache, names, session, word_search
from portal.ui.releases import listing

MOST = 5
"""Maximum number of hits of each kind."""

_NEWEST = 50


@dataclass(frozen=True)
class Hit:
    """A page that matches: its kind, its label, and where it is."""

    kind: str
    label: str
    page: str
    query: Mapping[str, str] = field(default_factory=dict)


def button() -> None:
    """Draw the button that opens the search, also by Ctrl+K."""
    if st.sidebar.button("Search", icon=":material/search:", shortcut="Ctrl+K", width="stretch"):
        _dialog()


@st.dialog("Search")
def _dialog() -> None:
    wanted = st.text_input(
        "Runs, releases, batches, rules, charts and columns", placeholder="for example: run 12, readmission"
    ).strip()
    if not wanted:
        return
    found = hits(wanted)
    if not found:
        st.caption("No matches.")
    for hit in found:
        st.page_link(
            f"app_pages/{hit.page}.py", label=f"{hit.kind}: {hit.label}", query_params=dict(hit.query)
        )


def hits(wanted: str) -> list[Hit]:
    """Return the pages that match, at most `MOST` of each kind."""
    found: list[Hit] = []
    counts: dict[str, int] = {}
    for hit in _all(wanted):
        counts[hit.kind] = counts.get(hit.kind, 0) + 1
        if counts[hit.kind] <= MOST:
            found.append(hit)
    return found


def _all(wanted: str) -> Iterator[Hit]:
    person = session.user()
    if person.may("watch_runs"):
        yield from _named(wanted)
    if person.may("import_data"):
        yield from _batches(wanted)
    for page, charts in CHARTS.items():
        for chart in charts:
            if word_search.matches(wanted, chart.title, chart.note):
                yield Hit("Chart", f"{chart.title} ({page})", page)
    for contract in all_contracts():
        for rule in contract.rules:
            if word_search.matches(wanted, rule.id, rule.description):
                yield Hit(
                    "Rule",
                    f"{rule.id} {rule.description}",
                    "quality",
                    {"rule": f"{contract.table}:{rule.id}"},
                )
    for entry in entries():
        if word_search.matches(wanted, entry.column, entry.meaning):
            where = f"{entry.zone}.{entry.table}"
            yield Hit("Column", f"{where}.{entry.column}", "dictionary", {"table": where})


def _named(wanted: str) -> Iterator[Hit]:
    for run in cache.recent_runs(_NEWEST):
        if _is_named(wanted, names.run(run.run_id), run.run_id):
            yield Hit("Run", names.run_at(run), "run", {"run": run.run_id})
    for release_id in listing.ids()[:_NEWEST]:
        if _is_named(wanted, names.release(release_id), release_id):
            yield Hit("Release", names.release(release_id), "releases", {"release": release_id})


def _batches(wanted: str) -> Iterator[Hit]:
    for state in cache.batch_states()[:_NEWEST]:
        label = names.batch_state(state)
        if _is_named(wanted, label, state.batch.batch_id):
            yield Hit("Batch", label, "data", {"batch": state.batch.batch_id})


def _is_named(wanted: str, name: str, identifier: str) -> bool:
    """Return whether a name has all words of the search, whole numbers only, or the id contains it."""
    words = name.lower().replace(",", "").split()
    asked = wanted.lower().split()
    is_in_name = all(word in words if word.isdigit() else word in name.lower() for word in asked)
    return is_in_name or (len(wanted) > 3 and wanted.lower() in identifier.lower())
