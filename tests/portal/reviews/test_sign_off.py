"""Nothing is signed unseen: no order of actions approves a release with an undecided blocking finding."""

from __future__ import annotations

import io
import itertools
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pandas as pd
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from pipeline.lake.store import write_json
from pipeline.releases import publish as publishing
from pipeline.releases.model import Release, write
from portal.audit import service as audit_log
from portal.core.auth import Principal, User
from portal.core.clients import Clients
from portal.core.context import Context
from portal.core.errors import ServiceError
from portal.core.settings import Settings
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off

TODAY = datetime.now(UTC).date()
RUN, EARLIER = "run-1", "run-0"
RULES = [("patients", "X-1"), ("patients", "X-2"), ("encounters", "Y-1"), ("medications", "Z-1")]
_numbers = itertools.count()


class MemoryS3:
    """The S3 calls that releases and reviews make, with conditional writes."""

    class exceptions:
        ClientError = ClientError

        class NoSuchKey(ClientError):
            """No such object."""

    def __init__(self):
        self.objects = {}

    def get_object(self, Bucket, Key):
        if (Bucket, Key) not in self.objects:
            raise self.exceptions.NoSuchKey({"Error": {"Code": "NoSuchKey"}}, "GetObject")
        body, etag = self.objects[Bucket, Key]
        return {"Body": io.BytesIO(body), "ETag": etag}

    def put_object(self, Bucket, Key, Body, IfMatch=None, IfNoneMatch=None, **_):
        present = self.objects.get((Bucket, Key))
        if (IfNoneMatch and present) or (IfMatch and (present is None or present[1] != IfMatch)):
            raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "PutObject")
        self.objects[Bucket, Key] = (Body, f"e{next(_numbers)}")

    def get_paginator(self, _):
        return self

    def paginate(self, Bucket, Prefix):
        found = sorted(key for bucket, key in self.objects if bucket == Bucket and key.startswith(Prefix))
        yield {
            "Contents": [
                {"Key": key, "ETag": self.objects[Bucket, key][1], "Size": len(self.objects[Bucket, key][0])}
                for key in found
            ]
        }


class Hospital:
    """A lake with a published release and a later one that is held, and what its rules found."""

    def __init__(self):
        name = f"m{next(_numbers)}"
        given = dict.fromkeys(Settings.__dataclass_fields__, "")
        given |= {"prefix": name, "buckets": name, "user": "nobody", "role": "viewer"}
        self.s3 = MemoryS3()
        clients = {"s3": self.s3, "lambda": SimpleNamespace(invoke=lambda **_: {}), "athena": None}
        self.aws = Context(Settings(**given), Clients(_clients=clients))
        self.results = {EARLIER: dict.fromkeys(RULES, ("error", "fail", 9, 10)), RUN: {}}
        self.meanwhile = None
        for run_id in (EARLIER, RUN):
            write_json(self.s3, self.aws.lake.run_plan(run_id), {"run_id": run_id, "started_by": "ann"})
        write(self.s3, self.aws.lake, Release(EARLIER, EARLIER, ["b0"], "publish", "2026-01-01T00:00:00Z"))
        releases.publish(self.by("eve", "engineer"), EARLIER, reason="first")

    def by(self, name, role="clinician"):
        return self.aws.on_behalf_of(User(name, role))

    def audited(self, found):
        """Write the run's release again, as its audit would with these results."""
        self.results[RUN] = found
        reasons = [
            {
                "rule_id": rule_id,
                "table": table,
                "severity": severity,
                "status": status,
                "failed": failed,
                "checked": checked,
            }
            for (table, rule_id), (severity, status, failed, checked) in found.items()
            if status in {"fail", "error"} and severity != "info"
        ]
        at = f"2026-01-02T00:00:{next(_numbers) % 60:02}Z"
        made = Release(RUN, RUN, ["b0", "b1"], "hold", at, parent_release_id=EARLIER, reasons=reasons)
        write(self.s3, self.aws.lake, made)

    def frame(self, _aws, run_id):
        rows = [
            {
                "table_name": table,
                "rule_id": rule_id,
                "severity": severity,
                "status": status,
                "failed": failed,
                "checked": checked,
                "rate": failed / checked,
                "threshold": 0.0,
            }
            for (table, rule_id), (severity, status, failed, checked) in self.results[run_id].items()
        ]
        if run_id == RUN and self.meanwhile:
            meanwhile, self.meanwhile = self.meanwhile, None
            meanwhile()
        columns = [
            "table_name",
            "rule_id",
            "severity",
            "status",
            "failed",
            "checked",
            "rate",
            "threshold",
        ]
        return pd.DataFrame(rows, columns=columns)

    def events(self):
        return read_model.log(self.aws).events


