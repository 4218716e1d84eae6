"""The app's entry point."""

from __future__ import annotations

from pathlib import Path

import portal


def test_no_directory_named_pages_lies_beside_the_app():
    """Streamlit would run the module of an address like /runs by itself, without sign-in and navigation."""
    directory = Path(portal.__file__).parent / "ui"
    assert (directory / "app.py").is_file()
    assert not (directory / "pages").exists()
