"""The dictionary is searched by the words that people use."""

from __future__ import annotations

import pytest

from pipeline.contracts.dictionary import entries
from portal.ui.word_search import matches


def found(wanted):
    return {(e.zone, e.table, e.column) for e in entries() if matches(wanted, e.column, e.meaning, e.table)}


@pytest.mark.parametrize(
    ("wanted", "column"),
    [
        ("readmission", ("gold", "fact_encounter", "is_readmitted_30d")),
        ("Readmissions", ("gold", "fact_encounter", "is_readmitted_30d")),
        ("readmi", ("gold", "fact_encounter", "is_readmitted_30d")),  # as it is being typed
        ("readmitted", ("gold", "fact_encounter", "is_readmitted_30d")),
        ("LOS", ("gold", "fact_encounter", "length_of_stay_days")),
        ("length of stay", ("gold", "fact_encounter", "length_of_stay_hours")),
        ("ED", ("gold", "fact_encounter", "encounter_class")),
        ("emergency", ("gold", "fact_encounter", "encounter_class")),
        ("insurance", ("gold", "dim_patient", "payer")),
        ("payers", ("gold", "dim_patient", "payer")),
        ("drug", ("gold", "dim_medication", "medication_name")),
        ("doctor", ("gold", "dim_provider", "provider_name")),
        ("mortality", ("gold", "dim_patient", "is_deceased")),
        ("gender", ("gold", "dim_patient", "sex")),
        ("postcode", ("gold", "dim_patient", "zip3")),
        ("visits", ("gold", "fact_encounter", "encounter_key")),
        ("charges", ("gold", "fact_encounter", "total_cost")),
        ("is_readmitted_30d", ("gold", "fact_encounter", "is_readmitted_30d")),
    ],
)
def test_a_word_of_the_field_finds_its_column(wanted, column):
    assert column in found(wanted)


@pytest.mark.parametrize("wanted", ["", "  ", "xyzzy", "blockchain"])
def test_a_word_that_nothing_has_finds_nothing(wanted):
    assert found(wanted) == set()


def test_a_short_word_is_found_whole_only():
    assert matches("ed", "visits of the ED")
    assert not matches("los", "loss of signal")
    assert len(found("los")) < 60
