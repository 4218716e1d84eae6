"""Saved views and annotations on a dashboard: open, save and remove them."""

from __future__ import annotations

from collections.abc import Callable

import streamlit as st

from portal.core.errors import ServiceError
from portal.dashboards import shared_notes
from portal.dashboards.query_builder import Dataset
from portal.dashboards.shared_notes import SavedView
from portal.reviews import wording
from portal.ui import cache, session

_NOT_SAVED = {"view", "role", "release", "rows"}
"""Parameters of the URL that a view does not keep: it shows the published release under the reader's role."""


def open_from_url() -> None:
    """Replace `view=` in the URL by the parameters of that view; raise `ServiceError` if there is none."""
    if not (view_id := st.query_params.get("view")):
        return
    found = shared_notes.view(session.context(), view_id)
    st.query_params.pop("view")
    _show(found)
    st.rerun()


def _show(view: SavedView) -> None:
    kept = {name: st.query_params.get_all(name) for name in ("role",) if name in st.query_params}
    st.query_params.from_dict({**kept, **view.parameters})


def menu(dataset: Dataset) -> None:
    """Draw the menus of saved views and, for those who may query, of annotations."""
    with st.container(horizontal=True):
        with st.popover("Saved views", icon=":material/bookmark:"):
            _guarded(lambda: _views(dataset))
        if dataset.date_sql and session.user().may("query"):
            with st.popover("Annotations", icon=":material/flag:"):
                _guarded(_annotations)


def _guarded(draw: Callable[[], None]) -> None:
    try:
        draw()
    except ServiceError as error:
        session.show_error(error)


def _views(dataset: Dataset) -> None:
    """List the views of the page, each with its link and, for its owner, a button that removes it."""
    page, own = dataset.name, session.context().settings.user
    for view in cache.saved_views(page):
        left, middle, right = st.columns([4, 1, 1], vertical_alignment="center")
        left.markdown(f"[{wording.escape_markdown(view.name)}](?view={view.view_id})")
        left.caption(f"By {wording.escape_markdown(view.owner)}, {view.created_at[:10]}")
        middle.button("Open", key=f"open-view-{view.view_id}", on_click=_show, args=(view,))
        if view.owner == own and right.button("Remove", key=f"remove-view-{view.view_id}"):
            shared_notes.remove_view(session.context(), view.view_id)
            cache.saved_views.clear()
            st.rerun()
    name = st.text_input(
        "Save these filters as",
        max_chars=shared_notes.LONGEST,
        key=f"view-name-{page}",
        help="All users can see the name. Do not enter patient data.",
    )
    if st.button("Save view", key=f"save-view-{page}", disabled=not name.strip()):
        names = [each for each in st.query_params if each not in _NOT_SAVED]
        parameters = {each: st.query_params.get_all(each) for each in names}
        shared_notes.save_view(session.context(), name, page, parameters)
        cache.saved_views.clear()
        st.rerun()


def _annotations() -> None:
    """List the annotations, and draw a form for a new one."""
    own = session.context().settings.user
    for note in cache.chart_annotations():
        left, right = st.columns([4, 1], vertical_alignment="center")
        left.markdown(f"**{note.month}** {wording.escape_markdown(note.text)}")
        left.caption(f"By {wording.escape_markdown(note.author)}, {note.created_at[:10]}")
        if note.author == own and right.button("Remove", key=f"remove-note-{note.annotation_id}"):
            shared_notes.remove_annotation(session.context(), note.annotation_id)
            cache.chart_annotations.clear()
            st.rerun()
    with st.form("annotation", border=False, clear_on_submit=True):
        month = st.text_input("Month", placeholder="for example: 2025-03", max_chars=7)
        text = st.text_input(
            "What happened",
            max_chars=shared_notes.LONGEST,
            placeholder="for example: New ward opened",
            help="All users can see this. Do not enter patient data.",
        )
        if st.form_submit_button("Add annotation"):
            shared_notes.annotate(session.context(), month.strip(), text)
            cache.chart_annotations.clear()
            st.rerun()
