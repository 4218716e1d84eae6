"""Page configuration, sign-in and navigation; nothing else."""

from __future__ import annotations

from importlib.metadata import version

import streamlit as st

from portal import auth
from portal.components import banner, state
from portal.sign_in import SignInError

st.set_page_config(page_title="Health data portal", page_icon=":material/monitor_heart:", layout="wide")

# Streamlit writes white on the primary colour; on a dark page that colour is light, so that it can be read as text.
st.html(
    """<style>@media (prefers-color-scheme: dark) {
    [data-testid^="stBaseButton-primary"] p, [data-testid="stMultiSelectTagsContainer"] [data-tag] * {color: #06202f}
    }</style>"""
)

if auth.may_choose_role():
    with st.sidebar:
        st.selectbox(
            "Role",
            auth.ROLES,
            index=auth.ROLES.index("engineer"),
            format_func=str.title,
            key="role",
            bind="query-params",
        )

try:
    person = state.user()
except SignInError as error:
    st.title("Health data portal")
    st.error(str(error))
    st.stop()

PAGES = [
    st.Page("app_pages/overview.py", title="Overview", icon=":material/home:", default=True),
    st.Page("app_pages/encounters.py", title="Encounters", icon=":material/local_hospital:"),
    st.Page("app_pages/medications.py", title="Medications", icon=":material/medication:"),
    st.Page("app_pages/patients.py", title="Patients", icon=":material/group:"),
    st.Page("app_pages/quality.py", title="Quality", icon=":material/fact_check:"),
]
if person.may("import_data"):
    PAGES.append(st.Page("app_pages/data.py", title="Data", icon=":material/upload:"))
if person.may("watch_runs"):
    PAGES.append(st.Page("app_pages/runs.py", title="Runs", icon=":material/account_tree:"))
    PAGES.append(st.Page("app_pages/run.py", title="Run", visibility="hidden"))
if person.may("query"):
    PAGES.append(st.Page("app_pages/sql.py", title="SQL", icon=":material/database:"))
PAGES.append(st.Page("app_pages/alerts.py", title="Alerts", icon=":material/notifications:"))
PAGES.append(st.Page("app_pages/dictionary.py", title="Dictionary", icon=":material/menu_book:"))

page = st.navigation(PAGES)
if not auth.may_choose_role():
    st.sidebar.caption(f"{person.name} · {person.role}")
st.sidebar.caption(f"Health data portal {version('health-data-portal')}")
if page.url_path != "alerts":  # which lists them itself
    state.guarded(banner.draw)
state.guarded(page.run)