@pytest.fixture(autouse=True)
def hospital(monkeypatch):
    monkeypatch.setattr(publishing, "view_refresher", lambda *_: lambda _: None)
    found = Hospital()
    monkeypatch.setattr(quality, "results", found.frame)
    return found


@pytest.fixture
def lee(hospital):
    return hospital.by("dr.lee")


def _signed(hospital):
    return [event for event in hospital.events() if event.kind == "release_signed"]


ONE_BLOCKS = {RULES[0]: ("block", "fail", 1, 10), RULES[1]: ("warning", "fail", 2, 10)}


def test_an_undecided_blocking_finding_bars_approval_and_is_named(hospital, lee):
    hospital.audited(ONE_BLOCKS)
    with pytest.raises(ServiceError, match=r"cannot be approved: X-1 of patients \(undecided, blocking\)"):
        sign_off.sign(lee, RUN, "approve", "Fine.")
    assert _signed(hospital) == []
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
    assert _signed(hospital) == []


# deputies


@pytest.fixture
def kim(hospital):
    """Return an analyst who is the deputy of clinicians with these names."""

    def deputy(*names, role="analyst"):
        principals = tuple(Principal(f"{name}@hospital.org", name) for name in names)
        return hospital.aws.on_behalf_of(User("kim", role, deputy_for=principals))

    return deputy


def _audited(hospital):
    """Return the stored events of the audit log about signatures."""
    bodies = [body for (_, key), (body, _) in sorted(hospital.s3.objects.items()) if "-sign_off-" in key]
    return [json.loads(body) for body in bodies]


def test_a_deputy_signs_for_the_clinician_and_the_signature_names_both(hospital, kim):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    event = sign_off.sign(kim("Dr. Lee"), RUN, "approve", "Fine.").event
    assert (event.by, event.payload["signed_for"]) == ("kim", "Dr. Lee@hospital.org")
    signature = read_model.of_run(hospital.by("dr.lee"), RUN).signature
    assert signature.meaning == (
        "I have reviewed this release and approve it for analysis. Signed for Dr. Lee (Dr. Lee@hospital.org)."
    )
    (recorded,) = _audited(hospital)
    assert (recorded["name"], recorded["reason"]) == ("kim", "Fine.")
    assert recorded["target"] == {"run": RUN, "verdict": "approve", "for": "Dr. Lee (Dr. Lee@hospital.org)"}


def test_nobody_signs_for_a_clinician_whose_deputy_they_are_not(hospital, lee, kim):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    for person in (lee, kim("Dr. Roe")):
        with pytest.raises(ServiceError, match=r"not a deputy of 'Dr\. Lee' today"):
            sign_off.sign(person, RUN, "approve", "Fine.", signed_for="Dr. Lee")
    with pytest.raises(ServiceError, match="cannot review or sign releases"):
        sign_off.sign(kim(), RUN, "approve", "Fine.")
    with pytest.raises(
        ServiceError, match=r"deputy of Dr\. Lee@hospital\.org, Dr\. Roe@hospital\.org\. Choose"
    ):
        sign_off.sign(kim("Dr. Lee", "Dr. Roe"), RUN, "approve", "Fine.")
    assert _signed(hospital) == _audited(hospital) == []


def test_a_clinician_who_is_a_deputy_signs_for_themselves_unless_they_say_otherwise(hospital, kim):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    clinician = kim("Dr. Lee", role="clinician")
    own = sign_off.sign(clinician, RUN, "reject", "No.").event
    other = sign_off.sign(clinician, RUN, "reject", "No.", signed_for="Dr. Lee@hospital.org").event
    assert [event.payload["signed_for"] for event in (own, other)] == ["", "Dr. Lee@hospital.org"]
    assert "Signed for" not in own.payload["meaning"]


