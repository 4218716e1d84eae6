"""The portal uses no label that docs/glossary.md has retired."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import portal

PORTAL = Path(portal.__file__).parent
GLOSSARY = PORTAL.parent / "docs" / "glossary.md"


def _retired() -> dict[str, str]:
    """Return each retired label with the label to write instead."""
    section = GLOSSARY.read_text(encoding="utf-8").partition("## Retired labels")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|$", section, re.M)
    return {retired: label for retired, label in rows if retired not in {"retired", "---"}}


def _pattern(label: str, replacement: str) -> re.Pattern[str]:
    """Match a label of several words as a phrase, and one word, or a part of its replacement, as a whole."""
    words = re.escape(label).replace("…", ".+?")
    if " " in label and label.lower() not in replacement.lower():
        return re.compile(rf"(?<!\w){words}(?!\w)", re.I | re.S)
    return re.compile(rf"^[^\w…]*{words}[^\w…]*$")


PATTERNS = {label: _pattern(label, replacement) for label, replacement in _retired().items()}


def _texts(source: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each string literal but docstrings; "…" stands for an f-string's values."""
    pending: list[ast.AST] = [ast.parse(source)]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            parts = [str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values]
            yield node.lineno, "".join(parts)
            pending += [part for part in node.values if not isinstance(part, ast.Constant)]
        elif not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            pending += ast.iter_child_nodes(node)


def _retired_in(text: str) -> list[str]:
    return [label for label, pattern in PATTERNS.items() if pattern.search(text)]


def test_no_page_message_or_command_uses_a_retired_label():
    replacements = _retired()
    used = [
        f"{path.relative_to(PORTAL)}:{line}: '{label}' in {text!r}: write '{replacements[label]}'"
        for path in sorted(PORTAL.rglob("*.py"))
        for line, text in _texts(path.read_text(encoding="utf-8"))
        for label in _retired_in(text)
    ]
    used += [
        f"{path.relative_to(PORTAL)}:{number}: '{label}': write '{replacements[label]}'"
        for path in sorted(PORTAL.rglob("*.j2"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for label in _retired_in(line)
    ]
    assert not used, "\n" + "\n".join(used)


def test_the_glossary_lists_retired_labels():
    assert len(PATTERNS) > 90
    assert PATTERNS.keys() >= {"Go on from here", "Rules broke", "Least", "Former release"}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('st.button("Go on from here")', ["Go on from here"]),
        ('st.metric("Rules broke", 3)', ["Rules broke"]),
        ('f"{name}, former release"', ["Former release"]),
        ('f"Show the {noun} behind these charts"', ["Show the … behind these charts"]),
        ('st.header("#### Least")', ["Least"]),
        ('"At least one"', []),
        ('"least"', []),
        ('st.metric("Not given", 3)', ["Not given"]),
        ('st.metric("Doses not given", 3)', []),
        ('f"As {run}"', []),
        ('def page():\n    "Go on from here."', []),
        ('st.button("Resume")', []),
        ("f\"{st.button('Trouble only')}\"", ["Trouble only"]),
    ],
)
def test_a_retired_label_is_found_in_a_call_but_not_in_a_docstring(source, expected):
    assert [label for _, text in _texts(source) for label in _retired_in(text)] == expected
