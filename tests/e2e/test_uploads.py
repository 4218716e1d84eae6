"""A large file is uploaded and imported in the browser, and the portal's memory hardly grows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from infra.local.cloud import Cloud
from tests.e2e.conftest import serving, settle

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

MEGABYTES = int(os.environ.get("HDP_UPLOAD_MEGABYTES", "300"))
ROW = "X%09d,1980-02-03,F,2025-01-01T00:00:00Z,{}\n".format("street " * 20)


def _extract(path, megabytes):
    """Write patients of about a size, 200 bytes each."""
    with path.open("w") as file:
        file.write("patient_id,birth_date,sex,updated_at,street\n")
        rows = megabytes * (1 << 20) // len(ROW % 0)
        for start in range(0, rows, 10_000):
            file.write("".join(ROW % number for number in range(start, min(start + 10_000, rows))))
    return rows


def _memory(port):
    """Return the resident memory of the process that listens on a port and its highest value, in MB."""
    for folder in Path("/proc").iterdir():
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if str(port).encode() in words and any(word.endswith(b"asgi.py") for word in words):
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                return [int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]
        except (FileNotFoundError, NotADirectoryError, ProcessLookupError):
            continue
    raise AssertionError(f"no portal listens on {port}")


@pytest.fixture
def portal_and_memory(tmp_path):
    with (
        Cloud(tmp_path / "state", workers=1) as cloud,
        serving(**cloud.environment(), HDP_ROLE_CHOICE="true") as address,
    ):
        port = address.rpartition(":")[2]
        yield address, lambda: _memory(port)


def _upload(page, path):
    page.get_by_test_id("stFileUploaderDropzoneInput").set_input_files(path)
    expect(page.get_by_role("button", name="Import", exact=True)).to_be_enabled(timeout=600_000)
    settle(page)


def test_a_large_upload_and_its_import_hardly_take_memory(portal_and_memory, open_page, tmp_path):
    address, memory = portal_and_memory
    small, large = tmp_path / "patients.csv", tmp_path / "large" / "patients.csv"
    large.parent.mkdir()
    _extract(small, 1)
    rows = _extract(large, MEGABYTES)
    page = open_page(address)
    page.goto("/data")
    settle(page)
    _upload(page, small)
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text("imported:")).to_be_visible(timeout=60_000)
    settle(page)
    before, highest_before = memory()
    _upload(page, large)
    uploaded, highest_uploaded = memory()
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_text(f"imported: {rows:,} patients")).to_be_visible(timeout=900_000)
    imported, highest = memory()
    figures = f"{MEGABYTES} MB: {before:.0f} MB before, {uploaded:.0f} after the upload, {imported:.0f} after"
    print(f"{figures} the import; highest {highest_before:.0f}, {highest_uploaded:.0f}, {highest:.0f}")
    assert highest_uploaded - max(before, highest_before) < 100, figures
    assert highest - max(before, highest_before) < 100, figures
