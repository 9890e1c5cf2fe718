"""What one call adds to the metrics."""

from typing import Any

import pytest

from bots.core.errors import Fault
from calls.core import commands
from calls.core.waterfall import TurnTimes, waterfall
from calls.telemetry import calls, metrics
from calls.telemetry.calls import CallMetrics, counted, reason_of
from calls.telemetry.declare import DECLARED, REGISTRY, Names

pytestmark = pytest.mark.pure

TIMES = TurnTimes(
    turn=1,
    kind="speech",
    caller_stopped_ms=1000,
    end_decided_ms=1400,
    final_text_ms=1500,
    sent_to_bot_ms=1500,
    bot_answered_ms=2100,
    audio_ready_ms=2300,
    audio_sent_ms=2350,
    playback_ended_ms=5000,
)


@pytest.fixture(autouse=True)
def _own_names(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bot_name", "provider_name", "channel_name"):
        monkeypatch.setattr(metrics, name, Names(most=200))


class Grown:
    """By how much each series has grown since; those that have not are left out."""

    def __init__(self) -> None:
        self._before = self._now()

    @staticmethod
    def _now() -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in REGISTRY.collect()
            if family.name.startswith("gateway_")
            for sample in family.samples
        }

    def by(self, name: str) -> dict[tuple[str, ...], float]:
        now = self._now()
        return {
            tuple(value for _, value in labels): grown
            for (series, labels), value in now.items()
            if series == name and (grown := value - self._before.get((series, labels), 0))
        }


@pytest.fixture
def grown() -> Grown:
    return Grown()


def opened(bot: str = "retail", **start: Any) -> CallMetrics:
    call = CallMetrics(bot)
    call.opened(**{"channel": "audiocodes", "direction": "inbound", **start})
    return call


def finish(**given: Any) -> commands.Finish:
    values: dict[str, Any] = {
        "at": 0.0, "ended_by": "caller", "reason_code": "client-disconnected", "reason": "",
        "turns": 1,
    }  # fmt: skip
    return commands.Finish(**values | given)


def test_a_call_is_active_until_it_ends(grown: Grown) -> None:
    call = opened()
    assert grown.by("gateway_calls_active") == {("audiocodes", "inbound"): 1}
    call.closed(finish(), lasted_s=61.0, barge_ins=0)
    assert grown.by("gateway_calls_active") == {}
    assert grown.by("gateway_calls_started_total") == {("audiocodes", "inbound"): 1}
    assert grown.by("gateway_bot_calls_total") == {("retail",): 1}
    assert grown.by("gateway_calls_ended_total") == {
        ("audiocodes", "inbound", "caller", "ordinary"): 1
    }
    assert grown.by("gateway_call_duration_seconds_sum") == {("inbound",): 61.0}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "ordinary"),
        ({"reason_code": "transferred"}, "transferred"),
        ({"cause": "stt:timeout", "reason_code": "error"}, "stt-failed"),
        ({"cause": "bot", "reason_code": "error"}, "bot-failed"),
        ({"cause": "user-no-input"}, "user-no-input"),
        ({"cause": "internal", "reason_code": "error"}, "internal"),
        ({"reason_code": "error"}, "error"),
        ({"cause": "+15550100"}, "error"),
        ({"reason_code": "+15550100 said so"}, "ordinary"),
    ],
)
def test_why_a_call_ended_is_one_of_a_few_words(given: dict[str, str], reason: str) -> None:
    assert reason_of(finish(**given)) == reason


def test_each_part_of_an_answered_turns_silence_counts_also_if_it_took_no_time(
    grown: Grown,
) -> None:
    opened().turn(waterfall(TIMES), 0)
    assert grown.by("gateway_turn_silence_seconds_sum")[()] == pytest.approx(1.35)
    assert grown.by("gateway_turn_stage_seconds_count") == {(stage,): 1 for stage in metrics.STAGES}
    sums = grown.by("gateway_turn_stage_seconds_sum")
    assert {stage: round(value, 3) for (stage,), value in sums.items()} == {
        "endpointing": 0.4, "recognition": 0.1, "bot": 0.6, "synthesis": 0.2, "delivery": 0.05,
    }  # fmt: skip
    assert grown.by("gateway_bot_turns_total") == {("retail",): 1}


def test_of_a_turn_without_an_answer_only_what_it_came_to_counts(grown: Grown) -> None:
    unanswered = TurnTimes(
        turn=1,
        kind="speech",
        caller_stopped_ms=0,
        end_decided_ms=300,
        final_text_ms=300,
        sent_to_bot_ms=300,
    )
    opened().turn(waterfall(unanswered), 0)
    assert grown.by("gateway_turn_stage_seconds_count") == {("endpointing",): 1}
    assert grown.by("gateway_turn_silence_seconds_count") == {}


def test_barge_ins_are_counted_as_they_become_known(grown: Grown) -> None:
    call = opened()
    call.turn(waterfall(TIMES), 2)
    call.turn(waterfall(TIMES), 2)
    assert grown.by("gateway_barge_ins_total") == {("retail",): 2}
    call.closed(finish(), lasted_s=1, barge_ins=3)
    assert grown.by("gateway_barge_ins_total") == {("retail",): 3}


def test_uses_of_providers_are_counted_with_those_that_fail(grown: Grown) -> None:
    counted("bot", "rasa")
    counted("stt", "azure-1")
    counted("stt", "azure-1", Fault.TIMEOUT)
    assert grown.by("gateway_provider_requests_total") == {
        ("bot", "rasa"): 1,
        ("stt", "azure-1"): 2,
    }
    assert grown.by("gateway_provider_errors_total") == {("timeout", "stt", "azure-1"): 1}


def test_many_bots_callers_and_channels_make_a_bounded_number_of_series(grown: Grown) -> None:
    def series() -> int:
        return sum(
            len(family.samples) for family in REGISTRY.collect() if family.name.startswith("gate")
        )

    def busy(numbers: range) -> None:
        for number in numbers:
            call = CallMetrics(f"bot-{number}")
            call.opened(channel=f"channel-{number}", direction="inbound")
            for kind in calls.SERVICES:
                counted(kind, f"{kind}-{number}", Fault.TIMEOUT)
            call.turn(waterfall(TIMES), 1)
            cause, code = f"cause {number}", f"code {number}"
            call.closed(finish(cause=cause, reason_code=code), lasted_s=number, barge_ins=1)

    already = series()  # of other tests in this process
    busy(range(300))
    before = series()
    busy(range(300, 900))
    assert series() == before
    assert before - already < 3000
    others = grown.by("gateway_bot_calls_total")
    assert others[("other",)] == 700
    assert not any(
        "number" in metric.labels or "call" in metric.labels for metric in DECLARED.values()
    )


def test_what_the_metrics_call_a_stage_is_a_part_of_the_waterfall() -> None:
    assert set(calls._STAGES) == set(metrics.STAGES)
