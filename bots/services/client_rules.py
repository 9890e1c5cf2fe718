"""What the settings of an API client may be: every wrong field at once."""

import math
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, TypedDict

from django.utils.translation import gettext as _

from bots.core.errors import ParameterError
from bots.core.scopes import SCOPES
from bots.models import ApiClient, Bot
from bots.people import Person

MAX_ENTRIES = 100
"""Of networks and of hosts."""
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# A last label of digits only would be a mistyped address, never a name (RFC 1123, 2.1).
_HOST = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)*(?![0-9]+$){_LABEL}")


class Settings(TypedDict, total=False):
    """What a client has beside its name and scopes.

    ``bots``: names of the bots it reaches; None means all, later ones too.
    """

    owner: str
    notes: str
    bots: Collection[str] | None
    allowed_networks: Collection[str]
    rate_per_second: int
    dialouts_per_second: float
    max_dialouts: int
    notify_hosts: Collection[str]
    sign_notifications: bool


class Described(Settings):
    """Everything that a client is made of."""

    name: str
    scopes: Collection[str]


class ClientFields(Settings, total=False):
    """Everything that can be set of a client."""

    name: str
    scopes: Collection[str]
    enabled: bool


def checked(
    given: Mapping[str, Any], who: Person | None, client: ApiClient | None
) -> dict[str, Any]:
    """`ClientFields` as the row stores them; ``client`` is None for one that is to be made.

    Raises:
        ParameterError: every wrong field.
    """
    values: dict[str, Any] = dict(given)
    problems: dict[str, str] = {}
    for field, check in _CHECKS.items():
        if field in values:
            try:
                values[field] = check(values[field])
            except ValueError as wrong:
                problems[field] = str(wrong)
    if "name" in values and "name" not in problems and _is_taken(values["name"], client):
        problems["name"] = _("There is an API client with this name already.")
    if "bots" in values and (problem := _reach_problem(who, values["bots"])):
        problems["bots"] = problem
    if problems:
        raise ParameterError(problems)
    if "scopes" in values:
        values["allowed_scopes"] = values.pop("scopes")
    return values


def text_problem(text: str, longest: int, *, needed: bool = True, lines: bool = False) -> str:
    """What is wrong with a text that people read; empty when nothing is."""
    if needed and not text:
        return _("Say what it is called.")
    if len(text) > longest:
        return _("must have at most %(most)s characters") % {"most": longest}
    allowed = "\n\r\t" if lines else ""
    if any(not (letter.isprintable() or letter in allowed) for letter in text):
        return _("must not have control characters")
    return ""


def scope_problem(scopes: Collection[str]) -> str:
    """What is wrong with ``scopes``; empty when nothing is."""
    known = ", ".join(SCOPES)
    if not scopes:
        return _("Choose at least one of %(known)s.") % {"known": known}
    if unknown := sorted(set(scopes) - set(SCOPES)):
        shown = ", ".join(unknown)[:200]
        return _("There is no scope %(unknown)s; choose from %(known)s.") % {
            "unknown": shown,
            "known": known,
        }
    return ""


def _text(longest: int, *, needed: bool = False, lines: bool = False) -> Callable[[str], str]:
    def check(text: str) -> str:
        text = text.strip()
        if problem := text_problem(text, longest, needed=needed, lines=lines):
            raise ValueError(problem)
        return text

    return check


def _scopes(scopes: Collection[str]) -> list[str]:
    if problem := scope_problem(scopes):
        raise ValueError(problem)
    return [scope for scope in SCOPES if scope in scopes]


def _number(low: float, high: float) -> Callable[[float], float]:
    def check(value: float) -> float:
        if not (math.isfinite(value) and low <= value <= high):
            raise ValueError(_("must be from %(low)s to %(high)s") % {"low": low, "high": high})
        return value

    return check


def _networks(networks: Iterable[str]) -> list[str]:
    problem = _("%(entry)s is no network or address such as 192.0.2.0/24.")
    return _each(networks, lambda text: str(ip_network(text, strict=False)), problem)


def _hosts(hosts: Iterable[str]) -> list[str]:
    return _each(hosts, _host, _("%(entry)s is no full host name such as dialer.example.com."))


def _host(text: str) -> str:
    if _HOST.fullmatch(text):
        return text
    return str(ip_address(text))


def _each(entries: Iterable[str], parse: Callable[[str], str], problem: str) -> list[str]:
    """``entries`` as they are stored, each once."""
    found: dict[str, None] = {}
    for entry in entries:
        try:
            found[parse(entry.strip().lower())] = None
        except ValueError:
            raise ValueError(problem % {"entry": ascii(entry[:60])}) from None
    if len(found) > MAX_ENTRIES:
        raise ValueError(_("must have at most %(most)s entries") % {"most": MAX_ENTRIES})
    return list(found)


_CHECKS: dict[str, Callable[[Any], Any]] = {
    "name": _text(100, needed=True),
    "scopes": _scopes,
    "owner": _text(200),
    "notes": _text(2000, lines=True),
    "allowed_networks": _networks,
    "rate_per_second": _number(1, 10_000),
    "dialouts_per_second": _number(0.01, 1_000),
    "max_dialouts": _number(1, 100_000),
    "notify_hosts": _hosts,
}


def _is_taken(name: str, client: ApiClient | None) -> bool:
    others = ApiClient.objects.filter(name__iexact=name)
    return bool(others.exclude(pk=client.pk if client else None).exists())


def _reach_problem(who: Person | None, bots: Collection[str] | None) -> str:
    if bots is None:
        narrow = who is not None and who.bots is not None
        return _("You reach only some bots: choose among those.") if narrow else ""
    known = set(Bot.objects.filter(name__in=bots).values_list("name", flat=True))
    strange = sorted(
        name for name in bots if name not in known or (who is not None and not who.reaches(name))
    )
    if strange:
        return _("There is no bot %(names)s.") % {"names": ", ".join(strange)[:200]}
    return ""
