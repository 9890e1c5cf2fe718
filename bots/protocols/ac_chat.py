"""AudioCodes Bot API in chat mode, the gateway's side: bodies, addresses, times, what answers mean.

Nothing here does I/O or knows the time. Reading is liberal: what cannot be read is as if it had not
been said, and noted; only what a conversation cannot go on without is refused.

Source: AudioCodes "Bot API, chat mode" (VoiceAI Connect; in older versions "HTTP mode").
"""

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any

import msgspec
from yarl import URL

from bots.core.activities import Activity, Json
from bots.core.errors import Fault, ProtocolError
from bots.core.json_bounds import has_too_many_parts
from bots.protocols.ac_bot_api.messages import read_activity

CAPABILITIES = ("websocket",)
MAX_ACTIVITIES = 100
"""Activities taken from one body; what a bot says beyond is dropped and noted."""
ASSUMED_EXPIRY_S = 60.0
"""How long a conversation lives of which the bot does not say it."""
SHORTEST_REFRESH_S = 5.0
LONGEST_REFRESH_S = 3600.0

_PEER = "bot"
_URL_CHARACTERS = 4000
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_SECURE = {"http": "https", "ws": "wss"}


# --- requests -----------------------------------------------------------------------------------


def creating(conversation: str, bot: str) -> bytes:
    """The body that begins a conversation."""
    return _encoded({"conversation": conversation, "bot": bot, "capabilities": CAPABILITIES})


def telling(conversation: str, activity: Activity) -> bytes:
    """The body that brings one activity; bots in the field look at the first of several only."""
    return _encoded({"conversation": conversation, "activities": [activity]})


def refreshing(conversation: str) -> bytes:
    """The body that keeps a conversation alive."""
    return _encoded({"conversation": conversation})


def disconnecting(conversation: str, reason_code: str, reason: str) -> bytes:
    """The body that ends a conversation."""
    return _encoded({"conversation": conversation, "reason": reason, "reasonCode": reason_code})


def _encoded(body: Mapping[str, Any]) -> bytes:
    return msgspec.json.encode(body)


# --- answers ------------------------------------------------------------------------------------


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation that has begun: where its requests go, and how long it lives without any.

    A URL that the bot did not give is empty.
    """

    activities_url: str
    refresh_url: str = ""
    disconnect_url: str = ""
    websocket_url: str = ""
    expires_s: float = ASSUMED_EXPIRY_S


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What a body held; ``problems`` say what of it could not be taken."""

    activities: tuple[Activity, ...] = ()
    problems: tuple[str, ...] = ()


def created(body: bytes, bot_url: str) -> Created:
    """Read the answer to `creating`, sent to ``bot_url``.

    Raises:
        ProtocolError: it is no object, has no ``activitiesURL``, or one of its URLs leads nowhere.
    """
    found = _object(body)
    if found is None:
        raise ProtocolError(_PEER, "the answer to the creation is no JSON object")
    urls = {
        name: resolved(bot_url, found[name], name)
        for name in ("activitiesURL", "refreshURL", "disconnectURL", "websocketURL")
        if found.get(name) not in (None, "")
    }
    if "activitiesURL" not in urls:
        raise ProtocolError(_PEER, "the answer to the creation has no activitiesURL")
    return Created(
        activities_url=urls["activitiesURL"],
        refresh_url=urls.get("refreshURL", ""),
        disconnect_url=urls.get("disconnectURL", ""),
        websocket_url=urls.get("websocketURL", ""),
        expires_s=_seconds(found.get("expiresSeconds")) or ASSUMED_EXPIRY_S,
    )


def said(body: bytes | str, conversation: str | None = None) -> Said:
    """Read the answer to `telling`, or a message on the proactive socket.

    What is expressly meant for another one than ``conversation`` (as the bot knows it) is not
    taken; None: whatever it says, it is an answer.
    """
    found = _object(body)
    if found is None:
        return Said(problems=("The bot's answer is no JSON object",)) if body else Said()
    addressee = found.get("conversation")
    if conversation is not None and addressee not in (None, conversation):
        return Said(problems=("The bot sent a message of another conversation",))
    raw = found.get("activities")
    if raw is None:
        return Said()
    if not isinstance(raw, list):
        return Said(problems=("The bot's activities are no list",))
    return _read(raw)


def _read(raw: Sequence[object]) -> Said:
    activities = []
    problems = []
    if len(raw) > MAX_ACTIVITIES:
        problems.append(f"The bot sent more than {MAX_ACTIVITIES} activities at once")
    for each in raw[:MAX_ACTIVITIES]:
        try:
            activities.append(read_activity(each))
        except ProtocolError as error:
            problems.append(f"The bot sent something that is no activity: {error.problem}")
    return Said(activities=tuple(activities), problems=tuple(problems))


