"""How long the agent's parts took for one turn, put together from what the server tells bit by bit.

The server counts in seconds; the gateway in whole milliseconds.
"""

import math

from bots.core.activities import Json
from bots.protocols.deepgram_agent.messages import AgentStartedSpeaking, LatencyReport


class Latencies:
    """What is known of one turn."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def began(self, message: AgentStartedSpeaking) -> Json:
        """All that is known by now; empty when the message told nothing."""
        return self._merged(
            think_ms=message.ttt_latency,
            tts_ms=message.tts_latency,
            total_ms=message.total_latency,
        )

    def reported(self, message: LatencyReport) -> Json:
        """As `began`. The first text of the model counts; its first token while that is unknown."""
        found = self._merged(
            stt_ms=message.stt_latency,
            think_ms=message.ttt_text_latency,
            tts_ms=message.tts_latency,
            total_ms=message.total_latency,
        )
        if message.ttt_token_latency is None or "think_ms" in self._known:
            return found
        return self._merged(think_ms=message.ttt_token_latency)

    def _merged(self, **seconds: float | None) -> Json:
        told = {name: ms for name, value in seconds.items() if (ms := _ms(value)) is not None}
        self._known |= told
        return dict(self._known) if told else {}


def _ms(seconds: float | None) -> int | None:
    if seconds is None or not math.isfinite(seconds) or not 0 <= seconds < 3600:
        return None
    return round(seconds * 1000)
