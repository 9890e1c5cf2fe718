"""Which calls a list shows: the filter of the call history as it stands in an address.

A part that is not understood is no condition; it is named in `CallFilter.ignored`, so that a page
can say so. Texts and moments come from people: nothing here trusts them.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import msgspec

RESULTS = ("completed", "transferred", "failed", "active")
"""How calls end; ``active`` ones have not. `FAILED` and `TRANSFERRED` tell the others apart."""
FAILED = "error"
"""The reason code of calls that ended out of order."""
TRANSFERRED = "transferred"
"""The reason code of calls that ended by a transfer."""
HAS = ("fault", "transfer", "recording", "dtmf")
RANGES = ("1h", "24h", "today", "yesterday", "7d", "30d", "custom")
"""Periods of start by name; ``custom`` goes from ``from`` to ``to``."""
TESTS = ("shown", "only")
"""What is done with test calls other than hiding them."""
SHORTEST_TEXT = 3
"""Characters; an index of three-letter groups cannot find less."""
LONGEST_TEXT = 200
LARGEST_NUMBER = 2_000_000_000
ZONE_CHARS = 64

_SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
T = TypeVar("T")


class CallFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which calls a list shows; None and the empty string mean any.

    ``since`` is included, ``until`` is not.
    """

    bot: str = ""
    number: str = ""
    """Part of the caller's or called number, or a whole conversation or call id."""
    direction: str = ""
    channel: str = ""
    mode: str = ""
    result: str = ""
    """One of `RESULTS`."""
    reason: str = ""
    """A reason code or a cause."""
    ended_by: str = ""
    longer_s: int | None = None
    slower_ms: int | None = None
    """The longest wait for a reply in the call was longer than this."""
    has: frozenset[str] = frozenset()
    """Any of `HAS`; all of them must hold."""
    tests: str = ""
    """One of `TESTS`; empty: test calls are hidden."""
    text: str = ""
    """Words that occur in a line of the transcript."""
    since: datetime | None = None
    until: datetime | None = None
    ignored: tuple[str, ...] = ()
    """Names of the parts that were not understood."""

    @property
    def narrows(self) -> bool:
        """Whether calls other than test calls may be left out."""
        return self != CallFilter(tests=self.tests, ignored=self.ignored) or self.tests == "only"

    def summary(self) -> dict[str, Any]:
        """The conditions by name as JSON, for the audit log."""
        given = msgspec.structs.asdict(self)
        plain = CallFilter()
        return {
            name: msgspec.to_builtins(sorted(value) if isinstance(value, frozenset) else value)
            for name, value in given.items()
            if name != "ignored" and value != getattr(plain, name)
        }


def zone(query: Mapping[str, Sequence[str]], default: tzinfo) -> tzinfo:
    """The reader's time zone: the ``zone`` of the address, an IANA name, else ``default``."""
    name = _last(query, "zone")
    try:
        # NB the name becomes part of a file name; ZoneInfo refuses to leave its directory.
        return ZoneInfo(name) if name and len(name) <= ZONE_CHARS else default
    except (LookupError, ValueError, OSError):
        return default


def parse(query: Mapping[str, Sequence[str]], now: datetime, default_zone: tzinfo) -> CallFilter:
    """The filter of an address; ``query`` has every value of each name, the last one counts.

    Days are those of the reader's zone, see `zone`.
    """
    ignored: list[str] = []

    def take(name: str, read: Callable[[str], T], otherwise: T) -> T:
        text = _last(query, name)
        if not text:
            return otherwise
        try:
            return read(text)
        except ValueError:
            ignored.append(name)
            return otherwise

    where = zone(query, default_zone)
    period = take("range", _one_of(RANGES), "")
    since, until = _period(period, now.astimezone(where))
    if period in ("", "custom"):
        since = take("from", lambda text: _moment(text, where), None)
        until = take("to", lambda text: _moment(text, where), None)
    return CallFilter(
        bot=take("bot", _text, ""),
        number=take("number", _text, ""),
        direction=take("direction", _one_of(("inbound", "outbound")), ""),
        channel=take("channel", _text, ""),
        mode=take("mode", _one_of(("voice", "text")), ""),
        result=take("result", _one_of(RESULTS), ""),
        reason=take("reason", _text, ""),
        ended_by=take("by", _one_of(("caller", "bot", "gateway", "operator")), ""),
        longer_s=take("longer", _whole, None),
        slower_ms=take("slower", _whole, None),
        has=frozenset(query.get("has", ())) & frozenset(HAS),
        tests=take("test", _one_of(TESTS), ""),
        text=take("q", _searched, ""),
        since=since,
        until=until,
        ignored=tuple(ignored),
    )


def _last(query: Mapping[str, Sequence[str]], name: str) -> str:
    values = query.get(name) or ("",)
    return values[-1].strip()


def _text(text: str) -> str:
    if len(text) > LONGEST_TEXT or "\0" in text:
        raise ValueError("too long, or no text")
    return text


def _searched(text: str) -> str:
    if len(text) < SHORTEST_TEXT:
        raise ValueError("too short to be searched")
    return _text(text)


def _one_of(known: Sequence[str]) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in known:
            raise ValueError("not one of those known")
        return text

    return read


def _whole(text: str) -> int | None:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else -1
    if not 0 <= number <= LARGEST_NUMBER:
        raise ValueError("no whole number")
    return number


def _moment(text: str, where: tzinfo) -> datetime | None:
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=where)
    if not 1970 < moment.year < 9999:
        raise ValueError("no moment of a call")
    return moment.astimezone(UTC)  # PostgreSQL knows no zone beyond 16 hours


def _period(name: str, now: datetime) -> tuple[datetime | None, datetime | None]:
    if name in _SPANS:
        return now - _SPANS[name], None
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if name == "today":
        return midnight, None
    if name == "yesterday":
        # NB not 24 hours: a day of the change to summer time is shorter.
        return midnight - timedelta(days=1), midnight
    return None, None
