"""The page Releases: what analysts see, the comparison with the previous release, and the timeline."""

from __future__ import annotations

import pytest

from portal.releases import service as releases
from portal.ui import names


@pytest.mark.parametrize("role", ["analyst", "clinician", "engineer"])
def test_it_says_what_analysts_see_and_compares_the_measures(filled_lake, as_role, monkeypatch, role):
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    app = as_role("releases", role)
    assert not app.exception
    assert not app.error
    published = releases.current(filled_lake)
    shown = names.release(published.release_id)
    assert app.caption[0].value.startswith(f"Analysts see {shown}, published ")
    listed = app.dataframe[0].value
    row = listed[listed["Release"] == shown].iloc[0]
    made = releases.get(filled_lake, published.release_id)
    assert (row["State"], row["Encounters"]) == ("● Published", made.tables["fact_encounter"])
    measured = app.dataframe[1].value.set_index("Measure")
    assert measured.loc["Encounters", shown] == f"{made.tables['fact_encounter']:,}"
    assert "● Published" in app.dataframe[3].value["Action"].to_list()
    publishes = [b.label for b in app.button if b.label.startswith(("Roll back", "Publish"))]
    assert bool(publishes) == (role == "engineer" and published.previous_release_id is not None)


def test_a_held_release_waits_for_a_clinician_and_cannot_be_published_here(
    filled_lake, held_run, as_role, monkeypatch
):
    monkeypatch.setattr("streamlit.page_link", lambda *_, **__: None)
    app = as_role("releases", "engineer", release=held_run.run_id)
    assert not app.exception
    assert any("Held for review" in m.value or "Rejected" in m.value for m in app.markdown)
    assert not [b for b in app.button if b.label.startswith("Publish")]


def test_an_empty_lake_has_no_release_and_says_what_to_do(empty_lake, as_role):
    app = as_role("releases", "engineer")
    assert not app.exception
    assert app.info[0].value.startswith("There is no release yet.")
