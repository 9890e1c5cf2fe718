"""Which bot takes a call: ordered rules on called number, host and header, with their reasons.

The first enabled rule whose conditions all hold wins. In every condition ``*`` stands for anything;
in a number it comes last. Case does not matter.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum

import msgspec

MAX_CALLED_CHARACTERS = 320
"""What is looked at of a called address: 64 for the user, 255 for the host (RFC 5321 has the same
limits)."""

_SCHEME = re.compile(r"(?:sips?|tel):(?://)?", re.IGNORECASE)
_SEPARATORS = re.compile(r"[\s().\-/]")
_NUMBER = re.compile(r"\+?[0-9]+")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """One rule; ``key`` is that of its row. An empty condition holds for every call.

    A rule with ``header_name`` and no ``header_value`` wants the header to be there.
    """

    key: int
    priority: int
    bot: str
    pattern: str = "*"
    host: str = ""
    header_name: str = ""
    header_value: str = ""
    enabled: bool = True


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a call when it arrives: whom it is for, where it was sent to, SIP headers.

    ``called`` may be written as people and trunks write it: see `normalised`.
    """

    called: str
    host: str = ""
    headers: Mapping[str, str] = {}


class Miss(StrEnum):
    """Why a rule does not take a call; the first reason in this order is given."""

    DISABLED = "disabled"
    NUMBER = "number"
    PLUS = "plus"
    """The number would match if one of the two had, or had not, its leading ``+``."""
    HOST = "host"
    HEADER_MISSING = "header-missing"
    HEADER_VALUE = "header-value"
    EARLIER = "earlier"
    """It matches, but a rule before it takes the call."""


class Verdict(msgspec.Struct, frozen=True):
    """What one rule says to a call; ``miss`` is None for the rule that takes it."""

    rule: Rule
    miss: Miss | None


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """Which rule takes a call, and why every other does not, in order."""

    called: str
    """The number as the rules saw it."""
    winner: Rule | None
    verdicts: tuple[Verdict, ...]


class Flaw(StrEnum):
    """What is wrong with the place of a rule among the others."""

    NEVER_REACHED = "never-reached"
    """Another rule before it takes every call that it could take."""
    SAME_PRIORITY = "same-priority"
    """A rule of the same priority takes some of the same calls; only their age decides."""


class Conflict(msgspec.Struct, frozen=True):
    """``rule`` stands in the shadow of ``other``, which comes before it."""

    rule: Rule
    other: Rule
    flaw: Flaw


# --- deciding -------------------------------------------------------------------------------------


def normalised(called: str) -> str:
    """A called number as rules compare it: ``+4930123456`` for ``0049 (30) 123-456``.

    Takes ``tel:`` and ``sip:`` addresses too, of which only the user part counts. What is no number
    (``sip:reception@example.com``) stays as it is, in lower case.
    """
    text = _SCHEME.sub("", called.strip()[:MAX_CALLED_CHARACTERS], count=1)
    text = text.partition("@")[0].partition(";")[0].replace("%2B", "+").replace("%2b", "+")
    digits = _SEPARATORS.sub("", text)
    if not _NUMBER.fullmatch(digits):
        return text.strip().lower()
    return f"+{digits[2:]}" if digits.startswith("00") else digits


def ordered(rules: Iterable[Rule]) -> list[Rule]:
    """``rules`` as they are tried: by priority, the older first."""
    return sorted(rules, key=lambda rule: (rule.priority, rule.key))


def candidates(called: str) -> list[str]:
    """Every pattern that the normalised number ``called`` can match."""
    return [called, *(f"{called[:end]}*" for end in range(len(called) + 1))]


def decide(rules: Iterable[Rule], arrival: Arrival) -> Decision:
    """Which of ``rules`` takes the call, and what each of them says to it."""
    called = normalised(arrival.called)
    host = _host(arrival.host)
    headers = {name.lower(): value for name, value in arrival.headers.items()}
    winner: Rule | None = None
    verdicts = []
    for rule in ordered(rules):
        miss = _miss(rule, called, host, headers)
        if miss is None and winner is not None:
            miss = Miss.EARLIER
        elif miss is None:
            winner = rule
        verdicts.append(Verdict(rule, miss))
    return Decision(called=called, winner=winner, verdicts=tuple(verdicts))


