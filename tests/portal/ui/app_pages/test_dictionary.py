"""The dictionary: columns, rules, lineage and what a release holds, for every role."""

from __future__ import annotations

import pytest

from pipeline.contracts.model import load
from portal.dashboards import profile
from tests.portal.ui.app_pages.conftest import parameter


@pytest.mark.parametrize("role", ["viewer", "analyst", "engineer"])
def test_a_gold_table_is_told_with_its_columns_profile_rules_and_lineage(
    filled_lake, first_run, as_role, role
):
    app = as_role("dictionary", role, table="gold.fact_encounter")
    assert not app.exception
    assert not app.error
    contract = load("gold", "fact_encounter")
    told, held, rules = (frame.value for frame in app.dataframe[:3])
    assert told["column"].to_list() == [c.name for c in contract.columns]
    assert held["column"].to_list() == [c.name for c in contract.data_columns]
    assert rules["Rule"].to_list() == [rule.id for rule in contract.rules]
    assert app.get("graphviz_chart")
    assert any("**gold.fact_encounter** is written by" in m.value for m in app.markdown)
    assert any(c.value.startswith("As of Release ") for c in app.caption)


def test_the_profile_is_that_of_the_service(filled_lake, acting, first_run, as_role):
    drawn = as_role("dictionary", "viewer", table="gold.fact_encounter").dataframe[1]
    own = profile.of(acting("vic", "viewer"), "fact_encounter", first_run.run_id).frame
    assert drawn.value["distinct"].fillna(-1).to_list() == own["distinct"].fillna(-1).to_list()
    assert drawn.proto.placeholder == "–", "where nothing is said"


@pytest.mark.parametrize("role", ["viewer", "analyst", "engineer"])
def test_a_table_with_names_is_told_but_not_profiled(filled_lake, as_role, role):
    app = as_role("dictionary", role, table="silver.patients")
    assert not app.exception
    told = app.dataframe[0].value.set_index("column")
    assert told.loc["mrn", "phi"] == "Direct identifier"
    assert any("Only gold tables have profiles" in c.value for c in app.caption)


@pytest.mark.parametrize("role", ["viewer", "analyst", "engineer"])
def test_over_an_empty_lake_all_but_the_profile_is_there(empty_lake, as_role, role):
    app = as_role("dictionary", role, table="gold.fact_encounter")
    assert not app.exception
    assert not app.error
    assert any("Nothing has been published yet." in c.value for c in app.caption)
    assert len(app.dataframe) == 2


def test_a_table_that_does_not_exist_is_the_first_one_offered(empty_lake, as_role):
    app = as_role("dictionary", "viewer", table="gold.nowhere")
    assert not app.exception
    assert app.selectbox[0].value in app.selectbox[0].options


def test_each_choice_of_a_table_counts_and_the_address_has_it(empty_lake, as_role):
    app = as_role("dictionary", "viewer", table="gold.dim_time")
    for table in ("bronze.encounters", "silver.patients", "gold.fact_encounter"):
        app.selectbox[0].set_value(table).run()
        assert (app.selectbox[0].value, parameter(app, "table")) == (table, table)
    app.query_params["table"] = "gold.dim_patient"  # a link on the page itself
    app.run()
    assert app.selectbox[0].value == "gold.dim_patient"


def test_the_example_in_the_search_box_finds_a_column(empty_lake, as_role):
    app = as_role("dictionary", "viewer")
    example = app.text_input[0].placeholder.removeprefix("for example: ")
    app.text_input[0].set_value(example).run()
    assert not app.info
    assert "is_readmitted_30d" in app.dataframe[0].value["column"].to_list()
