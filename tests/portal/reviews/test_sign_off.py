"""Nothing is signed unseen: what bars an approval is named, what is undecided is confirmed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from botocore.exceptions import EndpointConnectionError

from pipeline.releases.model import write
from portal.audit import service as audit_log
from portal.core.errors import ServiceError
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from tests.support.memory_hospital import EARLIER, RULES, RUN, signed

TODAY = datetime.now(UTC).date()


@pytest.fixture
def lee(hospital):
    return hospital.by("dr.lee")


@pytest.mark.parametrize(
    ("limit", "ago", "is_signed"),
    [(0, 400, True), (15, 14, True), (15, 16, False), (15, None, False), (0, None, True)],
)
def test_a_signature_needs_a_recent_sign_in_where_a_limit_is_set(hospital, lee, limit, ago, is_signed):
    hospital.audited({})
    at = None if ago is None else datetime.now(UTC) - timedelta(minutes=ago)
    lee = replace(lee, settings=replace(lee.settings, sign_within_minutes=limit))
    lee = lee.on_behalf_of(replace(lee.user, signed_in_at=at))
    if is_signed:
        sign_off.sign(lee, RUN, "reject", "No.")
    else:
        with pytest.raises(ServiceError, match="within 15 minutes of the sign-in: sign out in the"):
            sign_off.sign(lee, RUN, "reject", "No.")
    assert len(signed(hospital)) == is_signed


ONE_BLOCKS = {RULES[0]: ("block", "fail", 1, 10), RULES[1]: ("warning", "fail", 2, 10)}


def test_an_undecided_blocking_finding_bars_approval_and_is_named(hospital, lee):
    hospital.audited(ONE_BLOCKS)
    with pytest.raises(ServiceError, match=r"cannot be approved: X-1 of patients \(undecided, blocking\)"):
        sign_off.sign(lee, RUN, "approve", "Fine.")
    assert signed(hospital) == []
    assert releases.current(lee).release_id == EARLIER


def test_what_is_undecided_besides_is_named_and_confirmed_by_its_code(hospital, lee):
    hospital.audited(ONE_BLOCKS)
    reviews.accept(lee, RUN, *RULES[0], reason="verified", text="Known.", until=TODAY)
    with pytest.raises(sign_off.Unconfirmed, match=r"1 finding is undecided: X-2 of patients") as asked:
        sign_off.sign(lee, RUN, "approve", "Fine.")
    with pytest.raises(sign_off.Unconfirmed):
        sign_off.sign(lee, RUN, "approve", "Fine.", confirmed="00000000")
    hospital.audited({**ONE_BLOCKS, RULES[1]: ("warning", "fail", 9, 10)})
    with pytest.raises(sign_off.Unconfirmed) as again:
        sign_off.sign(lee, RUN, "approve", "Fine.", confirmed=asked.value.code)
    event = sign_off.sign(lee, RUN, "approve", "Fine.", confirmed=again.value.code).event
    assert event.payload["undecided"] == ["patients:X-2"]
    assert releases.current(lee).release_id == RUN


def test_a_finding_that_must_be_fixed_bars_approval_opens_one_query_and_lets_the_release_be_rejected(
    hospital, lee
):
    hospital.audited({RULES[1]: ("warning", "fail", 2, 10)})
    reviews.reject(lee, RUN, *RULES[1], "Ward 4 must correct these.")
    reviews.reject(lee, RUN, *RULES[1], "Still.")
    (query,) = read_model.of_run(lee, RUN).open_queries
    assert query.question == "Ward 4 must correct these."
    reviews.close(lee, query.query_id, "other", "Asked by phone.")
    with pytest.raises(ServiceError, match=r"X-2 of patients \(must be fixed\)"):
        sign_off.sign(lee, RUN, "approve", "Fine.")
    sign_off.sign(lee, RUN, "reject", "Not like this.")
    with pytest.raises(ServiceError, match=r"was rejected by dr\.lee"):
        releases.publish(hospital.by("eve", "engineer"), RUN, reason="hurry")


@pytest.mark.parametrize(
    ("kind", "bars"),
    [("dismiss here", False), ("dismiss elsewhere", True), ("expired", True), ("grown", True)],
)
def test_a_decision_covers_what_it_was_made_on_and_no_more(hospital, lee, kind, bars, monkeypatch):
    hospital.audited({RULES[0]: ("block", "fail", 1, 10)})
    if kind == "dismiss here":
        reviews.dismiss(lee, RUN, *RULES[0], "The rule is wrong here.")
    elif kind == "dismiss elsewhere":
        reviews.dismiss(lee, EARLIER, *RULES[0], "The rule was wrong there.")
    else:
        reviews.accept(lee, RUN, *RULES[0], reason="verified", text="Known.", until=TODAY)
    if kind == "grown":
        hospital.audited({RULES[0]: ("block", "fail", 5, 10)})
    if kind == "expired":
        tomorrow = datetime.combine(TODAY + timedelta(days=1), datetime.min.time(), UTC)
        monkeypatch.setattr(sign_off, "datetime", SimpleNamespace(now=lambda _: tomorrow))
    found = sign_off.outstanding(lee, read_model.of_run(lee, RUN), releases.get(lee, RUN))
    assert bool(found.barring) is bars


def test_a_rule_that_could_not_be_computed_is_neither_accepted_nor_dismissed(hospital, lee):
    hospital.audited({RULES[0]: ("block", "error", 0, 10)})
    with pytest.raises(ServiceError, match="cannot be accepted"):
        reviews.accept(lee, RUN, *RULES[0], reason="verified", text="t", until=TODAY)
    with pytest.raises(ServiceError, match="cannot be dismissed"):
        reviews.dismiss(lee, RUN, *RULES[0], "t")


def test_records_that_were_all_confirmed_decide_a_blocking_finding(hospital, lee):
    hospital.audited({RULES[0]: ("block", "fail", 1, 10)})
    made = releases.get(lee, RUN)
    made.reasons[0] |= {"status": "pass", "accepted_rows": 1}
    write(hospital.s3, lee.lake, made)
    (found,) = sign_off.outstanding(lee, read_model.of_run(lee, RUN), made).findings
    assert (found.decision, found.bars_approval) == ("rows_confirmed", False)


def test_a_release_whose_results_are_gone_is_not_signed(hospital, lee):
    hospital.audited({})
    with pytest.raises(ServiceError, match="Its findings cannot be reviewed"):
        sign_off.sign(lee, RUN, "approve", "Fine.")
    hospital.audited(ONE_BLOCKS)
    hospital.results[RUN] = {RULES[1]: ONE_BLOCKS[RULES[1]]}
    with pytest.raises(ServiceError, match="names X-1 of patients, but its rule results do not"):
        sign_off.sign(lee, RUN, "approve", "Fine.")


def test_an_approval_that_was_not_published_falls_with_the_decision_it_rested_on(hospital, lee, monkeypatch):
    hospital.audited({RULES[0]: ("block", "fail", 1, 10)})
    reviews.accept(lee, RUN, *RULES[0], reason="verified", text="Known.", until=TODAY)

    def away(*_, **__):
        raise ServiceError("Athena is away.")

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(releases, "publish_approved", away)
        signed = sign_off.sign(lee, RUN, "approve", "Fine.")
    assert signed.unfinished.startswith("Your approval was recorded as event")
    reviews.withdraw(lee, RUN, *RULES[0], "On second thoughts.")
    with pytest.raises(ServiceError, match="The decision on X-1 of patients changed after the signature"):
        releases.publish(hospital.by("eve", "engineer"), RUN, reason="it was signed")


@pytest.mark.parametrize("run_id", [RUN, EARLIER])
@pytest.mark.parametrize("seen", [None, 10_000])
def test_a_decision_in_the_same_second_is_not_passed_over(hospital, lee, run_id, seen):
    hospital.audited({RULES[0]: ("block", "fail", 1, 10)})
    reviews.accept(lee, RUN, *RULES[0], reason="verified", text="Known.", until=TODAY)
    hospital.meanwhile = lambda: reviews.reject(hospital.by("dr.kim"), run_id, *RULES[0], "It must be fixed.")
    with pytest.raises(ServiceError, match=r"dr\.kim made a change at the same time"):
        sign_off.sign(lee, RUN, "approve", "Fine.", seen=seen)
    assert signed(hospital) == []


def test_a_signature_that_cannot_be_recorded_is_not_made(hospital, lee, monkeypatch):
    hospital.audited({RULES[1]: ("warning", "fail", 2, 10)})

    def away(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(audit_log, "write_json", away)
    with pytest.raises(ServiceError, match="audit log could not be written"):
        sign_off.sign(lee, RUN, "reject", "No.")
    assert signed(hospital) == []
