"""What one page has asked of live calls and has no answer to yet; what it asks, made safe to keep.

`Errands` is pure: the socket sends the commands to the process that carries the call and hands its
answers over; out come frames for the page. Every command is answered, if only by the lack of one.
"""

from typing import Any

import msgspec

from calls.core import steering
from calls.core.steering import (
    MAX_ACTIVITIES_BYTES,
    MAX_MESSAGE_BYTES,
    MAX_TEXT_CHARACTERS,
    Outcome,
    Steering,
)
from calls.core.watch import frame
from calls.core.wording import clean

ANSWER_SECONDS = 5.0
"""How long the process that carries the call may take to accept or refuse."""
EFFECT_SECONDS = 300.0
"""How long the effect of an accepted command is awaited; longer than any transfer rings."""
UNDER_WAY = 8
"""Commands of one page at a time."""

NO_ANSWER = "The process that carries the call does not answer"
NO_EFFECT = "What came of it is not known"
TOO_MANY = "Too many commands of this page are under way"

_MAX_NAME_CHARACTERS = 100


class _Errand(msgspec.Struct):
    """A command under way: the page's own id of it, and when its next answer is overdue."""

    command: str
    due: float
    accepted: bool = False


class Errands:
    """The commands of one page; ``token`` is what a command is called outside of the page."""

    def __init__(self) -> None:
        self._under_way: dict[str, _Errand] = {}

    def begin(self, token: str, command: str, now: float) -> bool:
        """A command is about to be sent; False when `UNDER_WAY` are already."""
        if len(self._under_way) >= UNDER_WAY:
            return False
        self._under_way[token] = _Errand(command, now + ANSWER_SECONDS)
        return True

    def outcome(self, token: str, outcome: Outcome, now: float) -> list[str]:
        """An answer came; those to commands that are settled are passed over."""
        errand = self._under_way.get(token)
        if errand is None:
            return []
        if outcome.status == "accepted":
            errand.accepted, errand.due = True, now + EFFECT_SECONDS
        else:
            del self._under_way[token]
        return [answer(errand.command, outcome)]

    def overdue(self, now: float) -> list[str]:
        """Settle the commands whose answer is overdue; call it about once a second."""
        frames: list[str] = []
        for token, errand in list(self._under_way.items()):
            if now >= errand.due:
                problem = NO_EFFECT if errand.accepted else NO_ANSWER
                frames += self.outcome(token, Outcome(status="failed", detail=problem), now)
        return frames


def answer(command: str, outcome: Outcome) -> str:
    """The frame that tells the page what came of its ``command``."""
    return frame("cmd", id=command, status=outcome.status, detail=outcome.detail)


def cleaned(act: Steering) -> Steering:
    """``act`` with texts that can be kept and shown.

    Raises:
        ValueError: it says nothing, or too much; in words for the person.
    """
    match act:
        case steering.HangUp() | steering.Mute():
            return act
        case steering.Say() | steering.Message():
            return msgspec.structs.replace(act, text=_text(act.text, MAX_TEXT_CHARACTERS))
        case steering.Transfer():
            return msgspec.structs.replace(act, target=_text(act.target, 200))
        case steering.Activities():
            if len(_kept(act.activities)) > MAX_ACTIVITIES_BYTES:
                raise ValueError(f"The activities are larger than {MAX_ACTIVITIES_BYTES} bytes")
            return act
        case steering.ControlAgent():
            if not isinstance(act.message.get("type"), str):
                raise ValueError("The message needs a type")
            if len(_kept(act.message)) > MAX_MESSAGE_BYTES:
                raise ValueError(f"The message is larger than {MAX_MESSAGE_BYTES} bytes")
            return act
        case _:
            _kept(act.value)
            return msgspec.structs.replace(act, name=_text(act.name, _MAX_NAME_CHARACTERS))


def _kept(value: Any) -> bytes:
    try:
        text = msgspec.json.encode(value)
    except UnicodeEncodeError:
        text = b"\\u0000"
    if b"\\u0000" in text:
        raise ValueError("The value holds a character that cannot be kept")
    return text


def _text(text: str, limit: int) -> str:
    if len(text) > limit:
        raise ValueError(f"The text is longer than {limit} characters")
    kept = clean(text, limit).strip()
    if not kept:
        raise ValueError("The text is empty")
    return kept
