"""One release: measures and rows against the previous release, batches, signature, and what to do with it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from pipeline.releases.model import Published, Release
from portal.core.errors import ServiceError
from portal.dashboards import measures
from portal.dashboards.query_builder import Dataset, Filters, QueryBuilder
from portal.releases import service as releases
from portal.releases import timeline
from portal.reviews.wording import escape_markdown
from portal.ui import cache, formats, names, session
from portal.ui.releases import change, listing

_DASHBOARDS = {
    "encounters": "Encounters",
    "medications": "Medications",
    "orders": "Orders",
    "patients": "Patients",
}


def draw(release: Release, published: Published | None) -> None:
    """Draw a release with its comparison, and the buttons and links to work with it."""
    state = timeline.state(release, published, listing.review_log().events)
    left, right = st.columns([6, 1], vertical_alignment="center")
    left.markdown(f"### {names.release(release.release_id)} · {listing.STATES[state]}")
    with right:
        names.ids({"Release and run": release.release_id})
    st.caption(_story(release))
    _links(release, state, published)
    before = previous(release, published)
    compared, batches = st.columns([3, 2])
    with compared:
        _measures(release, before)
    with batches:
        _rows(release, before)
    _batches(release, before)


def previous(release: Release, published: Published | None) -> Release | None:
    """Return the release that readers saw before this one, else its parent; None if there is none."""
    name = release.parent_release_id
    if published and published.release_id == release.release_id:
        name = published.previous_release_id or name
    return releases.find(session.context(), name) if name else None


def _story(release: Release) -> str:
    built = formats.when(formats.parse_timestamp(release.created_at))
    entry = next(
        (e for e in timeline.entries(cache.published(), listing.review_log().events)
         if e.release_id == release.release_id),
        None,
    )  # fmt: skip
    words = f"Built {built} by {names.run(release.run_id)}. {listing.findings(release)}."
    if entry is None:
        return words
    at = formats.when(formats.parse_timestamp(entry.at))
    why = f": “{escape_markdown(entry.reason)}”" if entry.reason else ""
    return f"{words} {entry.action.capitalize()} {at} by {escape_markdown(entry.by)}{why}."


def _links(release: Release, state: timeline.State, published: Published | None) -> None:
    """Draw links to charts, findings and run of the release, and the button to publish or roll back."""
    query = {"release": release.release_id}
    with st.container(horizontal=True, vertical_alignment="center"):
        for page, label in _DASHBOARDS.items():
            st.page_link(f"app_pages/{page}.py", label=label, icon=":material/bar_chart:", query_params=query)
        run = {"run": release.run_id}
        st.page_link("app_pages/quality.py", label="Findings", icon=":material/fact_check:", query_params=run)
        st.page_link("app_pages/run.py", label="Run", icon=":material/account_tree:", query_params=run)
        if state not in {"held", "rejected"}:
            change.draw(release, published)
    if state == "held":
        st.info("This release can be published once a clinician has approved it.")


def _measures(release: Release, before: Release | None) -> None:
    st.markdown("**Measures against the previous release**" if before else "**Measures**")
    now, then = of(release.release_id), of(before.release_id) if before else {}
    rows = [
        {
            "Measure": measure.label,
            names.release(release.release_id): measure.text(now.get(name)),
            **(
                {
                    names.release(before.release_id): measure.text(then.get(name)),
                    "Change": measure.change(now.get(name), then.get(name)),
                }
                if before
                else {}
            ),
        }
        for name, measure in measures.MEASURES.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch", height="content")


def of(release_id: str) -> Mapping[str, float | None]:
    """Return the key measures of a release; a measure whose table the release lacks is None."""

    def aggregate(dataset: Dataset, wanted: Mapping[str, str]) -> Mapping[str, Any]:
        def statement(builder: QueryBuilder, rows: Dataset) -> str:
            return builder.aggregates(rows, wanted, Filters())

        try:
            row = cache.aggregate(dataset, statement, release_id).frame.iloc[0]
            return {str(name): row[name] for name in wanted}
        except ServiceError:
            return dict.fromkeys(wanted)

    return measures.values(aggregate)


def _rows(release: Release, before: Release | None) -> None:
    st.markdown("**Rows**")
    rows = []
    for table, count in release.tables.items():
        was = before.tables.get(table) if before else None
        rows.append(
            {"Table": table, "Rows": count, "Change": "" if was is None else formats.change(count, was)}
        )
    frame = pd.DataFrame(rows)
    st.dataframe(
        frame, hide_index=True, width="stretch", height="content", column_config=session.numbers(frame)
    )


def _batches(release: Release, before: Release | None) -> None:
    known = set(before.batch_ids) if before else set()
    new = [each for each in release.batch_ids if each not in known]
    gone = sorted(known - set(release.batch_ids))
    text = f"{len(release.batch_ids):,} batch{'es' if len(release.batch_ids) != 1 else ''}"
    if before:
        text += (
            f", new since {names.release(before.release_id)}: {', '.join(map(names.batch, new)) or 'none'}"
        )
        text += f"; left out: {', '.join(map(names.batch, gone))}" if gone else ""
    st.caption(f"{text}.")
