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
    comings: tuple[datetime, ...] = (),
) -> Outcome:
    return transition(active, told, policy, cleared_at=cleared_at, new_id=ID, comings=comings)


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
        comings=(at(5),),
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


# --- what comes and goes --------------------------------------------------------------------------

OFTEN = (at(-60), at(-30), at(0))
WORDS = "timeout; comes and goes, raised 3 times in the last hour"


def test_what_comes_again_is_raised_at_once_and_says_that_it_comes_and_goes() -> None:
    outcome = after(None, report(0, detail="timeout"), comings=OFTEN[:2])
    assert (outcome.change, outcome.comings) == ("raised", OFTEN)
    assert outcome.active is not None
    assert outcome.active.detail == WORDS
    assert outcome.active.text == f"Speech recognition of azure-1 fails: {WORDS}"


def test_what_comes_and_goes_is_held_until_it_has_stayed_away() -> None:
    outcome = after(raised(), over(10), comings=OFTEN)
    held = raised(held_since=at(10), held_until=at(60))
    assert outcome == Outcome(active=held, change="held")
    assert after(held, over(59.9), comings=OFTEN) == Outcome(active=held)
    cleared = Outcome(active=None, change="cleared", previous=Severity.MAJOR)
    assert after(held, over(60), comings=OFTEN) == cleared
    # Whoever takes that long to see that it is over has waited already.
    assert after(raised(), over(60), comings=OFTEN) == cleared


def test_what_is_held_and_comes_back_goes_on_and_is_held_for_longer() -> None:
    held = raised(held_since=at(10), held_until=at(60))
    outcome = after(held, report(12, detail="timeout"), comings=OFTEN)
    assert (outcome.change, outcome.comings) == (None, (*OFTEN, at(12)))
    words = WORDS.replace("3", "4")
    assert outcome.active == raised(
        count=4, last_at=at(12), detail=words, text=f"Speech recognition of azure-1 fails: {words}"
    )
    # That it is held was told already.
    assert outcome.comings is not None
    again = after(outcome.active, over(22), comings=outcome.comings)
    assert again.change is None
    assert again.active is not None
    assert again.active.held_until == at(12 + 120)


def test_news_of_before_it_went_away_is_no_return() -> None:
    held = raised(held_since=at(20), held_until=at(60))
    outcome = after(held, report(15), comings=OFTEN)
    assert outcome.comings is None
    assert outcome.active is not None
    assert (outcome.active.held_since, outcome.active.last_at) == (at(20), at(15))
    assert after(held, report(20), comings=OFTEN).comings == (*OFTEN, at(20))


def test_another_severity_is_told_though_it_is_held() -> None:
    held = raised(held_since=at(10), held_until=at(60))
    outcome = after(held, report(12, severity=Severity.CRITICAL), comings=OFTEN)
    assert (outcome.change, outcome.comings) == ("changed", (*OFTEN, at(12)))


def test_a_long_trouble_is_over_at_once_however_it_began() -> None:
    assert after(raised(last_at=at(5000)), over(5010), comings=OFTEN).change == "cleared"


@pytest.mark.parametrize("period_s", [12, 30, 60, 200, 440, 600, 1200])
def test_what_fails_and_works_in_turns_for_hours_is_told_a_few_times(period_s: int) -> None:
    """It fails for 2 s of each period; that it works is told every 2 s."""
    active: Active | None = None
    comings: tuple[datetime, ...] = ()
    told = []
    for second in range(0, 3 * 3600, 2):
        one = report(second) if second % period_s == 0 else over(second)
        outcome = after(active, one, comings=comings)
        active, comings = outcome.active, outcome.comings or comings
        told += [second] if outcome.change in ("raised", "cleared") else []
    undamped = 2 * 3 * 3600 // period_s
    first_hour = [second for second in told if second < 3600]
    assert told[0] == 0
    assert len(first_hour) <= 12
    if period_s <= 440:
        assert told == first_hour
    else:  # it comes seldom, and each time is told
        assert undamped - 1 <= len(told) <= undamped


# --- against a naive model ------------------------------------------------------------------------


class StateMachine(RuleBasedStateMachine):
    """Any reports in any order of their times."""

    def __init__(self) -> None:
        super().__init__()
        self.policy = policy_of(KIND, Rule(clear_after_s=3))
        self.naive = Naive(KIND.severity, 3)
        self.active: Active | None = None
        self.cleared_at: datetime | None = None
        self.comings: tuple[datetime, ...] = ()
        self.story: list[Step] = []
        self.now = 0.0

    def take(self, told: Report) -> None:
        self.naive.take(told)
        outcome = transition(
            self.active,
            told,
            self.policy,
            cleared_at=self.cleared_at,
            new_id=uuid.uuid4(),
            comings=self.comings,
        )
        self.comings = outcome.comings or self.comings
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

    @rule(seconds=st.sampled_from([1, 2, 3, 3, 31, 61, 901, 3600]))
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
            assert found.held_since == self.naive.alarm["held"]
            assert found.severity is not Severity.CLEAR


TestStateMachine = StateMachine.TestCase
TestStateMachine.settings = settings(max_examples=50, stateful_step_count=25)
