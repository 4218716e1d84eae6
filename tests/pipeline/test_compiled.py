"""compiled.json: up to date, and the only form in which contracts and jobs are read at run time."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pipeline
from pipeline import compiled
from pipeline.contracts import source

PROJECT = Path(pipeline.__file__).parents[1]
COMPILERS = {"pipeline/contracts/lint.py", "portal/cli/contracts.py"}


def _imports(file):
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _importers(*names):
    return {
        file.relative_to(PROJECT).as_posix()
        for package in ("pipeline", "portal", "infra")
        for file in (PROJECT / package).rglob("*.py")
        if any(found == name or found.startswith(f"{name}.") for found in _imports(file) for name in names)
    }


def test_compiled_json_is_up_to_date():
    text = (PROJECT / "pipeline" / "compiled.json").read_text(encoding="utf-8")
    assert text == compiled.render(source.documents()), "run: hdp contracts render"
    assert {"jobs", "contracts/silver/patients", "contracts/gold/fact_encounter"} <= set(json.loads(text))


def test_no_run_time_module_reads_yaml():
    assert _importers("yaml") == {"pipeline/contracts/source.py"}
    assert _importers("pipeline.contracts.source") == COMPILERS
    assert _importers("pipeline.contracts.lint") <= COMPILERS
    terraform = [file.read_text() for file in (PROJECT / "infra" / "terraform").rglob("*.tf")]
    assert not any("yamldecode" in text for text in terraform)


def test_the_image_neither_installs_nor_packs_yaml():
    locked = (PROJECT / "requirements" / "portal.txt").read_text()
    assert "\npyyaml==" not in locked
    assert ".yaml" not in (PROJECT / "pyproject.toml").read_text()


def _copy(folder):
    ignored = shutil.ignore_patterns("__pycache__", "ui", "*.csv")
    for package in ("pipeline", "portal"):
        shutil.copytree(PROJECT / package, folder / package, ignore=ignored)


def _hdp(folder, before, *arguments):
    """Run the command line of a copy of the project, after a statement."""
    code = (
        f"import sys; {before}; from portal.cli.main import main; sys.argv = ['hdp', *sys.argv[1:]]; main()"
    )
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_one_render_brings_every_generated_file_up_to_date(tmp_path):
    _copy(tmp_path)
    file = tmp_path / "pipeline" / "contracts" / "gold" / "dim_medication.odcs.yaml"
    file.write_text(file.read_text().replace("- name: medication_name\n", "- name: renamed_column\n"))
    stale = _hdp(tmp_path, "pass", "contracts", "render", "--check")
    assert stale.returncode == 1
    assert "compiled.json is out of date. Run 'hdp contracts render'." in stale.stderr
    rendered = _hdp(tmp_path, "pass", "contracts", "render")
    assert rendered.returncode == 0, rendered.stderr
    sql = (tmp_path / "pipeline" / "athena" / "reference").rglob("*dim_medication*")
    assert any("renamed_column" in each.read_text() for each in sql)
    assert _hdp(tmp_path, "pass", "contracts", "render", "--check").returncode == 0


def test_an_installation_without_yaml_reads_contracts_and_refuses_to_check_them(tmp_path):
    _copy(tmp_path)
    for file in (tmp_path / "pipeline").rglob("*.yaml"):
        file.unlink()
    read = "from pipeline.contracts.model import all_contracts; from pipeline.jobs import jobs"
    blocked = f"sys.modules['yaml'] = None; {read}; assert len(all_contracts()) > 10 and len(jobs()) > 5"
    refused = _hdp(tmp_path, blocked, "contracts", "check")
    assert refused.returncode == 2
    assert refused.stderr == (
        "This installation has no contract files. Run 'hdp contracts' in a checkout of the project.\n"
    )
