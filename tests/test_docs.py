"""Every path, link, make target and command that the documentation names exists."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

import portal
from portal.cli.main import hdp

PROJECT = Path(portal.__file__).parents[1]
PAGES = sorted(
    [
        *PROJECT.glob("*.md"),
        *(PROJECT / "docs").rglob("*.md"),
        PROJECT / "infra" / "README.md",
        PROJECT / ".github" / "pull_request_template.md",
    ]
)
ROOTS = "portal|pipeline|infra|tests|docs|scripts|requirements|.github"


def _name(page: Path) -> str:
    return page.relative_to(PROJECT).as_posix()


def _anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub makes of the headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_somewhere(page):
    text = page.read_text(encoding="utf-8")
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if link.startswith(("https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in _anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_path_in_backticks_exists(page):
    text = page.read_text(encoding="utf-8")
    paths = re.findall(rf"`((?:{ROOTS})/[\w./-]*)`", text)
    paths += re.findall(r"`([\w.-]+\.(?:toml|md|yaml|txt))`", text) if page.parent == PROJECT else []
    assert [path for path in paths if not (PROJECT / path).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_make_target_exists(page):
    targets = set(re.findall(r"^([a-z][a-z-]*):", (PROJECT / "Makefile").read_text(encoding="utf-8"), re.M))
    named = re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(encoding="utf-8"), re.M)
    assert [target for target in named if target not in targets] == []


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_command_exists(page):
    """`hdp noun verb` in backticks or at the start of a line."""
    text = page.read_text(encoding="utf-8")
    unknown = []
    for noun, verb in re.findall(r"(?:`|^|; |hdp/)(?:\.venv/bin/)?hdp ([a-z]+)(?: ([a-z]+))?", text, re.M):
        command = hdp.get_command(click.Context(hdp), noun)
        if command is None or (
            verb
            and isinstance(command, click.Group)
            and verb not in command.list_commands(click.Context(command))
        ):
            unknown.append(f"hdp {noun} {verb}".strip())
    assert unknown == []


def test_a_change_log_entry_describes_the_current_version():
    version = re.search(
        r'^version = "(.+)"$', (PROJECT / "pyproject.toml").read_text(encoding="utf-8"), re.M
    )[1]
    headings = re.findall(r"^## \[(.+?)\]", (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8"), re.M)
    assert headings[0] == "Unreleased"
    assert version in headings


def test_every_decision_record_is_complete_and_listed():
    records = sorted((PROJECT / "docs" / "adr").glob("*.md"))
    listed = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    assert [record.name[:4] for record in records] == [f"{n:04d}" for n in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert f"(adr/{record.name})" in listed
        assert re.findall(r"^## (.+)$", text, re.M) == ["Context", "Decision", "Consequences"]
        assert re.search(r"^Status: (proposed|accepted|superseded by \d{4}), \d{4}-\d{2}-\d{2}$", text, re.M)
