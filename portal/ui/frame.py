"""The frame of every page: name and icon, installation, width, and the user's place in it.

No part of it is fetched from another host: hospitals block those, and they would learn of every visit.
"""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from portal.core.settings import SettingsError
from portal.reviews import wording
from portal.ui import click_feedback, session

IMAGES = Path(__file__).parent / "images"

_STYLE = """
<style>
.stMainBlockContainer { padding: 2.5rem 2rem 3rem; }
.stMainBlockContainer h1 { font-size: 1.75rem; padding: .25rem 0; }
@media (max-width: 640px) { .stMainBlockContainer { padding: 3.5rem 1rem 2rem; } }
/* on dark pages the primary color is light, so that links are readable; text on it must then be dark */
@media (prefers-color-scheme: dark) {
  [data-testid^="stBaseButton-primary"] p, [data-testid="stMultiSelectTagsContainer"] [data-tag] * {
    color: #06202f;
  }
}
</style>
"""


def configure() -> None:
    """Set title, icon and layout of the page; call it before anything is drawn."""
    st.set_page_config(page_title="Health Data Portal", page_icon=str(IMAGES / "icon.svg"), layout="wide")
    st.html(_STYLE)
    click_feedback.install()
    st.logo(str(IMAGES / "logo.svg"), size="large", icon_image=str(IMAGES / "icon.svg"))


def installation() -> None:
    """Draw the name of the hospital and a badge with the name of the installation in the sidebar."""
    try:
        settings = session.process_context().settings
    except SettingsError:
        return
    with st.sidebar.container(horizontal=True, vertical_alignment="center"):
        if settings.hospital:
            st.caption(wording.escape_markdown(settings.hospital))
        if settings.environment:
            is_prod = "prod" in settings.environment.lower()
            st.badge(settings.environment, color="red" if is_prod else "gray", help="This installation")
