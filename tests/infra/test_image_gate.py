"""A release stops at a critical vulnerability, unless an exception for it is still valid."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

import infra

GATE = Path(infra.__file__).parents[1] / "scripts" / "image-gate"
ZLIB = {"id": "CVE-2023-45853", "reason": "MiniZip is not compiled in"}
BASIC = {
    "findings": [{"name": "CVE-2023-45853", "severity": "CRITICAL"}, {"name": "CVE-1", "severity": "HIGH"}]
}
ENHANCED = {"enhancedFindings": [
    {"severity": "CRITICAL",
     "packageVulnerabilityDetails": {"vulnerabilityId": "CVE-2023-45853"}}]}  # fmt: skip


def _gate(folder, found, exceptions, status="COMPLETE"):
    scan = {"imageScanStatus": {"status": status}, "imageScanFindings": found}
    (folder / "scan.json").write_text(json.dumps(scan))
    (folder / "exceptions.json").write_text(json.dumps(exceptions))
    command = [sys.executable, GATE, folder / "scan.json", folder / "exceptions.json"]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("found", [BASIC, ENHANCED])
def test_a_critical_finding_stops_the_release_and_is_named(tmp_path, found):
    done = _gate(tmp_path, found, [])
    assert done.returncode == 1
    assert "CVE-2023-45853 is critical" in done.stdout
    assert "CVE-1" not in done.stdout


@pytest.mark.parametrize("found", [BASIC, ENHANCED])
def test_an_exception_holds_until_its_day(tmp_path, found):
    assert _gate(tmp_path, found, [{**ZLIB, "until": "9999-12-31"}]).returncode == 0
    assert _gate(tmp_path, found, [{**ZLIB, "until": "2020-01-01"}]).returncode == 1


def test_an_exception_without_a_reason_is_refused(tmp_path):
    done = _gate(tmp_path, BASIC, [{"id": "CVE-2023-45853", "until": "9999-12-31"}])
    assert done.returncode == 1
    assert "needs id, until and reason" in done.stderr


def test_an_image_that_was_not_scanned_is_not_released(tmp_path):
    done = _gate(tmp_path, {"findings": []}, [], status="FAILED")
    assert done.returncode == 1
    assert "its status is FAILED" in done.stdout


def test_the_committed_exceptions_are_complete(tmp_path):
    committed = json.loads((GATE.parents[1] / ".github" / "image-exceptions.json").read_text())
    assert _gate(tmp_path, {"findings": []}, committed).returncode == 0
