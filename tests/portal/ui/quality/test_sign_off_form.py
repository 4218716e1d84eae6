"""What stands before a signature, in the words that a reviewer reads."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest


def _page(findings):
    from portal.reviews.decisions import Finding
    from portal.reviews.sign_off import Outstanding
    from portal.ui.quality import sign_off_form

    sign_off_form.checklist(Outstanding(tuple(Finding(*each) for each in findings), (), "code"))


def _green(*findings):
    app = AppTest.from_function(_page, args=(findings,)).run()
    assert not app.exception
    return [each.value for each in app.success]


DOSE = ("medications", "MED-P04", "warning", "pass_with_failures", 228, 20261)
AGE = ("patients", "PAT-P07", "warning", "pass_with_failures", 20, 6432)
FAILED = ("patients", "PAT-M01", "warning", "fail", 1, 3)


@pytest.mark.parametrize(
    ("findings", "said"),
    [
        ([], "No decision is pending and no query is open."),
        ([(*FAILED, "not_a_problem")], "No decision is pending and no query is open."),
        (
            [(*DOSE, "undecided")],
            "No decision is pending and no query is open. 1 finding needs no decision: within the "
            "threshold, "
            "or for information.",
        ),
        (
            [(*DOSE, "undecided"), (*AGE, "undecided"), (*FAILED, "accepted")],
            "No decision is pending and no query is open. 2 findings need no decision: within the "
            "threshold, "
            "or for information.",
        ),
    ],
)
def test_findings_that_nobody_decided_on_are_not_called_decided(findings, said):
    assert _green(*findings) == [said]


def test_an_undecided_failure_leaves_something_to_decide():
    assert _green((*FAILED, "undecided")) == []
