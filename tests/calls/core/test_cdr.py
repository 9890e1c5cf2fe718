"""The CDR that other systems read."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import UUID

import pytest

from calls.core.cdr import as_json, cdr

pytestmark = pytest.mark.pure

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
CALL = UUID("00000000-0000-4000-8000-000000000001")


def row(**changes: object) -> SimpleNamespace:
    fields = {
        "id": CALL, "conversation_id": "c-1", "bot_name": "reception", "bot_revision": 3,
        "channel": "audiocodes", "mode": "voice", "direction": "inbound", "is_test": False,
        "caller": "+1555", "callee": "+1556", "state": "active", "started_at": START,
        "ended_at": None, "ended_by": "", "reason_code": "", "reason": "", "cause": "",
        "turns": 0, "silence_median_ms": None, "silence_max_ms": None, "faults": 0,
        "recordings": [], "frames_in": 0, "frames_dropped": 0, "bot_result": {"said": "secret"},
    }  # fmt: skip
    return SimpleNamespace(**(fields | changes))


def test_what_only_the_end_tells_is_null_while_the_call_goes_on() -> None:
    found = as_json(cdr(row()))
    nothing = {name for name, value in found.items() if value is None}
    assert nothing == {
        "dialoutId", "endedAt", "durationS", "endedBy", "reasonCode", "reason", "cause",
        "silenceMedianMs", "silenceMaxMs",
    }  # fmt: skip
    assert found["startedAt"] == "2026-11-21T09:00:00Z"
    assert (found["bot"], found["id"]) == ("reception", str(CALL))


def test_an_ended_call_has_its_length_and_its_reason_but_no_words() -> None:
    ended = row(
        state="ended",
        ended_at=START + timedelta(seconds=2.0004),
        ended_by="bot",
        reason_code="bot-disconnected",
        reason="Bye",
        cause="user-no-input",
    )
    found = as_json(cdr(ended, dialout_id=CALL))
    assert (found["durationS"], found["endedBy"]) == (2.0, "bot")
    assert (found["reasonCode"], found["reason"]) == ("bot-disconnected", "Bye")
    assert (found["cause"], found["dialoutId"]) == ("user-no-input", str(CALL))
    assert "secret" not in str(found)
