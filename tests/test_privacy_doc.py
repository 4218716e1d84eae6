"""docs/privacy.md has the tables of roles as they are typed by hand, and every right has its functions."""

from __future__ import annotations

import re

import pytest

from portal.core.auth import ROLES
from tests.support import role_tables
from tests.support.privacy_doc import DOCUMENT, rendered


def test_the_tables_are_those_that_were_typed_by_hand():
    text = DOCUMENT.read_text(encoding="utf-8")
    assert rendered(text) == text, "run: python -m tests.support.privacy_doc"
    for name, roles in (role_tables.functions() | role_tables.pages()).items():
        shown = f"`{name}`" if "." in name else name
        cells = ["yes" if role in (roles or ROLES) else "–" for role in ROLES]
        assert f"| {shown} | {' | '.join(cells)} |" in text


@pytest.mark.parametrize("name", ["pages", "functions"])
def test_each_table_stands_in_the_document_once(name):
    text = DOCUMENT.read_text(encoding="utf-8")
    assert len(re.findall(rf"<!-- {name}: ", text)) == len(re.findall(rf"<!-- end of {name} -->", text)) == 1