@pytest.mark.parametrize("starter", ["kim", "Dr. Lee", "Dr. Lee@hospital.org"])
def test_neither_deputy_nor_clinician_started_the_run_that_is_signed(hospital, kim, starter):
    hospital.audited({})
    hospital.results[RUN] = {RULES[0]: ("block", "pass", 0, 10)}
    write_json(hospital.s3, hospital.aws.lake.run_plan(RUN), {"run_id": RUN, "started_by": starter})
    with pytest.raises(ServiceError, match="Another person must sign"):
        sign_off.sign(kim("Dr. Lee"), RUN, "approve", "Fine.")


def test_a_signature_that_cannot_be_recorded_is_not_made(hospital, lee, monkeypatch):
    hospital.audited({RULES[1]: ("warning", "fail", 2, 10)})

    def away(*_, **__):
        raise EndpointConnectionError(endpoint_url="https://s3")

    monkeypatch.setattr(audit_log, "write_json", away)
    with pytest.raises(ServiceError, match="audit log could not be written"):
        sign_off.sign(lee, RUN, "reject", "No.")
    assert _signed(hospital) == []


# any order of actions

FINDINGS = st.sampled_from(RULES[:3])
RUNS = st.sampled_from([RUN, RUN, EARLIER])
LEE, KIM = ("dr.lee", "clinician"), ("dr.kim", "clinician")
PEOPLE = st.sampled_from([LEE, LEE, LEE, KIM, KIM, ("ann", "clinician"), ("eve", "engineer")])
RESULTS = st.dictionaries(
    FINDINGS,
    st.tuples(
        st.sampled_from(["block", "block", "error", "warning", "info"]),
        st.sampled_from(["fail", "fail", "error", "pass_with_failures", "pass"]),
        st.integers(1, 9),
        st.just(10),
    ),
    min_size=1,
    max_size=2,
)


