"""Check that user text contains no links and no images."""

from __future__ import annotations

import html
import re

PICTURE = "![x](https://evil.example/p.png)"


ESCAPED = r"\\([!-/:-@\[-`{-~])"


def assert_unlinked(shown):
    """Assert that `shown` has no Markdown links and nothing that remark-gfm turns into a link."""
    assert not re.search(r"[\[\]<>]", re.sub(ESCAPED, "", shown))
    seen = html.unescape(re.sub(ESCAPED, "\\1\0", shown)).replace("\0", "")  # an escaped & begins no entity
    assert not re.search(r"(https?://|www(?=\.))[-.\w]+", seen, re.ASCII | re.IGNORECASE)
