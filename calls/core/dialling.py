"""What a dialer asks for, checked: whom to call, as whom, when, and what goes along.

Texts of a request become SIP headers and URIs at a carrier, so each is held to the characters that
can be part of one: nothing that is let through here can begin a header, a parameter or a line.
Source: RFC 3966 (tel), RFC 3261 section 25.1 (sip), AudioCodes' dialout API.
"""

import ipaddress
import math
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import msgspec

from bots.core.activities import Json
from bots.core.errors import ParameterError
from bots.core.texts import gettext_noop
from calls.core.dialout import MachineDetection

MACHINE_DETECTION: tuple[str, ...] = get_args(MachineDetection)
TARGET_CHARS = 300
CALLER_CHARS = 128
HOST_CHARS = 253
NAME_CHARS = 200
SHORTEST_ANSWER_S, LONGEST_ANSWER_S, USUAL_ANSWER_S = 5, 300, 60
METADATA_BYTES = 16_384
METADATA_DEPTH = 16
PARAMETERS_BYTES = 65_536
FARTHEST = timedelta(days=31)
"""How far ahead a call may be scheduled."""
USUAL_WINDOW = timedelta(hours=1)
"""How long a call may wait for its turn when the dialer does not say."""

_LARGEST_INTEGER = 2**63 - 1

_NUMBER = re.compile(
    r"\(?[0-9](?:[-. ()]{0,3}[0-9]){0,31}\)?|\+[1-9](?:[-. ()]{0,3}[0-9]){2,14}\)?"
)
_SEPARATORS = re.compile(r"[-. ()]")
# NB escapes of control characters would come out as such at whoever decodes the user part.
_USER = r"(?:[A-Za-z0-9_.!~*'()&=+$,/-]|%(?:[2-6][0-9A-Fa-f]|7[0-9A-Ea-e]|[89A-Fa-f][0-9A-Fa-f]))+"
_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_IP6 = r"\[[0-9A-Fa-f:.]+\]"
_PARAMETERS = r"(?:;[A-Za-z0-9_.!~*'+-]{1,32}(?:=[A-Za-z0-9_.!~*'+-]{1,64})?){0,8}"
_SIP = re.compile(rf"(sips?):({_USER})@({_HOST}|{_IP6})(?::([0-9]{{1,5}}))?({_PARAMETERS})", re.I)
_QUOTING = '"<>\\'


