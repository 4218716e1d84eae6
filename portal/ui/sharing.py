"""The switch "Safe to share", and the note on small counts in exports."""

from __future__ import annotations

import streamlit as st

from portal.privacy.suppression import MINIMUM_CELL_SIZE
from portal.releases import service as releases
from portal.ui import session

EXACT = f"none suppressed; may contain counts below {MINIMUM_CELL_SIZE}, do not share"
SYNTHETIC = "none suppressed; synthetic data"
SAFE = f"counts below {MINIMUM_CELL_SIZE} and their complements suppressed"


@st.cache_data(max_entries=50, show_spinner=False)
def is_synthetic(release_id: str) -> bool:
    """Return whether a release contains only synthetic data."""
    return releases.is_synthetic(session.process_context(), release_id)


def sees_exact(release_id: str) -> bool:
    """Return whether the user sees exact counts of this release."""
    return session.user().may("query") or is_synthetic(release_id)


def choice(key: str, is_synthetic: bool) -> bool:
    """Draw the switch, or a badge for synthetic data; return whether exports suppress small counts."""
    if is_synthetic:
        st.badge("Synthetic data", icon=":material/science:", color="blue")
        return False
    return st.toggle(
        "Safe to share",
        True,
        key=f"safe-{key}",
        help=f"If on, exports suppress counts from 1 to {MINIMUM_CELL_SIZE - 1}. The page is exact.",
    )


def small_counts_note(is_safe: bool, is_synthetic: bool) -> str:
    """Return the note in exports on the suppression of small counts."""
    return SYNTHETIC if is_synthetic else SAFE if is_safe else EXACT
