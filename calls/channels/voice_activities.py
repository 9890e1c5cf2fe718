"""What VoiceAI Connect and Live Hub tell of the caller, as events of the call."""

import itertools
from typing import Any

from bots.core.activities import Activity, Json
from calls.core import events

MAX_DIGITS = 100
"""Digits of one activity that count; nobody presses more between two."""

_DIGITS = frozenset("0123456789*#")


def event_of(activity: Activity) -> events.Event | None:
    """What ``activity``, any but ``start``, says; None: nothing, such as keys that are none."""
    if activity.kind == "message":
        confidence = _number((activity.parameters or {}).get("confidence"))
        return events.CallerSaid(text=activity.text or "", final=True, confidence=confidence)
    match activity.event:
        case "dtmf":
            pressed = (d for d in str(activity.value) if d in _DIGITS)
            digits = "".join(itertools.islice(pressed, MAX_DIGITS))
            return events.DigitsPressed(digits) if digits else None
        case "nouserinput":
            return events.CallerSilent()
        case "transferstatus":
            return _transfer_done(activity.value if isinstance(activity.value, dict) else {})
        case _:
            return events.VoiceSideReported(activity)


def _number(value: Any) -> float | None:
    """A confidence as peers write it: a number from 0 to 1 or a string of one."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 <= number <= 1 else None


def _transfer_done(value: Json) -> events.TransferDone:
    """``transferStatus``: ``status`` answered or failed, with a reason code and text."""
    return events.TransferDone(
        succeeded=value.get("status") == "answered",
        reason=str(value.get("reason") or ""),
        reason_code=str(value.get("reasonCode") or ""),
    )
