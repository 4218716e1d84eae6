"""Mappings are versions that nobody overwrites; a second person can be required to approve them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.sources.mapped.model import ColumnMapping, FileMapping
from portal.batches import inspection
from portal.batches.mapping import service, store, use
from portal.batches.source_file import SourceFile
from portal.core.auth import User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from tests.support.memory_hospital import MemoryS3

PATIENTS = b"Pt,Born,Sex\np1,1980-01-02,F\np2,1990-03-04,M\n"


@pytest.fixture
def s3():
    return MemoryS3()


@pytest.fixture
def by(s3):
    """People of an installation: `by("ann")`, an engineer; `strict` if a second person approves mappings."""

    def person(name, role="engineer", *, strict=False):
        settings = Settings("m", "m", "arn", name, role, mapping_second_person=strict)
        return Context(settings, Clients(_clients={"s3": s3})).on_behalf_of(User(name, role))

    return person


@pytest.fixture
def ann(by):
    return by("ann")


@pytest.fixture
def strict(by):
    return lambda name: by(name, strict=True)


def file(content=PATIENTS, name="people.csv", supplier="ann"):
    return replace(SourceFile.from_bytes(name, content), supplier=supplier)


def proposed(context, **given):
    return service.steps(context, [file(**given)])[0]


def inspected(context, **given):
    return use.with_mappings(context, [inspection.inspect(file(**given))], "utf-8")[0]


def test_a_confirmed_mapping_loads_files_with_the_same_columns_in_any_order(ann):
    saved = store.save(ann, "people.csv", proposed(ann).proposal.mapping())
    assert (saved.version, saved.state) == (1, "approved")
    other = inspected(ann, content=b"Sex;Pt;Born\nF;p7;1955-05-05\n", name="next.csv")
    assert (other.use, other.match.format, other.match.table, other.rows) == (
        "loaded",
        "mapped",
        "patients",
        1,
    )
    assert (other.mapping["mapping_id"], other.mapping["version"]) == (saved.mapping_id, 1)
    assert service.steps(ann, [file()])[0].status == "mapped"


def test_a_file_without_a_mapping_that_a_table_needs_stops_the_import(ann):
    found = inspected(ann)
    assert (found.use, found.stops) == ("not understood", True)
    assert "seems to contain patients. Map its columns on the page Data" in found.reason


def test_saving_the_same_again_makes_no_version_and_another_one_makes_the_next(ann):
    mapping = proposed(ann).proposal.mapping()
    first = store.save(ann, "people.csv", mapping)
    assert store.save(ann, "people.csv", mapping) == first
    changed = replace(mapping, columns=mapping.columns[:2])
    second = store.save(ann, "people.csv", changed)
    assert (second.version, store.for_header(ann, mapping.header)) == (2, second)
    assert store.get(ann, first.mapping_id, 1) == first


def test_two_people_cannot_save_the_same_version(ann, monkeypatch):
    mapping = proposed(ann).proposal.mapping()
    store.save(ann, "people.csv", mapping)
    monkeypatch.setattr(store, "_versions", lambda *_: [])
    with pytest.raises(ServiceError, match="Another person saved version 1"):
        store.save(ann, "people.csv", mapping)


def test_where_a_second_person_is_required_nobody_approves_a_mapping_of_their_own(strict):
    ann, bob = strict("ann"), strict("bob")
    saved = store.save(ann, "people.csv", proposed(ann).proposal.mapping())
    assert saved.state == "waiting for approval"
    assert "waits for the approval of a second person" in inspected(ann).reason
    with pytest.raises(ServiceError, match="Ask another engineer"):
        store.approve(ann, saved.mapping_id)
    assert store.approve(bob, saved.mapping_id).approved.name == "bob"
    assert inspected(ann).use == "loaded"


def test_an_approved_version_stays_in_use_while_a_newer_one_waits(strict):
    ann, bob = strict("ann"), strict("bob")
    mapping = proposed(ann).proposal.mapping()
    first = store.approve(bob, store.save(ann, "people.csv", mapping).mapping_id)
    store.save(ann, "people.csv", replace(mapping, columns=mapping.columns[:2]))
    assert store.for_header(ann, mapping.header) == first


def test_a_withdrawn_mapping_loads_no_file(ann):
    saved = store.save(ann, "people.csv", proposed(ann).proposal.mapping())
    with pytest.raises(ServiceError, match="State the reason"):
        store.withdraw(ann, saved.mapping_id, reason=" ")
    assert store.withdraw(ann, saved.mapping_id, reason="wrong").state == "withdrawn"
    assert inspected(ann).use == "not understood"
    with pytest.raises(ServiceError, match="was withdrawn"):
        store.approve(ann, saved.mapping_id)


def test_changed_columns_are_named_and_stop_the_import(ann):
    wide = b"Pt,Born,Sex,Ward,City\np1,1980-01-02,F,3,Bonn\np2,1990-03-04,M,4,Ulm\n"
    saved = store.save(ann, "people.csv", proposed(ann, content=wide).proposal.mapping())
    now = wide.replace(b"City", b"Town")
    found = inspected(ann, content=now)
    assert found.stops
    assert (
        f"other columns than the mapping {saved.label} of 'people.csv': new Town; missing City"
        in found.reason
    )
    step = proposed(ann, content=now)
    assert (step.status, step.stored) == ("changed columns", saved)


def test_a_mapping_without_a_column_that_a_table_needs_is_not_saved(ann):
    column = ColumnMapping("patient_id", "copy", ("Pt",))
    with pytest.raises(ServiceError, match="has no birth_date, so every row would be refused"):
        store.save(ann, "people.csv", FileMapping("patients", ("Pt", "Born"), (column,)))


def test_a_mapping_that_does_not_exist_is_named(ann):
    with pytest.raises(ServiceError, match="no version 3 of a mapping 'abc'"):
        store.get(ann, "abc", 3)
    with pytest.raises(ServiceError, match="There is no version"):
        store.get(ann, "../x")


def test_samples_are_shown_only_to_the_person_who_supplied_the_file(ann, by):
    assert proposed(ann).proposal.columns[0].samples == ("p1", "p2")
    other = by("bob")
    assert not any(each.samples for each in proposed(other).proposal.columns)


def test_each_change_of_a_mapping_is_in_the_audit_log(ann, s3):
    saved = store.save(ann, "people.csv", proposed(ann).proposal.mapping())
    store.withdraw(ann, saved.mapping_id, reason="wrong")
    keys = [key for _, key in s3.objects if key.startswith("audit_log/")]
    assert [action in "".join(keys) for action in ("save_mapping", "withdraw_mapping")] == [True, True]


def test_only_people_who_import_see_mappings(by):
    with pytest.raises(ServiceError, match="Required role: engineer"):
        store.list_all(by("vic", "viewer"))


def test_files_with_the_bronze_columns_join_a_batch_of_mapped_files(ann):
    store.save(ann, "people.csv", proposed(ann).proposal.mapping())
    native = b"encounter_id,patient_id,admitted_at,updated_at,x\ne1,p1,2024-01-01,2024-01-01,1\n"
    files = [file(), file(content=native, name="stays.csv")]
    found = use.with_mappings(ann, [inspection.inspect(each) for each in files], "utf-8")
    assert [each.match.format for each in found] == ["mapped", "mapped"]
    assert found[1].version == "native version 1"
