"""What becomes of an alarm when it is reported."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from alarms.core.catalogue import STT_PROVIDER_FAILURE as KIND
from alarms.core.policy import Policy, policy_of
from alarms.core.rules import Rule
from alarms.core.severity import Severity
from alarms.core.state import WITNESS_S, Active, Outcome, Report, transition
from tests.alarms.naive import Naive, Step

pytestmark = pytest.mark.pure

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SOURCE = "provider:azure-1"
POLICY = policy_of(KIND)
ID = uuid.UUID(int=7)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def report(seconds: float, **values: Any) -> Report:
    return Report(type=KIND.name, source=SOURCE, at=at(seconds), **values)


def over(seconds: float, **values: Any) -> Report:
    return report(seconds, severity=Severity.CLEAR, count=0, **values)


def after(
    active: Active | None,
    told: Report,
    policy: Policy = POLICY,
    cleared_at: datetime | None = None,
) -> Outcome:
    return transition(active, told, policy, cleared_at=cleared_at, new_id=ID)


def raised(**values: Any) -> Active:
    active = after(None, report(0, detail="timeout", count=3)).active
    assert active is not None
    return msgspec.structs.replace(active, **values)


def test_the_first_report_raises() -> None:
    outcome = after(None, report(5, detail="timeout", count=3))
    assert outcome == Outcome(
        change="raised",
        previous=None,
        active=Active(
            alarm_id=ID,
            severity=Severity.MAJOR,
            text="Speech recognition of azure-1 fails: timeout",
            detail="timeout",
            count=3,
            raised_at=at(5),
            changed_at=at(5),
            last_at=at(5),
        ),
    )


def test_a_condition_that_is_not_counted_counts_once() -> None:
    outcome = after(None, report(0, count=0))
    assert outcome.active is not None
    assert outcome.active.count == 1


def test_a_report_of_before_the_last_clear_raises_nothing() -> None:
    assert after(None, report(5), cleared_at=at(5.1)) == Outcome(active=None)
    assert after(None, report(5), cleared_at=at(5)).change == "raised"


def test_what_nobody_wants_to_know_changes_nothing() -> None:
    deaf = policy_of(KIND, Rule(enabled=False))
    assert after(None, report(0), deaf) == Outcome(active=None)
    active = raised()
    assert after(active, report(9, severity=Severity.CRITICAL), deaf) == Outcome(active=active)
    # What is over is over all the same.
    assert after(active, over(20), deaf).change == "cleared"


def test_repeats_fold() -> None:
    outcome = after(raised(), report(9, detail="refused", count=4))
    assert outcome.change is None
    assert outcome.active == raised(
        count=7,
        last_at=at(9),
        detail="refused",
        text="Speech recognition of azure-1 fails: refused",
    )


def test_a_repeat_that_comes_late_only_counts() -> None:
    active = raised(last_at=at(60))
    outcome = after(active, report(9, detail="old", severity=Severity.CRITICAL, count=4))
    assert outcome == Outcome(active=msgspec.structs.replace(active, count=7))


@pytest.mark.parametrize(
    ("severity", "acknowledged"), [(Severity.CRITICAL, False), (Severity.MINOR, True)]
)
def test_another_severity_is_a_change_and_a_worse_one_was_not_acknowledged(
    severity: Severity, acknowledged: bool
) -> None:
    outcome = after(raised(acknowledged=True), report(9, severity=severity, detail="timeout"))
    assert (outcome.change, outcome.previous) == ("changed", Severity.MAJOR)
    assert outcome.active == raised(
        severity=severity, acknowledged=acknowledged, count=4, changed_at=at(9), last_at=at(9)
    )


def test_what_was_not_acknowledged_is_not_when_it_gets_better() -> None:
    outcome = after(raised(), report(9, severity=Severity.MINOR))
    assert outcome.active is not None
    assert not outcome.active.acknowledged


def test_a_severity_that_people_chose_holds_whatever_is_reported() -> None:
    chosen = policy_of(KIND, Rule(severity=Severity.WARNING))
    outcome = after(raised(severity=Severity.WARNING), report(9, severity=Severity.MAJOR), chosen)
    assert outcome.change is None


def test_a_clear_needs_time_without_a_report() -> None:
    active = raised()
    assert after(active, over(9.9)) == Outcome(active=active)
    assert after(active, over(10)) == Outcome(
        active=None, change="cleared", previous=Severity.MAJOR
    )


def test_a_clear_of_before_the_last_report_changes_nothing() -> None:
    at_once = policy_of(KIND, Rule(clear_after_s=0))
    active = raised(last_at=at(5))
    assert after(active, over(4.9), at_once) == Outcome(active=active)
    assert after(active, over(5), at_once).change == "cleared"


def test_who_did_not_see_it_is_believed_once_nobody_sees_it() -> None:
    active = raised()
    assert after(active, over(WITNESS_S - 0.1, own=False)) == Outcome(active=active)
    assert after(active, over(WITNESS_S, own=False)).change == "cleared"
    slow = policy_of(KIND, Rule(clear_after_s=90))
    assert after(active, over(WITNESS_S, own=False), slow) == Outcome(active=active)


def test_what_is_not_active_cannot_be_cleared() -> None:
    assert after(None, over(5)) == Outcome(active=None)


# --- against a naive model ------------------------------------------------------------------------


class StateMachine(RuleBasedStateMachine):
    """Any reports in any order of their times."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = policy_of(KIND, Rule(clear_after_s=3))
        self.naive = Naive(KIND.severity, 3)
        self.active: Active | None = None
        self.cleared_at: datetime | None = None
        self.story: list[Step] = []
        self.now = 0.0

    def take(self, told: Report) -> None:
        self.naive.take(told)
        outcome = transition(
            self.active, told, self.policy, cleared_at=self.cleared_at, new_id=uuid.uuid4()
        )
        if outcome.change == "cleared":
            self.cleared_at = told.at
        if outcome.change is not None:
            severity = outcome.active.severity if outcome.active else Severity.CLEAR
            self.story.append((outcome.change, outcome.previous, severity))
        if self.active is not None and outcome.active is not None:
            assert outcome.active.alarm_id == self.active.alarm_id
            assert outcome.active.raised_at == self.active.raised_at
        self.active = outcome.active

    @rule(
        severity=st.sampled_from([None, *list(Severity)[1:]]),
        count=st.integers(1, 5),
        ago=st.sampled_from([0, 0, 0, 1, 4]),
    )
    def told(self, severity: Severity | None, count: int, ago: int) -> None:
        self.take(report(self.now - ago, severity=severity, count=count))

    @rule(own=st.booleans(), ago=st.sampled_from([0, 0, 1]))
    def told_that_it_is_over(self, own: bool, ago: int) -> None:
        self.take(over(self.now - ago, own=own))

    @rule()
    def acknowledged(self) -> None:
        if self.active is not None:
            self.active = msgspec.structs.replace(self.active, acknowledged=True)
            self.naive.alarm["acknowledged"] = True

    @rule(seconds=st.sampled_from([1, 2, 3, 31]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def the_naive_model_says_the_same(self) -> None:
        assert self.story == self.naive.story
        found = self.active
        assert (found is None) == (not self.naive.alarm)
        if found is not None:
            assert found.severity == self.naive.alarm["severity"]
            assert found.count == self.naive.alarm["count"]
            assert found.last_at == self.naive.alarm["last"]
            assert found.acknowledged == self.naive.alarm["acknowledged"]
            assert found.severity is not Severity.CLEAR


TestStateMachine = StateMachine.TestCase
TestStateMachine.settings = settings(max_examples=50, stateful_step_count=25)
