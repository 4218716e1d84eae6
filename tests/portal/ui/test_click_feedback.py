"""A sign at every click, and no fading of parts that are redrawn."""

from __future__ import annotations

from portal.ui import click_feedback


def test_stale_parts_keep_their_opacity_and_a_clicked_button_is_busy(monkeypatch):
    drawn = []
    monkeypatch.setattr(click_feedback.st, "html", lambda text, **how: drawn.append((text, how)))
    click_feedback.install()
    (style, _), (script, how) = drawn
    assert "opacity: 1 !important" in style
    assert 'aria-busy="true"' in style
    assert "aria-busy" in script
    assert how == {"unsafe_allow_javascript": True}