class AnyOrder(RuleBasedStateMachine):
    """Actions of several people in any order, beside a model of the decisions that is kept by hand."""

    def __init__(self):
        super().__init__()
        self.hospital = Hospital()
        quality.results = self.hospital.frame  # put back by the fixture
        self.decided = {}
        self.codes = [""]
        self.signed = 0
        self.published = EARLIER

    @initialize(found=RESULTS)
    def begin(self, found):
        self.hospital.audited(found)

    def _try(self, act, *args, **options):
        try:
            act(*args, **options)
        except ServiceError:
            return False
        return True

    @rule(found=RESULTS)
    def audit_again(self, found):
        self.hospital.audited(found)

    @rule(
        who=PEOPLE, run_id=RUNS, finding=FINDINGS, days=st.integers(-1, 2), margin=st.sampled_from([0.0, 0.3])
    )
    def accept(self, who, run_id, finding, days, margin):
        until = TODAY + timedelta(days=days)
        said = {"reason": "verified", "text": "Known.", "until": until, "margin": margin}
        if self._try(reviews.accept, self.hospital.by(*who), run_id, *finding, **said):
            _, _, failed, checked = self.hospital.results[run_id][finding]
            self.decided[finding] = ("accepted", failed / checked + margin)

    @rule(who=PEOPLE, run_id=RUNS, finding=FINDINGS)
    def reject(self, who, run_id, finding):
        if self._try(reviews.reject, self.hospital.by(*who), run_id, *finding, "Must be fixed."):
            self.decided[finding] = ("must_fix", 0)

    @rule(who=PEOPLE, run_id=RUNS, finding=FINDINGS)
    def dismiss(self, who, run_id, finding):
        if self._try(reviews.dismiss, self.hospital.by(*who), run_id, *finding, "Fine.") and run_id == RUN:
            self.decided[finding] = ("dismissed", 0)

    @rule(who=PEOPLE, run_id=RUNS, finding=FINDINGS)
    def withdraw(self, who, run_id, finding):
        if self._try(reviews.withdraw, self.hospital.by(*who), run_id, *finding, "No."):
            self.decided.pop(finding, None)

    @rule(who=PEOPLE, run_id=RUNS, finding=FINDINGS)
    def raise_query(self, who, run_id, finding):
        self._try(reviews.open_query, self.hospital.by(*who), run_id, *finding, "Why?")

    @rule()
    def close_queries(self):
        lee = self.hospital.by("dr.lee")
        for query in read_model.of_run(lee, RUN).open_queries:
            reviews.close(lee, query.query_id, "other", "Answered.")

    @rule()
    def look(self):
        lee = self.hospital.by("dr.lee")
        self.codes.append(self._outstanding(lee).code)

    def _here(self):
        return st.sampled_from(sorted(self.hospital.results[RUN]))

    def _outstanding(self, aws):
        return sign_off.outstanding(aws, read_model.of_run(aws, RUN), releases.get(aws, RUN))

    @rule(
        who=PEOPLE,
        verdict=st.sampled_from(["approve"] * 4 + ["reject"]),
        pick=st.integers(0, 20),
        is_old=st.booleans(),
        seen=st.sampled_from([None, None, 0, 10_000]),
        between=st.sampled_from([None, "reject", "withdraw", "query"]),
        data=st.data(),
    )
    def sign(self, who, verdict, pick, is_old, seen, between, data):
        """Sign as anybody, with any code, and with another reviewer's action in the same second."""
        confirmed = (
            self.codes[pick % len(self.codes)]
            if is_old
            else self._outstanding(self.hospital.by("dr.lee")).code
        )
        if between:
            act = {"reject": self.reject, "withdraw": self.withdraw, "query": self.raise_query}[between]
            finding, run_id = data.draw(self._here()), data.draw(RUNS)
            self.hospital.meanwhile = lambda: act(KIM, run_id, finding)
        self._try(
            sign_off.sign, self.hospital.by(*who), RUN, verdict, "Fine.", confirmed=confirmed, seen=seen
        )
        self.hospital.meanwhile = None

    @rule()
    def publish(self):
        self._try(releases.publish, self.hospital.by("eve", "engineer"), RUN, reason="hurry")

    @rule()
    def roll_back(self):
        self._try(releases.rollback, self.hospital.by("eve", "engineer"), reason="hurry")

    @precondition(
        lambda self: self._is_allowed() and releases.current(self.hospital.aws).release_id == EARLIER
    )
    @rule()
    def sign_what_is_decided(self):
        """What is decided can be signed: refusing everything would be safe and of no use."""
        kim = self.hospital.by("dr.kim")
        sign_off.sign(kim, RUN, "approve", "Fine.", confirmed=self._outstanding(kim).code)

    def _decision(self, finding):
        _, status, failed, checked = self.hospital.results[RUN][finding]
        decision, most = self.decided.get(finding, ("undecided", 0))
        if decision == "must_fix":
            return decision
        if status == "error" or (decision == "accepted" and failed / checked > most + 1e-9):
            return "undecided"
        return decision

    def _found(self):
        return {key: row for key, row in self.hospital.results[RUN].items() if row[1] != "pass"}

    def _is_allowed(self):
        found = self._found()
        blocking = [key for key, row in found.items() if row[0] == "block" and row[1] in {"fail", "error"}]
        is_decided = all(self._decision(key) in {"accepted", "dismissed"} for key in blocking)
        is_asked = any(query.state != "closed" for query in read_model.of_run(self.hospital.aws, RUN).queries)
        return is_decided and not is_asked and not any(self._decision(key) == "must_fix" for key in found)

    @invariant()
    def no_signature_is_unseen(self):
        signed = [event for event in self.hospital.events() if event.kind == "release_signed"]
        for event in signed[self.signed :]:
            if event.payload["verdict"] == "approve":
                assert self._is_allowed()
                assert (event.by, event.role) in {("dr.lee", "clinician"), ("dr.kim", "clinician")}
                assert set(event.payload["undecided"]) == {
                    ":".join(key)
                    for key, row in self._found().items()
                    if row[0] != "info" and row[1] in {"fail", "error"} and self._decision(key) == "undecided"
                }
        self.signed = len(signed)

    @invariant()
    def what_is_published_was_signed(self):
        present = releases.current(self.hospital.aws).release_id
        if present == RUN and self.published != RUN:
            said = [event for event in self.hospital.events() if event.subject["run_id"] == RUN]
            last = max(n for n, event in enumerate(said) if event.kind == "release_signed")
            assert said[last].payload["verdict"] == "approve"
            takes_back = {"finding_rejected", "acceptance_withdrawn", "query_opened", "query_reopened"}
            assert not takes_back & {event.kind for event in said[last:]}
        self.published = present


@pytest.mark.usefixtures("hospital")
def test_no_order_of_actions_signs_or_publishes_what_is_undecided():
    run_state_machine_as_test(
        AnyOrder,
        settings=settings(
            max_examples=60, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
