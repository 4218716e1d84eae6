"""What a mistyped name stands for."""

from types import SimpleNamespace

import pytest

from portal.athena import outcomes
from portal.athena.suggestions import nearest

TABLES = ("dim_patient", "dim_time", "fact_encounter", "fact_medication_admin", "fact_medication_order")


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("encounters", "fact_encounter"),
        ("Encounter", "fact_encounter"),
        ("patients", "dim_patient"),
        ("fact_encouter", "fact_encounter"),
        ("fact_medication_orders", "fact_medication_order"),
        ("fact_encounter", ""),
        ("zebra", ""),
        ("", ""),
    ],
)
def test_a_mistyped_table_stands_for_the_one_with_that_ending_or_nearly_that_name(typed, meant):
    assert nearest(typed, TABLES) == meant


def test_a_mistyped_column_stands_for_a_similar_one():
    assert nearest("admited_at", ("admitted_at", "discharged_at")) == "admitted_at"


def test_a_column_that_a_query_does_not_find_is_answered_with_the_one_of_its_table():
    def answer(column, sql):
        reason = f"COLUMN_NOT_FOUND: line 1:8: Column '{column}' cannot be resolved"
        return outcomes._suggestion(SimpleNamespace(reason=reason, sql=sql))

    sql = "SELECT admited_at FROM fact_encounter"
    assert answer("admited_at", sql) == " Did you mean admitted_at?"
    assert answer("admited_at", "SELECT admited_at FROM dim_time") == ""
    assert outcomes._suggestion(SimpleNamespace(reason="SYNTAX_ERROR: line 1:8", sql=sql)) == ""