def _miss(rule: Rule, called: str, host: str, headers: Mapping[str, str]) -> Miss | None:
    if not rule.enabled:
        return Miss.DISABLED
    if not _matches(rule.pattern, called):
        other = called[1:] if called.startswith("+") else f"+{called}"
        near = _NUMBER.fullmatch(other) and _matches(rule.pattern, other)
        return Miss.PLUS if near else Miss.NUMBER
    if rule.host and not _matches(rule.host, host):
        return Miss.HOST
    if rule.header_name:
        value = headers.get(rule.header_name.lower())
        if value is None:
            return Miss.HEADER_MISSING
        if rule.header_value and not _matches(rule.header_value, value.strip()):
            return Miss.HEADER_VALUE
    return None


def _host(host: str) -> str:
    """``host`` without port and brackets, as rules compare it."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[1:].partition("]")[0]
    name, _, port = text.rpartition(":")
    return name if name and ":" not in name and port.isdigit() else text


def _matches(pattern: str, text: str) -> bool:
    """Whether ``text`` has the form of ``pattern``; takes time in proportion to their lengths.

    A ``*`` in ``text`` is only matched by one in ``pattern``, so this also tells whether everything
    that has the form ``text`` has the form ``pattern``.
    """
    pattern, text = pattern.lower(), text.lower()
    first, *rest = pattern.split("*")
    if not rest:
        return text == first
    *middle, last = rest
    end = len(text) - len(last)
    if not text.startswith(first) or not text.endswith(last) or end < len(first):
        return False
    at = len(first)
    for part in middle:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


# --- conflicts ------------------------------------------------------------------------------------


def conflicts(rules: Iterable[Rule]) -> list[Conflict]:
    """The enabled rules that are never reached, or share calls with one of the same priority.

    At most one is told of each rule. Only pairs are looked at: a rule whose calls are taken by
    several others together is not found.
    """
    line = [rule for rule in ordered(rules) if rule.enabled]
    place = {rule.key: index for index, rule in enumerate(line)}
    by_pattern: dict[str, list[Rule]] = {}
    for rule in line:
        by_pattern.setdefault(rule.pattern, []).append(rule)
    found: dict[int, Conflict] = {}
    for rule in line:
        for wider in _wider(rule.pattern, by_pattern):
            if wider.key == rule.key:
                continue
            first, second = sorted((rule, wider), key=lambda each: place[each.key])
            flaw = _flaw(first, second)
            known = found.get(second.key)
            if flaw and (known is None or flaw < known.flaw):
                found[second.key] = Conflict(second, first, flaw)
    return [found[rule.key] for rule in line if rule.key in found]


def _wider(pattern: str, by_pattern: Mapping[str, Sequence[Rule]]) -> Iterator[Rule]:
    """The rules whose pattern covers ``pattern``, the same one included."""
    stem = pattern.removesuffix("*")
    yield from by_pattern.get(stem, ()) if stem == pattern else ()
    for end in range(len(stem) + 1):
        yield from by_pattern.get(f"{stem[:end]}*", ())


def _flaw(first: Rule, second: Rule) -> Flaw | None:
    """What ``first`` does to ``second``; their patterns are known to share numbers."""
    if _covers(first, second):
        return Flaw.NEVER_REACHED
    if first.priority == second.priority and _share_calls(first, second):
        return Flaw.SAME_PRIORITY
    return None


def _covers(first: Rule, second: Rule) -> bool:
    same_header = first.header_name.lower() == second.header_name.lower()
    return (
        _matches(first.pattern, second.pattern)
        and _matches(first.host or "*", second.host or "*")
        and (
            not first.header_name
            or (same_header and _matches(first.header_value or "*", second.header_value or "*"))
        )
    )


def _share_calls(first: Rule, second: Rule) -> bool:
    if not _overlap(first.host or "*", second.host or "*"):
        return False
    if first.header_name.lower() != second.header_name.lower():
        return True  # a call may have both headers
    return _overlap(first.header_value or "*", second.header_value or "*")


def _overlap(one: str, other: str) -> bool:
    """Whether some text has both forms."""
    one, other = one.lower(), other.lower()
    # After each character of ``one``: which prefixes of ``other`` can have been used up by then.
    reached = _spread({0}, other)
    for character in one:
        if character == "*":
            reached = set(range(min(reached, default=len(other) + 1), len(other) + 1))
        else:
            reached = {at for at in reached if at < len(other) and other[at] == "*"} | {
                at + 1 for at in reached if at < len(other) and other[at] == character
            }
        reached = _spread(reached, other)
    return len(other) in reached


def _spread(reached: set[int], pattern: str) -> set[int]:
    """``reached`` and the places behind each ``*`` that follows, which may stand for nothing."""
    found = set(reached)
    for at in sorted(reached):
        end = at
        while end < len(pattern) and pattern[end] == "*":
            end += 1
            found.add(end)
    return found
