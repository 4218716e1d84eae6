"""What may leave a page: the choice of a person who sees exact figures, and what exports say of small counts."""

from __future__ import annotations

import streamlit as st

from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.releases import service as releases
from portal.ui import session

EXACT = f"none suppressed: counts below {MINIMUM_CELL_SIZE} may be in it, do not share"
SYNTHETIC = "none suppressed: synthetic data"
SAFE = f"counts below {MINIMUM_CELL_SIZE} and their complements suppressed"


@st.cache_data(max_entries=50, show_spinner=False)
def is_synthetic(release_id: str) -> bool:
    return releases.is_synthetic(session.process_context(), release_id)


def sees_exact(release_id: str) -> bool:
    """Whether the person sees more than published tables of this release."""
    return session.user().may("query") or is_synthetic(release_id)


def choice(key: str, is_synthetic: bool) -> bool:
    """Whether what leaves the page is suppressed: the toggle, on by default; synthetic data need none."""
    if is_synthetic:
        st.badge("Synthetic data", icon=":material/science:", color="blue")
        return False
    return st.toggle(
        "Safe to share",
        True,
        key=f"safe-{key}",
        help=f"Exports suppress counts below {MINIMUM_CELL_SIZE}. This page shows exact figures.",
    )


def words(is_safe: bool, is_synthetic: bool) -> str:
    """What an export says of small counts."""
    return SYNTHETIC if is_synthetic else SAFE if is_safe else EXACT
