"""Figures of traffic: summaries of periods, made once and again, and what is read from them."""

from datetime import timedelta

import pytest

from calls import tasks
from calls.models import TrafficSummary
from calls.statistics import (
    ALL,
    CATCH_UP,
    HOUR,
    KEPT,
    PERIOD,
    busiest,
    count,
    delete_old_summaries,
    latest,
    most_since,
    period_start,
    summarise,
    traffic,
)
from gateway_project.celery import AT_START, app
from tests.calls.conftest import NOON, MakeCall, record_turn

pytestmark = [pytest.mark.db, pytest.mark.django_db]

MINUTE = timedelta(minutes=1)


def stored() -> dict[tuple[int, int, str], tuple[int, int, int, dict[str, int]]]:
    """Summaries by minute of the period after noon, length in minutes and bot."""
    return {
        ((row.start - NOON) // MINUTE, row.seconds // 60, row.bot_name): (
            row.started,
            row.ended,
            row.most,
            row.failures,
        )
        for row in TrafficSummary.objects.all()
    }


def test_a_period_counts_what_began_ended_and_failed_in_it(make_call: MakeCall) -> None:
    make_call(started_at=NOON + MINUTE)
    make_call(started_at=NOON + 1.5 * MINUTE, bot_name="retail", reason_code="error", cause="x:y")
    make_call(started_at=NOON + 4.5 * MINUTE, reason_code="error")
    make_call(started_at=NOON + 2 * MINUTE, is_test=True)
    make_call(started_at=NOON + 11 * MINUTE, ended=False)
    assert summarise(NOON + 10 * MINUTE) == 2
    assert stored() == {
        (0, 5, ALL): (3, 2, 2, {"x:y": 1}),
        (0, 5, "demo"): (2, 1, 1, {}),
        (0, 5, "retail"): (1, 1, 1, {"x:y": 1}),
        (5, 5, ALL): (0, 1, 1, {"error": 1}),
        (5, 5, "demo"): (0, 1, 1, {"error": 1}),
        (0, 60, ALL): (3, 3, 2, {"x:y": 1, "error": 1}),
        (0, 60, "demo"): (2, 2, 1, {"error": 1}),
        (0, 60, "retail"): (1, 1, 1, {"x:y": 1}),
    }


def test_a_record_that_comes_late_still_counts(make_call: MakeCall) -> None:
    call = make_call(started_at=NOON + MINUTE)
    summarise(NOON + 5 * MINUTE)
    record_turn(call, 1)
    make_call(started_at=NOON + 2 * MINUTE)
    for _ in range(2):  # and again, which changes nothing
        assert summarise(NOON + 10 * MINUTE) == 2
        assert stored()[0, 5, ALL] == (2, 2, 2, {})
        assert stored()[0, 60, ALL] == (2, 2, 2, {})
    row = TrafficSummary.objects.get(start=NOON, seconds=3600, bot_name=ALL)
    assert sum(row.silences["total"].values()) == 1


def test_after_a_pause_everything_that_is_missing_is_made(make_call: MakeCall) -> None:
    make_call(started_at=NOON - 3 * HOUR)
    summarise(NOON - 2 * HOUR)
    make_call(started_at=NOON - 70 * MINUTE)
    make_call(started_at=NOON - CATCH_UP - HOUR, ended_at=NOON - CATCH_UP - HOUR)
    summarise(NOON)
    rows = TrafficSummary.objects.filter(seconds=300, bot_name=ALL)
    assert rows.count() == CATCH_UP // PERIOD
    assert sum(rows.values_list("started", flat=True)) == 2
    hours = TrafficSummary.objects.filter(seconds=3600, bot_name=ALL, started=1)
    assert {row.start for row in hours} == {NOON - 3 * HOUR, NOON - 2 * HOUR}
    assert latest() == NOON - PERIOD
    assert summarise(NOON) == 2


def test_a_new_gateway_has_summaries_although_nobody_calls(db: None) -> None:
    assert latest() is None
    assert summarise(NOON + MINUTE) == 2
    assert latest() == NOON - PERIOD


def test_a_call_counts_as_going_on_from_its_start_to_its_end(make_call: MakeCall) -> None:
    make_call(started_at=NOON - HOUR, ended=False)
    make_call(started_at=NOON - MINUTE, ended_at=NOON + 6 * MINUTE)
    make_call(started_at=NOON + 6 * MINUTE, ended_at=NOON + 7 * MINUTE)
    found = count(NOON, NOON + 15 * MINUTE)
    assert [figures[ALL].most for figures in found.values()] == [2, 2, 1]
    assert count(NOON, NOON + PERIOD, frozenset({"retail"}))[NOON][ALL].most == 0


