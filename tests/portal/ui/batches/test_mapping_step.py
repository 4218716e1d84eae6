"""The mapping step of the page Data: to map, changed columns, waiting for approval, nothing to map."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from portal.batches.mapping import service, store
from portal.batches.source_file import SourceFile
from portal.core.auth import User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.settings import Settings
from portal.ui import session
from tests.support.memory_hospital import MemoryS3

WIDE = b"Pt,Born,Sex,Ward,City\np1,01/13/1980,F,3,Bonn\n,01/14/1990,M,4,Ulm\n"


@pytest.fixture
def by(monkeypatch):
    """Make a person the user of the page: `by("ann")`; all share one lake with a second person."""
    s3 = MemoryS3()

    def person(name):
        settings = Settings("m", "m", "arn", name, "engineer", mapping_second_person=True)
        user = User(name, "engineer")
        context = Context(settings, Clients(_clients={"s3": s3})).on_behalf_of(user)
        monkeypatch.setattr(session, "user", lambda: user)
        monkeypatch.setattr(session, "context", lambda: context)
        return context

    return person


def _page(content, name):
    import streamlit as st

    from portal.batches.source_file import SourceFile
    from portal.ui.batches import mapping_step

    files = [SourceFile.from_bytes(name, content)]
    steps = mapping_step.steps(files, "utf-8")
    _, is_waiting = mapping_step.draw(steps, files)
    st.write(f"waits: {is_waiting}")


def page(content=WIDE, name="people.csv"):
    return AppTest.from_function(_page, args=(content, name), default_timeout=30).run()


def texts(found):
    shown = [*found.markdown, *found.caption, *found.info, *found.warning, *found.success]
    return " ".join(each.value for each in shown)


def test_columns_are_confirmed_before_the_mapping_is_saved_and_a_second_person_approves_it(by):
    by("ann")
    found = page()
    assert "1 of 2 rows would be refused" in texts(found)
    assert found.button[0].disabled
    assert "waits: True" in texts(found)
    found.checkbox[0].check().run()
    found.button[0].click().run()
    assert "waits for the approval of a second person" in texts(found)
    assert not found.button
    by("bob")
    found = page()
    found.button[0].click().run()
    assert "is loaded by the mapping" in texts(found)
    assert "waits: False" in texts(found)


def test_changed_columns_are_named(by):
    ann = by("ann")
    step = service.steps(ann, [SourceFile.from_bytes("people.csv", WIDE)])[0]
    saved = store.save(ann, "people.csv", step.proposal.mapping())
    store.approve(by("bob"), saved.mapping_id)
    assert "new Town; missing City" in texts(page(WIDE.replace(b"City", b"Town")))


def test_a_file_that_fits_no_table_waits_for_nobody_and_can_be_left_out(by):
    by("ann")
    found = page(b"Item,Colour\nChair,red\n", "furniture.csv")
    assert "waits: False" in texts(found)
    found.selectbox[0].select("Not needed").run()
    assert "The file is not loaded." in texts(found)


def test_a_file_of_a_known_format_is_not_in_the_step(by):
    by("ann")
    found = page(b"patient_id,birth_date,updated_at\np1,1980-01-02,2024-01-01\n", "patients.csv")
    assert "Map the columns" not in texts(found)
