"""The README's cost table equals planned resources times prices times assumed usage."""

import json

import pytest

from infra.costs.table import COLUMNS, FOLDER, by_rows, resources, standing, table
from tests.infra.terraform.conftest import FOLDER as TERRAFORM
from tests.infra.terraform.conftest import planned_with

FLAGS = ["-var=name=hdp", "-var=region=us-east-1", "-var=alert_email=data-team@hospital.org"]


@pytest.fixture(scope="module")
def planned(checker, terraform):
    return {
        size: resources(planned_with(terraform, "", [*FLAGS, f"-var=size={size}"]).document)
        for size in ("small", "standard")
    }


def test_the_readme_holds_the_table_of_both_sizes(planned):
    assert table(planned) in (TERRAFORM.parent / "README.md").read_text()


def test_a_small_team_pays_between_90_and_140_dollars(planned):
    total = sum({**standing(planned["small"]), **by_rows(planned["small"], "1 million")}.values())
    assert 90 < total < 140


def test_the_standing_cost_is_what_a_person_calculates(planned):
    small = standing(planned["small"])
    assert small["NAT gateway"] == pytest.approx(730 * 0.045 + 5 * 0.045)
    assert small["portal"] == pytest.approx(730 * (0.5 * 0.03238 + 2 * 0.00356))
    assert small["endpoints"] == small["firewall"] == small["Container Insights"] == 0
    standard = standing(planned["standard"])
    assert standard["endpoints"] == pytest.approx(11 * 2 * 730 * 0.01)
    assert standard["NAT gateway"] == 0
    assert standard["firewall"] == pytest.approx(5 + 4 + 0.6)


def test_prices_and_use_are_dated_and_complete(planned):
    assert len(json.loads((FOLDER / "prices.json").read_text())["date"]) == len("2026-11-28")
    for size, rows in COLUMNS:
        assert by_rows(planned[size], rows)["Glue"] > 0
