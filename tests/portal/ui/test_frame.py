"""The frame of every page: own icon, hospital and installation, a reference for what failed."""

from __future__ import annotations

import logging
import re
from types import SimpleNamespace

import pytest

from portal.ui import formats, frame, search, session


def test_the_icon_is_a_file_of_the_portal_and_no_style_names_another_host(monkeypatch):
    configured, drawn = {}, []
    monkeypatch.setattr(frame.st, "set_page_config", lambda **how: configured.update(how))
    monkeypatch.setattr(frame.st, "html", lambda text, **_: drawn.append(text))
    monkeypatch.setattr(frame.st, "logo", lambda image, **how: drawn.extend([image, how["icon_image"]]))
    frame.configure()
    assert (frame.IMAGES / "icon.svg").is_file()
    assert configured["page_icon"] == str(frame.IMAGES / "icon.svg"), (
        "a material icon is fetched from gstatic.com"
    )
    assert not any("http" in text for text in drawn)


def test_what_failed_has_a_reference_that_the_log_has_too(monkeypatch, caplog):
    said = []
    monkeypatch.setattr(session.st, "error", said.append)

    def fails():
        raise RuntimeError("patient P1")

    with caplog.at_level(logging.ERROR):
        assert not session.guarded(fails)
    reference = re.search(r"reference ([0-9a-f]{8})", said[0])[1]
    assert reference in caplog.text
    assert "P1" not in said[0] + caplog.text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("There is no run 'x'. 'hdp runs list' lists the runs.", "There is no run 'x'."),
        ("There is no release 'x': 'hdp releases list' lists the releases.", "There is no release 'x'."),
        ("A clinician publishes it by approving it ('hdp reviews sign').",
         "A clinician publishes it by approving it."),
        ("Wait for its end or stop it.", "Wait for its end or stop it."),
    ],
)  # fmt: skip
def test_a_page_sends_nobody_to_the_command_line(text, shown):
    assert session.without_commands(text) == shown


def test_times_are_those_of_the_hospital_if_its_zone_is_set(monkeypatch):
    monkeypatch.setattr(formats.st, "context", SimpleNamespace(timezone="Asia/Tokyo"))
    assert formats.zone() == "Asia/Tokyo"
    monkeypatch.setenv("HDP_PAGE_TIME_ZONE", "America/New_York")
    assert formats.zone() == "America/New_York"


@pytest.fixture
def searched(monkeypatch):
    def hits(wanted, role="engineer"):
        runs = [SimpleNamespace(run_id=f"run-2026-{n}") for n in range(1, 31)]
        monkeypatch.setattr(search.session, "user", lambda: session.auth.User("x", role))
        monkeypatch.setattr(search.cache, "recent_runs", lambda _: runs)
        monkeypatch.setattr(search.cache, "batch_states", list)
        monkeypatch.setattr(search.listing, "ids", list)
        monkeypatch.setattr(search.names, "run", lambda name: f"Run {name.rpartition('-')[2]}")
        monkeypatch.setattr(search.names, "run_at", lambda run: run.run_id)
        return search.hits(wanted)

    return hits


def test_a_number_finds_its_run_and_no_other(searched):
    assert [hit.query["run"] for hit in searched("run 2") if hit.kind == "Run"] == ["run-2026-2"]
    assert len([hit for hit in searched("run") if hit.kind == "Run"]) == search.MOST


def test_a_word_finds_charts_rules_and_columns(searched):
    assert {hit.kind for hit in searched("readmission")} >= {"Chart", "Column"}
    assert [hit.label for hit in searched("PAT-M01") if hit.kind == "Rule"][0].startswith("PAT-M01")


def test_viewers_find_no_runs(searched):
    assert not [hit for hit in searched("run 2", role="viewer") if hit.kind in {"Run", "Release", "Batch"}]
