"""Latencies of a turn, told in pieces."""

import math

import pytest

from bots.protocols.deepgram_agent.latencies import Latencies
from bots.protocols.deepgram_agent.messages import AgentStartedSpeaking, LatencyReport

pytestmark = pytest.mark.pure


def test_pieces_are_put_together_in_milliseconds() -> None:
    turn = Latencies()
    assert turn.reported(LatencyReport(stt_latency=0.12)) == {"stt_ms": 120}
    began = turn.began(AgentStartedSpeaking(total_latency=0.61, ttt_latency=0.4))
    assert began == {"stt_ms": 120, "think_ms": 400, "total_ms": 610}
    assert turn.reported(LatencyReport(tts_latency=0.09)) == {**began, "tts_ms": 90}


def test_the_first_token_counts_only_until_the_first_text_is_known() -> None:
    turn = Latencies()
    assert turn.reported(LatencyReport(ttt_token_latency=0.2)) == {"think_ms": 200}
    assert turn.reported(LatencyReport(ttt_text_latency=0.3)) == {"think_ms": 300}
    assert turn.reported(LatencyReport(ttt_token_latency=0.25)) == {}


@pytest.mark.parametrize("nonsense", [None, math.nan, math.inf, -1.0, 1e9])
def test_what_is_no_latency_is_left_out(nonsense: float | None) -> None:
    assert Latencies().reported(LatencyReport(total_latency=nonsense)) == {}
