"""What others have typed, as it stands in the pages' Markdown: Streamlit's is that of GitHub (remark-gfm)."""

from __future__ import annotations

import re

import pytest

from portal.core.errors import ServiceError
from portal.reviews import wording
from portal.ui import session
from tests.support.links import ESCAPED, PICTURE, assert_unlinked

LINKS = [
    PICTURE,
    "[x](/page)",
    "<https://evil.example>",
    "https://evil.example",
    "see HTTP://evil.example.",
    "www.evil.example",
    "WWW.evil.example",
    "[x]: https://evil.example\n\n[x]",
    r"http\://evil.example",
    r"http:/\/evil.example",
    r"\[x\](/page)",
    r"\\[x\\](/page)",
    "http&colon;//evil.example",
    "http&#58;//evil.example",
    "http:&sol;/evil.example",
    "www&period;evil.example",
    "http\n://evil.example",
    '<img src="https://evil.example">',
]


@pytest.mark.parametrize("typed", LINKS)
@pytest.mark.parametrize("words", [wording.escape_markdown, wording.without_links])
def test_what_somebody_typed_becomes_no_link_and_no_picture(words, typed):
    assert_unlinked(words(typed))


@pytest.mark.parametrize(
    "typed", ["run-20250101T000000Z-ab12", "dr.lee", "1,000 rows: 5.2 %", "the new www site"]
)
def test_what_is_no_link_is_read_as_it_was_typed(typed):
    for words in (wording.escape_markdown, wording.without_links):
        assert re.sub(ESCAPED, r"\1", words(typed)) == typed


def test_an_error_on_a_page_is_told_without_the_links_in_it(monkeypatch):
    said = []
    monkeypatch.setattr("streamlit.error", said.append)

    def page():
        raise ServiceError(f"There is no run '{PICTURE}'.")

    session.guarded(page)
    session.show_error(ServiceError(f"There is no run '{PICTURE}'."))
    assert said[0] == said[1]
    assert_unlinked(said[0])
