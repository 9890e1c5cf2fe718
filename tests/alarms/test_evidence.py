"""When what a process has seen is worth a report."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from alarms.core.catalogue import CATALOGUE, STT_PROVIDER_FAILURE, WORKER_DOWN
from alarms.core.evidence import (
    GAP_S,
    LOOK_S,
    MAX_SOURCES,
    MAX_TIMES,
    REPEAT_S,
    RETRY_S,
    Evidence,
    Key,
    others,
)
from alarms.core.policy import Policy, policy_of
from alarms.core.severity import Severity
from alarms.core.state import Report

pytestmark = pytest.mark.pure

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
STT = Key(STT_PROVIDER_FAILURE.name, "provider:azure-1")
WORKER = Key(WORKER_DOWN.name, "worker")
POLICIES = {name: policy_of(kind) for name, kind in CATALOGUE.items()}
NOTHING: frozenset[Key] = frozenset()


def customised(key: Key, **values: object) -> dict[str, Policy]:
    return {**POLICIES, key.type: msgspec.structs.replace(POLICIES[key.type], **values)}


BY_WINDOW = customised(STT, in_a_row_s=0.0)
"""Failures count only when they are close."""


class Bench:
    """Evidence with a clock, and whoever writes its reports."""

    def __init__(self, policies: dict[str, Policy] = POLICIES) -> None:
        self.evidence = Evidence(policies)
        self.now = 1000.0
        self.active: set[Key] = set()

    def due(self) -> list[Report]:
        clock = NOON + timedelta(seconds=self.now)
        return self.evidence.due(self.now, clock, self.active)

    def turn(self) -> list[tuple[str, int]]:
        """The reports that were due, written: cleared or raised, and how often."""
        reports = self.due()
        self.evidence.told(reports, self.now)
        for each in reports:
            key = Key(each.type, each.source)
            self.active = self.active - {key} if each.clears else self.active | {key}
        return [("over" if each.clears else "on", each.count) for each in reports]

    def fail(self, times: int = 1, key: Key = STT, *, certain: bool = False) -> None:
        for _ in range(times):
            self.evidence.failed(key, "timeout", self.now, certain=certain)


@pytest.fixture
def bench() -> Bench:
    return Bench()


# --- failures -------------------------------------------------------------------------------------


def test_failures_count_when_there_are_enough_within_the_window(bench: Bench) -> None:
    bench.fail()
    bench.now += 20
    bench.fail()
    assert bench.turn() == []
    bench.now += 39.9
    bench.fail()
    assert bench.turn() == [("on", 3)]
    assert bench.turn() == []


def test_failures_too_far_apart_do_not_count() -> None:
    bench = Bench(BY_WINDOW)
    for _ in range(20):
        bench.fail()
        assert bench.turn() == []
        bench.now += 31
    # As many as it takes, and all of them within the window.
    bench.fail(2)
    assert bench.turn() == [("on", 22)]


def test_a_report_does_not_count_failures_of_long_ago() -> None:
    bench = Bench(BY_WINDOW)
    bench.fail(2)
    bench.now += 61
    bench.fail(3)
    assert bench.turn() == [("on", 3)]


def test_a_certain_failure_counts_alone(bench: Bench) -> None:
    bench.fail(certain=True)
    assert bench.turn() == [("on", 1)]


def test_a_report_says_when_it_was_and_what_was_told_last(bench: Bench) -> None:
    bench.evidence.failed(STT, "first", bench.now, certain=True)
    bench.now += 3
    bench.evidence.failed(STT, "last", bench.now)
    bench.now += 4
    report = bench.due()[0]
    assert report == Report(
        type=STT.type,
        source=STT.source,
        at=NOON + timedelta(seconds=bench.now - 4),
        severity=None,
        detail="last",
        count=2,
    )


def test_repeats_of_an_active_alarm_are_told_together_now_and_then(bench: Bench) -> None:
    bench.fail(3)
    bench.turn()
    bench.fail(5)
    assert bench.turn() == []
    bench.now += REPEAT_S
    assert bench.turn() == [("on", 5)]
    bench.now += REPEAT_S
    assert bench.turn() == []


def test_one_failure_repeats_what_another_process_raised(bench: Bench) -> None:
    bench.active = {STT}
    bench.fail()
    assert bench.turn() == [("on", 1)]


def test_after_a_clear_it_takes_enough_failures_again(bench: Bench) -> None:
    bench.fail(3)
    bench.turn()
    bench.fail(2)
    bench.active = set()
    bench.now += REPEAT_S
    assert bench.turn() == []
    bench.fail()
    assert bench.turn() == [("on", 3)]


def test_what_came_in_while_a_report_was_written_is_not_lost(bench: Bench) -> None:
    bench.fail(3)
    reports = bench.due()
    bench.fail(2)
    bench.evidence.told(reports, bench.now)
    bench.active = {STT}
    bench.now += REPEAT_S
    assert bench.turn() == [("on", 2)]


def test_a_report_that_could_not_be_written_is_due_again_with_all_that_followed() -> None:
    bench = Bench(BY_WINDOW)
    bench.fail(3)
    assert [each.count for each in bench.due()] == [3]
    bench.now += 500
    bench.fail(4)
    assert bench.turn() == [("on", 4)]


def test_of_a_high_threshold_only_the_last_times_are_remembered() -> None:
    policies = customised(STT, count=3 * MAX_TIMES, window_s=30.0, in_a_row_s=0.0)
    fast, slow = Bench(policies), Bench(policies)
    for _ in range(3 * MAX_TIMES - 1):
        fast.fail()
        slow.fail()
        fast.now += 0.009
        slow.now += 0.011
    assert fast.turn() == slow.turn() == []
    fast.fail()
    slow.fail()
    assert fast.turn() == [("on", 3 * MAX_TIMES)]
    assert slow.turn() == []


def test_another_rule_counts_from_the_failures_that_are_known(bench: Bench) -> None:
    bench.fail(2)
    assert bench.turn() == []
    bench.evidence.follow(customised(STT, count=2))
    bench.fail()
    assert bench.turn() == [("on", 3)]


@pytest.mark.parametrize("rule", [{"enabled": False}, {"sources": ("google*",)}])
def test_what_nobody_wants_to_know_is_forgotten(rule: dict[str, object]) -> None:
    bench = Bench(customised(STT, **rule))
    bench.fail(3)
    assert bench.turn() == []
    assert len(bench.evidence) == 0


# --- failures in a row ----------------------------------------------------------------------------


def test_what_fails_each_time_counts_though_it_is_seldom_used(bench: Bench) -> None:
    for _ in range(2):
        bench.fail()
        assert bench.turn() == []
        bench.now += 400
    bench.fail()
    assert bench.turn() == [("on", 3)]


def test_who_worked_in_between_failed_not_in_a_row(bench: Bench) -> None:
    for _ in range(5):
        bench.fail(2)
        assert bench.turn() == []
        # Nobody waits for it, and it is noticed all the same.
        assert STT in bench.evidence
        bench.evidence.over(STT, certain=True)
        assert bench.turn() == []
        assert STT not in bench.evidence
        bench.now += 100


def test_a_row_that_took_too_long_does_not_count(bench: Bench) -> None:
    for _ in range(10):
        bench.fail()
        assert bench.turn() == []
        bench.now += 451


def test_a_row_of_many_is_judged_by_the_last_of_them() -> None:
    policies = customised(STT, count=3 * MAX_TIMES, in_a_row_s=3000.0)
    bench, slow = Bench(policies), Bench(policies)
    for each, pause in ((bench, 0.9), (slow, 1.1)):
        for _ in range(3 * MAX_TIMES):
            assert each.turn() == []
            each.fail()
            each.now += pause
    assert bench.turn() == [("on", 3 * MAX_TIMES)]
    assert slow.turn() == []


def test_of_what_nobody_tells_apart_any_more_no_row_is_kept() -> None:
    bench = Bench()
    for number in range(MAX_SOURCES + 1):
        bench.fail(key=Key(STT.type, f"provider:{number}"))
        bench.turn()
    assert Key(STT.type, "provider:0") not in bench.evidence
    assert Key(STT.type, "provider:1") in bench.evidence


def test_of_more_sources_than_are_told_apart_no_row_is_kept_either() -> None:
    bench = Bench()
    for number in range(MAX_SOURCES + 1):
        bench.fail(key=Key(STT.type, f"provider:{number}"))
    # All of them wait for a report, so the last is one of the others.
    assert Key(STT.type, f"provider:{MAX_SOURCES}") not in bench.evidence


# --- conditions -----------------------------------------------------------------------------------


def test_a_condition_counts_when_it_has_held_for_a_while(bench: Bench) -> None:
    for _ in range(15):
        bench.evidence.holds(WORKER, "none", bench.now)
        assert bench.turn() == []
        bench.now += 1
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == [("on", 0)]


def test_a_condition_counts_in_time_though_nobody_looked_again(bench: Bench) -> None:
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == []
    bench.now += 15
    assert bench.turn() == [("on", 0)]


def test_a_condition_that_did_not_hold_in_between_begins_anew(bench: Bench) -> None:
    bench.evidence.holds(WORKER, "none", bench.now)
    bench.now += 14
    bench.evidence.over(WORKER)
    bench.now += 1
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == []


def test_a_condition_that_nobody_looked_at_for_long_begins_anew(bench: Bench) -> None:
    bench.evidence.holds(WORKER, "none", bench.now)
    bench.now += GAP_S + 1
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == []


def test_a_condition_that_goes_on_is_told_now_and_then_while_somebody_looks(bench: Bench) -> None:
    bench.active = {WORKER}
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == [("on", 0)]
    bench.now += LOOK_S - 0.1
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == []
    bench.now += 0.1
    assert bench.turn() == [("on", 0)]
    bench.now += 10 * LOOK_S
    assert bench.turn() == []


def test_another_severity_of_a_condition_is_told_at_once(bench: Bench) -> None:
    bench.active = {WORKER}
    bench.evidence.holds(WORKER, "1 h", bench.now, severity=Severity.MINOR)
    bench.turn()
    bench.evidence.holds(WORKER, "2 h", bench.now, severity=Severity.CRITICAL)
    report = bench.due()[0]
    assert (report.severity, report.detail) == (Severity.CRITICAL, "2 h")


def test_a_cleared_condition_is_raised_again_only_when_somebody_still_sees_it(
    bench: Bench,
) -> None:
    bench.evidence.holds(WORKER, "none", bench.now)
    bench.now += 15
    bench.turn()
    bench.active = set()
    bench.now += 60
    assert bench.turn() == []
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == [("on", 0)]


# --- over -----------------------------------------------------------------------------------------


def test_it_is_over_when_nothing_spoke_against_it_for_long_enough(bench: Bench) -> None:
    bench.fail(3)
    bench.turn()
    bench.now += 1
    bench.evidence.over(STT, certain=True)
    assert bench.turn() == []
    bench.now += 8.9
    assert bench.turn() == []
    bench.now += 0.1
    assert bench.turn() == [("over", 0)]


def test_a_failure_takes_the_wish_to_clear_back(bench: Bench) -> None:
    bench.fail(3)
    bench.turn()
    bench.evidence.over(STT)
    bench.fail()
    bench.now += 60
    assert bench.turn() == [("on", 1)]


def test_a_condition_that_holds_again_takes_the_wish_to_clear_back(bench: Bench) -> None:
    bench.active = {WORKER}
    bench.evidence.over(WORKER)
    bench.evidence.holds(WORKER, "none", bench.now)
    assert bench.turn() == [("on", 0)]


def test_what_is_not_active_needs_no_clear(bench: Bench) -> None:
    bench.evidence.over(STT)
    assert STT in bench.evidence
    assert bench.turn() == []
    assert STT not in bench.evidence


def test_what_failed_and_works_again_before_anything_was_written_is_told_in_order() -> None:
    bench = Bench(customised(STT, clear_after_s=0.0))
    bench.fail(3)
    bench.evidence.over(STT)
    assert bench.turn() == [("on", 3), ("over", 0)]
    assert bench.turn() == []


def test_a_clear_that_was_refused_is_wished_for_again_after_a_while(bench: Bench) -> None:
    bench.active = {STT}
    bench.evidence.over(STT)
    assert [each.clears for each in bench.due()] == [True]
    bench.turn()
    bench.active = {STT}
    assert bench.turn() == []
    bench.now += RETRY_S
    assert bench.turn() == [("over", 0)]


@pytest.mark.parametrize(("certain", "saw", "own"), [(0, 0, 0), (0, 1, 1), (1, 0, 1)])
def test_a_clear_says_whether_its_process_saw_it(certain: bool, saw: bool, own: bool) -> None:
    bench = Bench()
    bench.active = {WORKER}
    if saw:
        bench.evidence.holds(WORKER, "none", bench.now)
    bench.evidence.over(WORKER, certain=bool(certain))
    bench.evidence.over(WORKER)
    assert [each.own for each in bench.due()] == [bool(own)]


# --- bounds ---------------------------------------------------------------------------------------


def test_a_source_has_one_entry_however_often_it_fails(bench: Bench) -> None:
    bench.fail(5000)
    assert len(bench.evidence) == 1
    assert bench.turn() == [("on", 5000)]


def test_sources_that_wait_for_nothing_make_room_for_new_ones(bench: Bench) -> None:
    for number in range(3 * MAX_SOURCES):
        bench.fail(key=Key(STT.type, f"provider:{number}"))
        bench.turn()
    assert len(bench.evidence) == MAX_SOURCES
    bench.fail(2, Key(STT.type, f"provider:{3 * MAX_SOURCES - 1}"))
    assert bench.turn() == [("on", 3)]


def test_a_source_that_was_told_of_lately_keeps_its_place(bench: Bench) -> None:
    bench.fail(2)
    bench.turn()
    for number in range(MAX_SOURCES - 1):
        bench.fail(key=Key(STT.type, f"provider:{number}"))
        bench.turn()
    bench.fail(key=STT, times=0)
    bench.evidence.over(STT)
    bench.turn()
    bench.fail(key=Key(STT.type, "provider:one-more"))
    bench.turn()
    bench.fail()
    assert bench.turn() == [("on", 3)]


def test_beyond_the_bound_sources_that_all_wait_are_one(bench: Bench) -> None:
    for number in range(MAX_SOURCES):
        bench.fail(3, Key(STT.type, f"provider:{number}"))
    bench.fail(1, Key(STT.type, "provider:one-more"))
    bench.fail(2, Key(STT.type, "provider:yet-another"))
    reports = bench.due()
    assert len(reports) == MAX_SOURCES + 1
    assert reports[-1].source == "provider:…others" == others(STT.source)
    assert reports[-1].count == 3
    assert WORKER not in bench.evidence


def test_reports_of_a_source_that_was_forgotten_meanwhile_change_nothing(bench: Bench) -> None:
    bench.fail(3)
    reports = bench.due()
    bench.evidence.follow(customised(STT, enabled=False))
    bench.turn()
    bench.evidence.told(reports, bench.now)
    assert len(bench.evidence) == 0
