"""Write the tables of roles in docs/privacy.md: `python -m tests.support.privacy_doc`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from portal.core.auth import ROLES
from tests.support import role_tables

DOCUMENT = Path(__file__).parents[2] / "docs" / "privacy.md"


def rendered(text: str) -> str:
    """Return the document with its tables as `role_tables` has them."""
    for name, table in (
        ("pages", _table("page", role_tables.pages())),
        ("functions", _table("function", role_tables.functions())),
    ):
        begin, end = f"<!-- {name}: python -m tests.support.privacy_doc -->", f"<!-- end of {name} -->"
        text = re.sub(rf"{re.escape(begin)}.*?{re.escape(end)}", f"{begin}\n{table}\n{end}", text, flags=re.S)
    return text


def _table(noun: str, roles_of: Mapping[str, tuple[str, ...]]) -> str:
    head = [noun, *(role.replace("_", " ") for role in ROLES)]
    rows = [
        [f"`{name}`" if "." in name else name, *(_cell(role, roles) for role in ROLES)]
        for name, roles in sorted(roles_of.items())
    ]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(role: str, allowed: tuple[str, ...]) -> str:
    return "yes" if role in (allowed or ROLES) else "–"


if __name__ == "__main__":
    DOCUMENT.write_text(rendered(DOCUMENT.read_text(encoding="utf-8")), encoding="utf-8")
