"""Files of unknown shapes are mapped as a person who knows them maps them, or a confirmation is asked for."""

from __future__ import annotations

import pytest

from portal.batches.mapping.propose import Table, propose
from tests.support.mapping_corpus import CORPUS, HELD_OUT, outcomes


@pytest.mark.parametrize("folder", [CORPUS, HELD_OUT], ids=["corpus", "held out"])
def test_nine_of_ten_columns_are_right_without_help_and_none_is_wrong_without_a_confirmation(folder):
    found = outcomes(folder)
    assert not [each for each in found if each.confidence >= 1.0 and not each.is_right]
    assert sum(each.is_right for each in found) >= 0.9 * len(found)


def one(header, *rows, name="file.csv"):
    return propose([Table.of(name, header.split(","), [row.split(",") for row in rows])])[0]


def targets(proposal):
    return {each.column: [m.target for m in each.mappings] for each in proposal.columns}


def test_only_the_contracts_own_names_with_values_of_one_reading_are_certain():
    found = one(
        "patient_id,birth_date,sex,Surname,zip",
        "p1,1980-01-02,F,Lee,60601",
        "p2,1990-03-04,M,Kim,60602",
    )
    certain = {each.column for each in found.columns if not each.needs_confirmation}
    assert certain == {"patient_id", "birth_date", "sex", "Surname", "zip"}
    other = one("patient_id,birth_date,sex", "p1,01/02/1980,F", "p2,03/04/1990,M")
    assert all(each.needs_confirmation for each in other.columns)


def test_a_column_of_a_known_name_with_values_of_another_kind_is_not_mapped():
    found = one("patient_id,birth_date,sex,state", "p1,1980-01-02,42,open", "p2,1990-03-04,17,closed")
    assert targets(found)["sex"] == targets(found)["state"] == []


def test_dates_that_can_be_read_in_two_ways_say_so():
    found = one("patient_id,dob", "p1,01/02/1980", "p2,03/04/1990")
    date = next(each for each in found.columns if each.column == "dob")
    assert "the other way round" in date.note
    assert date.confidence < 0.9


def test_a_file_that_belongs_to_no_table_gets_none_unless_a_person_chooses_one():
    header, rows = ["Item", "Colour", "Price"], [["Chair", "red", "12.50"], ["Table", "blue", "80.00"]]
    file = Table.of("furniture.csv", header, rows)
    assert propose([file])[0].table == ""
    chosen = propose([file], ["patients"])[0]
    assert (chosen.table, chosen.lacking) == ("patients", ["patient_id", "birth_date"])


def test_columns_of_unknown_names_are_recognized_as_keys_of_another_file_by_their_values():
    patients = Table.of("a.csv", ["patient id", "dob"], [["KA-1", "1980-05-20"], ["KA-2", "1990-05-20"]])
    rows = [["X1", "KA-2", "2024-01-20T00:00:00Z"], ["X2", "KA-1", "2024-01-21T00:00:00Z"]]
    stays = Table.of("b.csv", ["stay key", "wer", "admitted"], rows)
    found = propose([patients, stays])[1]
    assert found.table == "encounters"
    assert targets(found)["wer"] == ["patient_id"]


def test_a_few_wrong_values_do_not_hide_what_a_column_is_and_are_never_certain():
    rows = [f"p{n},{1 + n % 12:02}/{13 + n % 15}/1980,F" for n in range(30)]
    found = one("patient_id,birth_date,sex", *rows, "p31,soon,F")
    date = next(each for each in found.columns if each.column == "birth_date")
    assert date.mappings[0].options["format"] == "%m/%d/%Y"
    assert (date.note, date.needs_confirmation) == ("some values do not fit", True)
