"""make refuses an unsupported Python in one sentence, before it installs anything."""

from __future__ import annotations

import platform
import runpy
import sys
from pathlib import Path

import pytest

import portal

PROJECT = Path(portal.__file__).parents[1]
SCRIPT = PROJECT / "scripts" / "check-python"


def _check(monkeypatch, capsys, version, implementation="CPython"):
    """Run the script as a Python of that version; return its exit code and what it writes."""
    monkeypatch.setattr(sys, "version_info", version)
    monkeypatch.setattr(platform, "python_version", lambda: ".".join(map(str, version)))
    monkeypatch.setattr(platform, "python_implementation", lambda: implementation)
    code = 0
    try:
        runpy.run_path(str(SCRIPT))
    except SystemExit as end:
        code = end.code
    return code, capsys.readouterr().err


@pytest.mark.parametrize("version", [(3, 11, 0), (3, 12, 4), (3, 13, 1)])
def test_a_supported_python_passes_silently(monkeypatch, capsys, version):
    assert _check(monkeypatch, capsys, version) == (0, "")


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 10, 13)])
def test_an_old_python_is_refused_by_its_version(monkeypatch, capsys, version):
    code, said = _check(monkeypatch, capsys, version)
    assert code == 2
    assert ".".join(map(str, version)) in said
    assert "make PYTHON=" in said


def test_another_implementation_is_refused(monkeypatch, capsys):
    code, said = _check(monkeypatch, capsys, (3, 11, 9), "PyPy")
    assert code == 2
    assert "PyPy 3.11.9" in said


def test_an_untried_python_is_named_but_not_refused(monkeypatch, capsys):
    code, said = _check(monkeypatch, capsys, (3, 14, 0))
    assert code == 0
    assert "3.14.0" in said
    assert "PySpark 3.5.6" in said
    assert said.count("\n") == 1


def test_a_python_without_venv_is_refused(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    code, said = _check(monkeypatch, capsys, (3, 12, 1))
    assert code == 2
    assert "python3-venv" in said


def test_make_checks_python_before_it_creates_the_environment():
    recipe = (PROJECT / "Makefile").read_text(encoding="utf-8").partition(".venv/bin/python:\n")[2]
    lines = recipe.partition("\n\n")[0].splitlines()
    assert "scripts/check-python" in lines[0]
    assert any("-m venv .venv" in line for line in lines[1:])
