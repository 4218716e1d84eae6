"""No order of actions approves a release with an undecided blocking finding."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
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

from portal.core.errors import ServiceError
from portal.quality import results as quality
from portal.releases import service as releases
from portal.reviews import commands as reviews
from portal.reviews import read_model, sign_off
from tests.support.memory_hospital import EARLIER, RULES, RUN, Hospital

TODAY = datetime.now(UTC).date()
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
