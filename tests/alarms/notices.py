"""Notices for tests of whoever sends them."""

from datetime import UTC, datetime
from typing import Any

from alarms.core.ports import Notice
from alarms.core.severity import Severity

NOON = datetime(2026, 5, 4, 12, 0, 1, 250_000, tzinfo=UTC)


def notice(**values: Any) -> Notice:
    """A recogniser that fails, with ``values``."""
    usual: dict[str, Any] = {
        "id": "7d2f0c1e-0f0e-4a47-8a53-6c5b1b0e9a11",
        "kind": "raised",
        "seq": 41,
        "alarm_id": "0b6f8e8e-4a39-4c9f-9a8f-3f0a5ad9f3b4",
        "type": "sttProviderFailure",
        "number": 3,
        "title": "Speech recognition fails",
        "source": "provider:azure-1",
        "severity": Severity.MAJOR,
        "previous": None,
        "text": "Speech recognition of azure-1 fails: timeout",
        "detail": "timeout",
        "cause": "communicationsSubsystemFailure",
        "at": NOON,
        "raised_at": NOON,
        "count": 3,
        "gateway": "voice.example.com",
        "runbook_url": "https://voice.example.com/alarms/types/sttProviderFailure/",
        "console_url": "https://voice.example.com/alarms/0b6f8e8e/",
    }
    return Notice(**{**usual, **values})


HOSTILE = "a\x00b\r\nTo: c\ud800\u202e\x1b[31m\"]\\'é" + "ß" * 100_000
"""What somebody may write who wants to break something."""