def expiry_s(body: bytes) -> float | None:
    """The new life time in the answer to `refreshing`; None: as before."""
    found = _object(body)
    return _seconds(found.get("expiresSeconds")) if found else None


def is_healthy(body: bytes) -> bool:
    """Whether this is how a bot answers a GET of its URL; some do not know that question."""
    found = _object(body)
    return found is not None and found.get("success") is True


def _object(body: bytes | str) -> Json | None:
    if has_too_many_parts(body):
        return None
    try:
        found = msgspec.json.decode(body)
    except _UNREADABLE:
        return None
    return found if isinstance(found, dict) else None


def _seconds(told: object) -> float | None:
    """A positive number of seconds; bots write numbers as text, too."""
    if isinstance(told, bool) or not isinstance(told, int | float | str):
        return None
    try:
        seconds = float(told)
    except (ValueError, OverflowError):
        return None
    return seconds if seconds > 0 else None


# --- addresses ----------------------------------------------------------------------------------


def resolved(bot_url: str, told: object, name: str) -> str:
    """The URL that the bot means by ``told``, which may be relative (RFC 3986, section 5).

    A bot behind a proxy that does TLS for it often gives its own address with http: at the host of
    a secure ``bot_url`` that is taken as secure too. Another host without TLS would get the token.

    Raises:
        ProtocolError: ``told`` leads nowhere, or to another host without TLS.
    """
    if not isinstance(told, str) or len(told) > _URL_CHARACTERS:
        raise ProtocolError(_PEER, f"{name} is no URL")
    try:
        base = URL(bot_url)
        target = base.join(URL(told))
        if target.scheme not in ("http", "https", "ws", "wss") or not target.host:
            raise ProtocolError(_PEER, f"{name} is no URL of a web server")
        if base.scheme == "https" and target.scheme in _SECURE:
            if target.host != base.host:
                raise ProtocolError(_PEER, f"{name} leads to another host without TLS")
            target = target.with_scheme(_SECURE[target.scheme]).with_port(
                base.explicit_port if target.explicit_port in (None, 80) else target.explicit_port
            )
    except ValueError:
        raise ProtocolError(_PEER, f"{name} is a malformed URL") from None
    return str(target)


# --- what to do next ----------------------------------------------------------------------------


class Course(Enum):
    """What follows on a failure."""

    AGAIN = "again"
    """The same body after a pause: the bot knows activities by their ids."""
    RENEW = "renew"
    """Once more with a fresh token."""
    LOST = "lost"
    """The bot does not know the conversation."""
    FAIL = "fail"


def course(fault: Fault) -> Course:
    """What follows on ``fault`` of a request within a conversation."""
    if fault is Fault.AUTHENTICATION:
        return Course.RENEW
    if fault is Fault.NOT_FOUND:
        return Course.LOST
    return Course.AGAIN if fault.retryable else Course.FAIL


def is_outcome_unknown(fault: Fault, *, sent: bool) -> bool:
    """Whether a creation that failed may have been one: then its id cannot be used again."""
    return sent and fault.retryable and fault is not Fault.RATE_LIMIT


def refresh_s(expires_s: float) -> float:
    """How often a conversation that lives ``expires_s`` is refreshed, whatever else is sent."""
    wanted = min(expires_s / 2, expires_s - 10)
    return min(max(wanted, SHORTEST_REFRESH_S), LONGEST_REFRESH_S)


class Lease:
    """How long a conversation still lives at the bot; times are seconds of one clock."""

    def __init__(self, expires_s: float, now: float) -> None:
        self._expires_s = expires_s
        self._heard_at = now
        self.refresh_at = now + refresh_s(expires_s)

    def heard(self, now: float) -> None:
        """The bot took a request: most bots count each of them."""
        self._heard_at = max(self._heard_at, now)

    def refreshed(self, expires_s: float | None, now: float) -> None:
        """The bot took a refresh and told a new life time, or None."""
        self.heard(now)
        self._expires_s = expires_s or self._expires_s
        self.refresh_at = now + refresh_s(self._expires_s)

    def failed(self, now: float) -> None:
        """A refresh failed: it is tried again soon."""
        self.refresh_at = now + SHORTEST_REFRESH_S

    def is_over(self, now: float) -> bool:
        """Whether the bot has forgotten the conversation by now."""
        return now >= self._heard_at + self._expires_s
