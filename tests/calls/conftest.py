"""Call records for the tests of this room."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from calls.models import Call

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)

MakeCall = Callable[..., Call]


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
        state = Call.State.ENDED if ended else Call.State.ACTIVE
        constant = {"channel": "audiocodes", "mode": "voice", "bot_revision": 1, "owner": "web-1"}
        return Call.objects.create(state=state, **constant, **fields)

    return make
