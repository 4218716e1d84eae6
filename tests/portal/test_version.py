"""The wheel and the command line share the version of pyproject.toml.

Tests/portal/test_pages.py checks the footer.
"""

from __future__ import annotations

import tomllib
from importlib.metadata import version
from pathlib import Path

from click.testing import CliRunner

import portal
from portal.cli.main import hdp

PROJECT = Path(portal.__file__).parents[1]


def test_the_command_line_and_the_wheel_have_the_version_of_the_project():
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    assert version("health-data-portal") == declared
    assert CliRunner().invoke(hdp, ["--version"]).output.split()[-1] == declared
