"""Saved views and annotations: shared, changed without loss, and removed by those who made them."""

from __future__ import annotations

import pytest

from portal.core.auth import User
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.dashboards import shared_notes

FILTERS = {"class": ["IMP", "EMER"], "section": ["stays"]}


class Store:
    """Documents with a version for each write, as conditional writes see them."""

    def __init__(self):
        self.kept, self.first = {}, []

    def read(self, _, uri):
        document, version = self.kept.get(uri, ({}, 0))
        return (dict(document), str(version)) if version else None

    def write(self, _, uri, document, **condition):
        for other in self.first[:1]:  # somebody else is faster
            self.first.clear()
            other()
        version = self.kept.get(uri, ({}, 0))[1]
        if condition != ({"IfMatch": str(version)} if version else {"IfNoneMatch": "*"}):
            return False
        self.kept[uri] = (dict(document), version + 1)
        return True


@pytest.fixture
def store(monkeypatch):
    found = Store()
    monkeypatch.setattr(shared_notes, "read_json", found.read)
    monkeypatch.setattr(shared_notes, "write_json", found.write)
    monkeypatch.setattr(Context, "client", lambda *_: None)
    return found


def _as(name, role):
    settings = Settings(prefix="hdp", buckets="hdp", state_machine_arn="arn", user=name, role=role)
    return Context(settings).on_behalf_of(User(name, role))


def test_a_view_is_found_by_all_on_its_page_by_its_id_and_in_the_lake(store):
    ana, vic = _as("ana", "analyst"), _as("vic", "viewer")
    made = shared_notes.save_view(ana, "  Ward  7 ", "encounters", FILTERS)
    shared_notes.save_view(vic, "a", "medications", {})
    assert [each.name for each in shared_notes.views(vic, "encounters")] == ["Ward 7"]
    found = shared_notes.view(vic, made.view_id)
    assert (found.parameters, found.owner, found.page) == (FILTERS, "ana", "encounters")
    assert set(store.kept) == {"s3://hdp-quality/notes/views.json"}


def test_the_same_name_replaces_ones_own_view_and_not_that_of_another(store):
    ana = _as("ana", "analyst")
    first = shared_notes.save_view(ana, "Ward 7", "encounters", FILTERS)
    again = shared_notes.save_view(ana, "Ward 7", "encounters", {"class": ["AMB"]})
    assert again.view_id == first.view_id, "a link that was shared stays valid"
    assert shared_notes.view(ana, first.view_id).parameters == {"class": ["AMB"]}
    with pytest.raises(ServiceError, match="ana has a view named 'Ward 7'"):
        shared_notes.save_view(_as("ben", "analyst"), "Ward 7", "encounters", {})


def test_only_the_owner_removes_a_view_and_a_link_to_it_then_says_so(store):
    ana = _as("ana", "analyst")
    made = shared_notes.save_view(ana, "Ward 7", "encounters", FILTERS)
    with pytest.raises(ServiceError, match="Only ana can remove this"):
        shared_notes.remove_view(_as("ben", "engineer"), made.view_id)
    shared_notes.remove_view(ana, made.view_id)
    with pytest.raises(ServiceError, match="no such saved view"):
        shared_notes.view(ana, made.view_id)


def test_two_who_save_at_once_both_keep_their_view(store):
    ana, ben = _as("ana", "analyst"), _as("ben", "analyst")
    store.first = [lambda: shared_notes.save_view(ben, "Ben's", "encounters", {})]
    shared_notes.save_view(ana, "Ana's", "encounters", {})
    assert [each.name for each in shared_notes.views(ana, "encounters")] == ["Ana's", "Ben's"]


def test_annotations_have_a_month_a_text_an_author_and_an_order(store):
    ana = _as("ana", "analyst")
    shared_notes.annotate(ana, "2025-03", "New ward opened")
    shared_notes.annotate(_as("dr.lee", "clinician"), "2024-12", "EHR go-live")
    found = shared_notes.all_annotations(_as("vic", "viewer"))
    assert [(each.month, each.text, each.author) for each in found] == [
        ("2024-12", "EHR go-live", "dr.lee"),
        ("2025-03", "New ward opened", "ana"),
    ]
    with pytest.raises(ServiceError, match=r"Only dr\.lee"):
        shared_notes.remove_annotation(ana, found[0].annotation_id)
    shared_notes.remove_annotation(ana, found[1].annotation_id)
    assert len(shared_notes.all_annotations(ana)) == 1


@pytest.mark.parametrize(
    ("month", "text"), [("2025-13", "x"), ("March", "x"), ("2025-03", " "), ("2025-03", 81 * "x")]
)
def test_nonsense_is_refused_in_words(store, month, text):
    with pytest.raises(ServiceError, match=r"is not a month|characters"):
        shared_notes.annotate(_as("ana", "analyst"), month, text)


def test_viewers_do_not_annotate(store):
    with pytest.raises(ServiceError, match=r"[Vv]iewer"):
        shared_notes.annotate(_as("vic", "viewer"), "2025-03", "x")
