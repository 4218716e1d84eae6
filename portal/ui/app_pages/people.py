"""Page People and roles: the people of the roles file, and forms to change their roles and deputies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pandas as pd
import streamlit as st

from portal.core.auth import ROLES, label
from portal.core.errors import ServiceError
from portal.people import service as people
from portal.people.roles_file import Person
from portal.reviews.wording import escape_markdown
from portal.ui import session

st.title("People and roles")
if not session.user().may("manage_roles"):
    st.info("Roles are changed by administrators. Ask one, or switch to that role.")
    st.stop()

_DONE = "roles-changed"
"""Session-state key of the message about the last change."""


def table(found: list[Person]) -> None:
    today = datetime.now(UTC).date()
    rows = [
        {
            "Person": person.name,
            "E-mail or sign-in ID": person.person_id,
            "Roles": ", ".join(map(label, person.roles)),
            "Deputies": "; ".join(
                f"{each.person}, {each.first} to {each.last}"
                + (" (now)" if each.is_named_on(today) else " (over)" if each.last < today else "")
                for each in person.deputies
            ),
        }
        for person in found
    ]
    st.dataframe(
        pd.DataFrame(rows),
        hide_index=True,
        width="stretch",
        placeholder="–",
        column_config={"Deputies": st.column_config.TextColumn(width="large")},
    )


def change(act: Callable[[], object], done: str) -> None:
    """Call `act`, then redraw the page with the message `done`; a `ServiceError` is shown instead."""
    try:
        act()
    except ServiceError as error:
        session.show_error(error)
        return
    st.session_state[_DONE] = f"{done} It takes effect within {people.CACHE_SECONDS:.0f} seconds."
    st.rerun()


def grant_form() -> None:
    with st.form("grant", clear_on_submit=False):
        who = st.text_input(
            "E-mail or sign-in ID",
            key="grant-person",
            max_chars=254,
            help="A verified e-mail address, or the person's ID in the sign-in service (Cognito: sub).",
        )
        name = st.text_input("Name (in signatures of deputies)", key="grant-name", max_chars=254)
        roles = st.multiselect("Roles", ROLES, format_func=label, key="grant-roles")
        reason = st.text_input("Reason (audited)", key="grant-reason", max_chars=500)
        if st.form_submit_button("Grant", type="primary"):
            change(
                lambda: people.grant(session.context(), who, roles, name=name, reason=reason),
                f"Granted {', '.join(map(label, roles))} to {escape_markdown(who)}.",
            )


def revoke_form(found: list[Person]) -> None:
    chosen = st.selectbox("Person", found, format_func=_named, key="revoke-person")
    with st.form("revoke"):
        roles = st.multiselect("Roles", chosen.roles, format_func=label, key="revoke-roles")
        reason = st.text_input("Reason (audited)", key="revoke-reason", max_chars=500)
        if st.form_submit_button("Revoke", type="primary"):
            change(
                lambda: people.revoke(session.context(), chosen.person_id, roles, reason=reason),
                f"Revoked {', '.join(map(label, roles))} from {escape_markdown(chosen.name)}.",
            )


def deputy_form(clinicians: list[Person]) -> None:
    if not clinicians:
        st.caption("The roles file names no clinician yet. Only clinicians have deputies.")
        return
    today = datetime.now(UTC).date()
    with st.form("deputy"):
        chosen = st.selectbox("Clinician", clinicians, format_func=_named, key="deputy-for")
        deputy = st.text_input("Deputy (e-mail or sign-in ID)", key="deputy-person", max_chars=254)
        left, right = st.columns(2)
        first = left.date_input("From", today, format="YYYY-MM-DD", key="deputy-from")
        last = right.date_input("To", today + timedelta(days=13), format="YYYY-MM-DD", key="deputy-to")
        reason = st.text_input("Reason (audited)", key="deputy-reason", max_chars=500)
        if st.form_submit_button("Name deputy", type="primary"):
            person_id = chosen.person_id
            change(
                lambda: people.name_deputy(session.context(), person_id, deputy, first, last, reason=reason),
                f"{escape_markdown(deputy)} is a deputy of {escape_markdown(chosen.name)}.",
            )
    _end_form([(person, each.person) for person in clinicians for each in person.deputies])


def _end_form(deputies: list[tuple[Person, str]]) -> None:
    if not deputies:
        return
    with st.form("end-deputy"):
        person, deputy = st.selectbox(
            "Deputyship",
            deputies,
            format_func=lambda each: f"{each[1]} for {_named(each[0])}",
            key="end-which",
        )
        reason = st.text_input("Reason (audited)", key="end-reason", max_chars=500)
        if st.form_submit_button("End deputyship"):
            change(
                lambda: people.end_deputy(session.context(), person.person_id, deputy, reason=reason),
                f"{escape_markdown(deputy)} is no longer a deputy of {escape_markdown(person.name)}.",
            )


def _named(person: Person) -> str:
    return person.name if person.name == person.person_id else f"{person.name} ({person.person_id})"


def draw() -> None:
    st.caption(
        "These roles are added to those of the groups in the sign-in service. A deputy may review and sign "
        "releases for a clinician until the last day; the signature names both."
    )
    if message := st.session_state.pop(_DONE, None):
        st.success(message)
    found = people.list_people(session.context())
    if found:
        table(found)
    else:
        st.info("The roles file names nobody yet. Roles come from the groups of the sign-in service alone.")
    granting, revoking, deputies = st.tabs(["Grant roles", "Revoke roles", "Deputies"])
    with granting:
        grant_form()
    with revoking:
        if found:
            revoke_form(found)
        else:
            st.caption("The roles file gives nobody a role.")
    with deputies:
        deputy_form([person for person in found if "clinician" in person.roles])


session.guarded(draw)