class Wish(msgspec.Struct, frozen=True, kw_only=True):
    """A call that somebody asks for; the names on the wire are those of AudioCodes' dialout API.

    ``not_before`` and ``not_after`` limit when it is placed. ``parameters`` are bot parameters by
    wire name, for this call alone.
    """

    bot: str
    target: str
    caller: str = ""
    caller_host: str = ""
    caller_display_name: str = ""
    notify_url: str = ""
    answer_timeout_s: float = USUAL_ANSWER_S
    machine_detection: str = "disabled"
    metadata: Json | None = None
    parameters: Json = {}
    not_before: datetime | None = None
    not_after: datetime | None = None


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What of a `Wish` needs no knowledge of the bot, in the form in which it is kept."""

    target: str
    """A ``tel:`` or ``sip:`` URI."""
    caller: str
    caller_host: str
    caller_display_name: str
    answer_timeout_s: int
    machine_detection: MachineDetection
    metadata: Json | None
    not_before: datetime
    not_after: datetime


def checked(wish: Wish, now: datetime) -> Checked:
    """The wish as it is kept.

    Raises:
        ParameterError: every wrong field by wire name.
    """
    problems: dict[str, str] = {}

    def take(name: str, read: Callable[..., Any], *given: Any) -> Any:
        try:
            return read(*given)
        except ValueError as error:
            problems[name] = str(error)
            return None

    found = {
        "target": take("target", target_uri, wish.target),
        "caller": take("caller", caller_user, wish.caller),
        "caller_host": take("callerHost", host_name, wish.caller_host),
        "caller_display_name": take("callerDisplayName", display_name, wish.caller_display_name),
        "answer_timeout_s": take("answerTimeoutSec", answer_timeout, wish.answer_timeout_s),
        "machine_detection": take("machineDetection", _detection, wish.machine_detection),
        "metadata": take("metadata", checked_metadata, wish.metadata),
        "not_before": take("notBefore", _first_moment, wish.not_before, now),
    }
    begin = found["not_before"] or now
    take("parameters", check_parameters, wish.parameters)
    found["not_after"] = take("notAfter", _last_moment, wish.not_after, begin)
    if problems:
        raise ParameterError(problems)
    return Checked(**found)


def target_uri(text: str) -> str:
    """Whom to call as ``tel:`` or ``sip:`` URI; a bare number becomes a ``tel:`` URI.

    Raises:
        ValueError: it is neither; in words for the dialer.
    """
    if len(text) <= TARGET_CHARS:
        scheme, colon, rest = text.partition(":")
        number = _number(rest if scheme.lower() == "tel" and colon else text)
        if number:
            return f"tel:{number}"
        if (found := _SIP.fullmatch(text)) and _is_port(found[4]) and _is_host(found[3]):
            return found[1].lower() + text[len(found[1]) :]
    raise ValueError(
        gettext_noop("give a number such as tel:+4930123456, or an address such as sip:user@host")
    )


def caller_user(text: str) -> str:
    """The user part of the caller id, without separators if it is a number; empty stays empty.

    Raises:
        ValueError: it has characters that a SIP user part cannot have.
    """
    if not text:
        return ""
    if number := _number(text):
        return number
    if len(text) > CALLER_CHARS:
        raise ValueError(f"must not be longer than {CALLER_CHARS} characters")
    if not re.fullmatch(_USER, text):
        raise ValueError(
            gettext_noop("give a number such as +4930123456, or the user part of a SIP address")
        )
    return text


def host_name(text: str) -> str:
    """A host name or address; empty stays empty.

    Raises:
        ValueError: it is neither.
    """
    if text and not (len(text) <= HOST_CHARS and _is_host(text)):
        raise ValueError("give a host name or an IP address, without port")
    return text.lower()


def display_name(text: str) -> str:
    """A name to be shown to the callee; empty stays empty.

    Raises:
        ValueError: it is too long, or has quotation marks, brackets or invisible characters.
    """
    name = text.strip(" ")
    if len(text) > NAME_CHARS:
        raise ValueError(f"must not be longer than {NAME_CHARS} characters")
    # Cc and Cf: control and direction; Cs: half characters; Zl and Zp: line ends.
    unseen = any(unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp") for each in name)
    if unseen or any(each in name for each in _QUOTING):
        raise ValueError('must not have line ends, invisible characters, or any of " < > \\')
    return name


def answer_timeout(seconds: float) -> int:
    """How long it may ring, in whole seconds.

    Raises:
        ValueError: out of range, or no whole number.
    """
    if not SHORTEST_ANSWER_S <= seconds <= LONGEST_ANSWER_S or seconds != int(seconds):
        raise ValueError(
            f"must be a whole number of seconds from {SHORTEST_ANSWER_S} to {LONGEST_ANSWER_S}"
        )
    return int(seconds)


def checked_metadata(value: Json | None) -> Json | None:
    """The dialer's own object, unchanged.

    Raises:
        ValueError: it is too large or too deep, or holds what cannot be stored and passed on.
    """
    if value is None:
        return None
    _check_json(value, METADATA_DEPTH)
    if len(msgspec.json.encode(value)) > METADATA_BYTES:
        raise ValueError(f"must not be larger than {METADATA_BYTES} bytes as JSON")
    return value


def check_parameters(values: Json) -> None:
    """See that parameters of one call are no larger than thousands of waiting calls may keep.

    Raises:
        ValueError: they are too large, or hold what cannot be stored.
    """
    try:
        size = len(msgspec.json.encode(values))
    except UnicodeEncodeError:
        raise ValueError("hold what cannot be stored") from None
    if size > PARAMETERS_BYTES:
        raise ValueError(f"must not be larger than {PARAMETERS_BYTES} bytes as JSON")


def _check_json(value: Any, depth: int) -> None:
    match value:
        case dict() | list() if depth == 0:
            raise ValueError(f"must not be deeper than {METADATA_DEPTH} objects and lists")
        case dict():
            for name, each in value.items():
                _check_text(name)
                _check_json(each, depth - 1)
        case list():
            for each in value:
                _check_json(each, depth - 1)
        case str():
            _check_text(value)
        case int() if abs(value) > _LARGEST_INTEGER:
            raise ValueError("holds an integer of more than 64 bits")
        case float() if not math.isfinite(value):
            raise ValueError("holds a number that JSON does not have")


def _check_text(text: str) -> None:
    if "\0" in text or any("\ud800" <= each <= "\udfff" for each in text):
        raise ValueError("holds U+0000 or half of a character")


def _detection(mode: str) -> str:
    if mode not in MACHINE_DETECTION:
        raise ValueError(f"must be one of {', '.join(MACHINE_DETECTION)}")
    return mode


def _first_moment(moment: datetime | None, now: datetime) -> datetime:
    if moment is None:
        return now
    if moment.tzinfo is None:
        raise ValueError("must have a time zone, such as 2030-01-31T09:00:00Z")
    if moment > now + FARTHEST:
        raise ValueError(f"must not be more than {FARTHEST.days} days ahead")
    return max(moment, now).astimezone(UTC)


def _last_moment(moment: datetime | None, begin: datetime) -> datetime:
    if moment is None:
        return begin + USUAL_WINDOW
    if moment.tzinfo is None:
        raise ValueError("must have a time zone, such as 2030-01-31T09:00:00Z")
    if not begin < moment <= begin + FARTHEST:
        raise ValueError(f"must be in the future, after notBefore, at most {FARTHEST.days} days")
    return moment.astimezone(UTC)


def _number(text: str) -> str:
    """``text`` without separators if it is a telephone number, else empty."""
    # NB in +49 (0)30 the zero is not dialled, elsewhere it may be: whoever means it can write it.
    clear = _NUMBER.fullmatch(text) and "(0)" not in text
    return _SEPARATORS.sub("", text) if clear else ""


def _is_port(text: str | None) -> bool:
    return text is None or 0 < int(text) < 65_536


def _is_host(text: str) -> bool:
    if text.startswith("[") or ":" in text:
        try:
            ipaddress.IPv6Address(text.removeprefix("[").removesuffix("]"))
        except ValueError:
            return False
        return text.startswith("[") == text.endswith("]")
    return len(text) <= HOST_CHARS and re.fullmatch(_HOST, text) is not None