def test_the_figures_of_a_while_are_summaries_and_what_has_none_yet(make_call: MakeCall) -> None:
    for minute in (-50, -20, -7, 1):
        record_turn(make_call(started_at=NOON + minute * MINUTE), 1)
    summarise(NOON - 5 * MINUTE)
    now = NOON + 3 * MINUTE
    for bots in (None, frozenset({"demo"})):
        found = traffic(bots, now - HOUR, now, PERIOD)
        assert list(found.periods) == [NOON + n * PERIOD for n in range(-12, 1)]
        started = {at: figures.started for at, figures in found.periods.items() if figures.started}
        assert started == {NOON + n * PERIOD: 1 for n in (-10, -4, -2, 0)}
        assert (found.total.started, found.total.ended) == (4, 4)
        assert found.total.wait_ms(0.5) == pytest.approx(1120, rel=0.02)
        by_hour = traffic(bots, now - HOUR, now, HOUR)
        assert [figures.started for figures in by_hour.periods.values()] == [3, 1]
    assert traffic(frozenset({"retail"}), now - HOUR, now, PERIOD).total.started == 0
    assert busiest(None, now - HOUR, now, PERIOD, 10)["demo"].started == 4


def test_the_busiest_bots_come_first(make_call: MakeCall) -> None:
    for minute, bot in ((-9, "b"), (-8, "b"), (-7, "a"), (-6, "c"), (-6, "c"), (1, "c")):
        make_call(started_at=NOON + minute * MINUTE, bot_name=bot)
    summarise(NOON)
    now = NOON + 2.5 * MINUTE
    found = busiest(None, now - HOUR, now, PERIOD, 2)
    assert [(bot, figures.started, figures.ended) for bot, figures in found.items()] == [
        ("c", 3, 3),
        ("b", 2, 2),
    ]
    assert list(busiest(frozenset({"a"}), now - HOUR, now, PERIOD, 2)) == ["a"]


def test_the_most_calls_at_once_of_some_bots_is_exact(make_call: MakeCall) -> None:
    # a and b are busy in the same period, but not at the same moment.
    at = NOON - HOUR
    make_call(started_at=at, ended_at=at + MINUTE, bot_name="a")
    make_call(started_at=at, ended_at=at + MINUTE, bot_name="a")
    make_call(started_at=at + 2 * MINUTE, ended_at=at + 3 * MINUTE, bot_name="b")
    make_call(started_at=at + 2 * MINUTE, ended_at=at + 3 * MINUTE, bot_name="b")
    for bot in "abc":
        make_call(started_at=at + 2 * PERIOD, ended_at=at + 2 * PERIOD + MINUTE, bot_name=bot)
    summarise(NOON)
    now = NOON + MINUTE
    assert most_since(NOON - 2 * HOUR, now, None) == 3
    assert most_since(NOON - 2 * HOUR, now, frozenset("ab")) == 2
    assert most_since(NOON - 2 * HOUR, now, frozenset("a")) == 2
    assert most_since(NOON - 45 * MINUTE, now, frozenset("ab")) == 0
    make_call(started_at=NOON, ended=False, bot_name="a")
    assert most_since(NOON - 45 * MINUTE, now, frozenset("ab")) == 1


@pytest.mark.parametrize("bots", [None, frozenset({"demo"}), frozenset({"demo", "b"})])
def test_the_most_calls_at_once_counts_periods_without_a_summary_yet(
    make_call: MakeCall, bots: frozenset[str] | None
) -> None:
    summarise(NOON - 10 * MINUTE)
    for _ in range(2):
        make_call(started_at=NOON - 8 * MINUTE, ended_at=NOON - 7 * MINUTE)
    now = NOON + MINUTE
    assert most_since(NOON - HOUR, now, bots) == 2
    assert most_since(NOON - 6 * MINUTE, now, bots) == 0


def test_summaries_are_kept_for_a_while(db: None) -> None:
    for length, kept in KEPT.items():
        for age in (kept - PERIOD, kept + PERIOD):
            seconds = int(length.total_seconds())
            TrafficSummary.objects.create(start=NOON - age, seconds=seconds, bot_name=ALL)
    assert delete_old_summaries(NOON) == 2
    assert delete_old_summaries(NOON) == 0


def test_a_period_begins_on_the_clock() -> None:
    at = NOON + timedelta(minutes=7, seconds=3)
    assert period_start(at) == NOON + PERIOD
    assert period_start(at, HOUR) == NOON


def test_the_worker_summarises_every_five_minutes_and_when_it_starts(db: None) -> None:
    entry = app.conf.beat_schedule["summarise-traffic"]
    assert entry["task"] == tasks.summarise_traffic.name
    assert "summarise-traffic" in AT_START
    tasks.summarise_traffic()
    tasks.delete_old_figures()
    assert latest() is not None
