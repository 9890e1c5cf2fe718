"""Call records for the tests of this room."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls.models import Call, TurnTiming

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

MakeCall = Callable[..., Call]


def record_turn(
    call: Call, turn: int, *, agent: dict[str, int] | None = None, **moments: int | None
) -> TurnTiming:
    """Writes the times of a turn; its answer was heard after 1120 ms."""
    usual: dict[str, int | None] = {
        "caller_stopped_ms": turn * 10_000,
        "end_decided_ms": turn * 10_000 + 500,
        "final_text_ms": turn * 10_000 + 600,
        "sent_to_bot_ms": turn * 10_000 + 600,
        "bot_answered_ms": turn * 10_000 + 1000,
        "audio_ready_ms": turn * 10_000 + 1100,
        "audio_sent_ms": turn * 10_000 + 1120,
        "playback_ended_ms": turn * 10_000 + 4000,
    }
    return TurnTiming.objects.create(
        call=call, turn=turn, kind="speech", agent=agent, **usual | moments
    )


@pytest.fixture
def make_call(db: None) -> MakeCall:
    """Writes one call record; each later call started a minute after the one before."""
    made = 0

    def make(*, ended: bool = True, **fields: Any) -> Call:
        nonlocal made
        started_at = fields.setdefault("started_at", NOON + timedelta(minutes=made))
        made += 1
        fields.setdefault("conversation_id", f"conversation-{made}")
        fields.setdefault("bot_name", "demo")
        if ended:
            fields.setdefault("ended_at", started_at + timedelta(seconds=75))
            fields.setdefault("ended_by", "caller")
            fields.setdefault("reason_code", "client-disconnected")
            fields.setdefault("reason", "The caller hung up")
            if days := fields.get("transcript_days", 1):
                kept = timedelta(days=days)
                fields.setdefault("transcript_expires_at", fields["ended_at"] + kept)
        state = Call.State.ENDED if ended else Call.State.ACTIVE
        constant = {"channel": "audiocodes", "mode": "voice", "bot_revision": 1, "owner": "web-1"}
        return Call.objects.create(state=state, **(constant | fields))

    return make
