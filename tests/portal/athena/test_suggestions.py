"""What a mistyped name stands for."""

import pytest

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
