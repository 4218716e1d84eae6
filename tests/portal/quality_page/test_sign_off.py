"""Sign-off on the quality page: what bars it is listed, and what was not seen is not signed."""

from __future__ import annotations

import json

import pytest

from portal.core.errors import ServiceError
from portal.releases import service as releases
from portal.releases import signatures
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from portal.runs import service as runs
from tests.support.held import FINDING as MISSING
from tests.support.quality_page import decide_all, forget, said, shown_table

pytestmark = pytest.mark.usefixtures("held_run")


def test_the_sign_off_lists_what_bars_it_and_offers_no_approval(open_page, acting, held_run, portal):
    lee = acting("dr.lee", "clinician")
    decide_all(lee, held_run.run_id)
    reviews.reject(lee, held_run.run_id, *MISSING, "It must be fixed.")
    app = open_page(tab="Sign-off")
    assert "1 finding prevents approval" in said(app)
    listed = shown_table(app, "Decision")
    assert listed[["Finding", "Decision"]].to_numpy().tolist() == [
        ["1 patient has no identifier", "Must be fixed"]
    ]
    assert "open query prevents approval" in said(app)
    assert app.button(key=f"approve-{held_run.run_id}").disabled
    assert not app.button(key=f"reject-{held_run.run_id}").disabled
    decide_all(lee, held_run.run_id)


def test_a_signature_is_confirmed_over_the_undecided_findings(
    open_page, acting, held_run, portal, on_its_base
):
    run_id = held_run.run_id
    decide_all(acting("dr.lee", "clinician"), run_id)
    app = open_page(tab="Sign-off")
    app.text_area(key=f"sign-{run_id}").set_value("Seen by me.").run()
    app.button(key=f"approve-{run_id}").click().run()
    undecided = sign_off.outstanding(
        portal, read_model.of_run(portal, run_id), releases.get(portal, run_id)
    ).undecided
    assert undecided, "else this test shows nothing"
    assert f"{len(undecided)} findings are undecided" in said(app)
    assert app.button(key=f"confirm-{run_id}").disabled
    app.checkbox(key=f"seen-{run_id}").check().run()
    assert not app.button(key=f"confirm-{run_id}").disabled
    app.button(key=f"approve-{run_id}").click().run()
    assert app.button(key=f"confirm-{run_id}").disabled, "each confirmation is one of its own"
    app.checkbox(key=f"seen-{run_id}").check().run()
    app.button(key=f"confirm-{run_id}").click().run()
    assert not app.exception
    signature = read_model.of_run(portal, run_id).signature
    assert (signature.by, signature.verdict, signature.is_valid) == ("clinician@tester", "approve", True)
    assert "**Approved by clinician@tester.** Analysts see this release." in said(app).replace("\\", "")
    assert "[See the charts](app_pages/encounters.py)" in said(app)
    assert "Approve and sign …" not in {button.label for button in app.button}, "it is signed already"
    assert [each.label for each in app.expander if "Revoke" in each.label] == ["Revoke the approval"]
    last = read_model.log(portal).events[-1]
    assert len(last.payload["undecided"]) == len(undecided)
    sign_off.sign(
        acting("dr.lee", "clinician"),
        on_its_base,
        "approve",
        "The base stays.",
        confirmed=_code(acting("dr.lee", "clinician"), on_its_base),
    )


def _code(aws, run_id):
    return sign_off.outstanding(aws, read_model.of_run(aws, run_id), releases.get(aws, run_id)).code


def _sign(app, run_id, verdict, comment):
    app.text_area(key=f"sign-{run_id}").set_value(comment).run()
    app.button(key=f"{verdict}-{run_id}").click().run()
    app.button(key=f"confirm-{run_id}").click().run()
    assert not app.exception
    return app


def test_who_started_the_run_cannot_sign_it(open_page, held_run, portal, monkeypatch):
    starter = runs.plan(portal, held_run.run_id)["started_by"]
    monkeypatch.setenv("HDP_ROLE_CHOICE", "false")
    monkeypatch.setenv("HDP_USER", starter)
    monkeypatch.setenv("HDP_ROLE", "clinician")
    forget()
    app = _sign(open_page(tab="Sign-off"), held_run.run_id, "reject", "My own run.")
    assert f"{starter} started run" in said(app)
    assert "Another person must sign" in said(app)
    assert app.text_area(key=f"sign-{held_run.run_id}").value == "My own run."


def test_what_was_made_anew_since_the_page_was_drawn_is_not_signed(open_page, held_run, monkeypatch):
    app = open_page(tab="Sign-off")
    run_id = held_run.run_id
    app.text_area(key=f"sign-{run_id}").set_value("Fine.").run()
    app.button(key=f"reject-{run_id}").click().run()
    monkeypatch.setattr(signatures, "fingerprint", lambda *_: "another")
    app.button(key=f"confirm-{run_id}").click().run()
    assert "was rebuilt after this page was loaded" in said(app)


def test_an_event_altered_by_hand_is_told_and_nothing_can_be_signed(
    open_page, cloud, query, acting, held_run
):
    file = sorted((cloud.state / "s3" / "hdp-quality" / "reviews").glob("0*.json"))[-1]
    kept = file.read_text()
    document = json.loads(kept)
    document["payload"]["text"] = "Something else was asked."
    file.write_text(json.dumps(document))
    try:
        app = open_page(tab="Sign-off")
        assert any("Audit trail integrity check failed" in error.value for error in app.error)
        assert "Signing is disabled, because the integrity check of the audit trail failed." in said(app)
        assert not any(button.label == "Approve and sign …" for button in app.button)
        with pytest.raises(ServiceError, match="integrity check failed"):
            reviews.reject(acting("dr.lee", "clinician"), held_run.run_id, *MISSING, "Nothing may follow it.")
    finally:
        file.write_text(kept)
