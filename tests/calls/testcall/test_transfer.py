"""The voice side of a transfer."""

from typing import Any

import pytest

from bots.core.activities import event
from calls.testcall.plan import Outcome
from calls.testcall.transfer import RING_SECONDS, Transfer

pytestmark = pytest.mark.pure


def test_it_rings_before_the_outcome_is_known() -> None:
    transfer = Transfer(event("transfer"), "busy", 5.0)
    assert not transfer.over(5.0 + RING_SECONDS - 0.01)
    assert transfer.over(5.0 + RING_SECONDS)


@pytest.mark.parametrize(
    ("outcome", "value"),
    [
        ("answered", {"status": "answered"}),
        ("busy", {"status": "failed", "reasonCode": "busy", "reason": "Busy here"}),
        ("no-answer", {"status": "failed", "reasonCode": "no-answer", "reason": "No answer"}),
    ],
)
def test_the_bot_is_told_as_the_reference_says(outcome: Outcome, value: dict[str, Any]) -> None:
    transfer = Transfer(event("transfer"), outcome, 0.0)
    assert transfer.answered is (outcome == "answered")
    assert transfer.status("en-US") == event("transferStatus", value=value, language="en-US")
