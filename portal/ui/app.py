"""Entry point of the portal: page configuration, sign-in and navigation."""

from __future__ import annotations

from importlib.metadata import version

import streamlit as st

from portal.core import auth
from portal.core.sign_in import SignInError
from portal.reviews import wording
from portal.ui import banner, frame, search, session, sign_out

frame.configure()


def role_name(role: auth.Role) -> str:
    return auth.label(role).capitalize()


if auth.role_choice_enabled():
    # Streamlit knows only the exact label in the address; for any other name it would choose the default role
    if "role" not in st.session_state and (named := st.query_params.get("role")):
        st.session_state["role"] = auth.parse_role(named)
    with st.sidebar:
        st.selectbox(
            "Role",
            auth.ROLES,
            index=auth.ROLES.index("engineer"),
            format_func=role_name,
            key="role",
            bind="query-params",
        )

try:
    person = session.user()
except SignInError as error:
    st.title("Health Data Portal")
    st.error(str(error))
    sign_out.link("Sign out and sign in again")
    st.stop()

PAGES = [
    st.Page("app_pages/overview.py", title="Overview", icon=":material/home:", default=True),
    st.Page("app_pages/encounters.py", title="Encounters", icon=":material/local_hospital:"),
    st.Page("app_pages/medications.py", title="Medications", icon=":material/medication:"),
    st.Page("app_pages/orders.py", title="Orders", icon=":material/prescriptions:"),
    st.Page("app_pages/patients.py", title="Patients", icon=":material/group:"),
    st.Page("app_pages/quality.py", title="Quality", icon=":material/fact_check:"),
]
if person.may("import_data"):
    PAGES.append(st.Page("app_pages/data.py", title="Data", icon=":material/upload:"))
if person.may("watch_runs"):
    PAGES.append(st.Page("app_pages/runs.py", title="Runs", icon=":material/account_tree:"))
    PAGES.append(st.Page("app_pages/run.py", title="Run", visibility="hidden"))
    PAGES.append(st.Page("app_pages/releases.py", title="Releases", icon=":material/new_releases:"))
if person.may("query"):
    PAGES.append(st.Page("app_pages/sql.py", title="SQL", icon=":material/database:"))
if person.may("see_audit_log"):
    PAGES.append(st.Page("app_pages/audit.py", title="Audit log", icon=":material/policy:"))
if person.may("manage_roles"):
    PAGES.append(st.Page("app_pages/people.py", title="People and roles", icon=":material/badge:"))
PAGES.append(st.Page("app_pages/alerts.py", title="Alerts", icon=":material/notifications:"))
PAGES.append(st.Page("app_pages/dictionary.py", title="Dictionary", icon=":material/menu_book:"))

page = st.navigation(PAGES)
frame.installation()
search.button()
if not auth.role_choice_enabled():
    st.sidebar.caption(f"{wording.escape_markdown(person.name)} · {', '.join(map(auth.label, person.roles))}")
for principal in person.deputy_for:
    st.sidebar.caption(f"Deputy for {wording.escape_markdown(str(principal))}")
with st.sidebar:
    sign_out.link("Sign out")
st.sidebar.caption(f"Health data portal {version('health-data-portal')}")
if session.guarded(session.record_sign_in):
    session.guarded(lambda: banner.draw(page.url_path))
    session.guarded(page.run)
