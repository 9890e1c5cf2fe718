"""What pages say of an alarm: its title, its text in the reader's language, where its source is."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.urls import NoReverseMatch, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.core.wording import filled
from bots.core.roles import Permission, granting
from bots.people import Person

TEXT_CHARS = 200
SEVERITIES = tuple(each for each in reversed(Severity) if each is not Severity.CLEAR)
"""What an active alarm can have, worst first."""
_PAGES = {
    "provider": ("providers:page", Permission.READ_CONFIGURATION),
    "bot": ("bots:edit", Permission.READ_CONFIGURATION),
    "destination": ("alarms:destination", Permission.SEE_ALARMS),
}
"""Of an entity whose name is in the address: its page, and who may open it."""
_ROOMS = {
    "api": ("clients:list", Permission.MANAGE_CLIENTS),
    "console": ("audit:list", Permission.READ_AUDIT),
    "origin": ("deliveries:destinations", Permission.SEE_HISTORY),
    **dict.fromkeys(
        ("process", "worker", "bus", "database", "queue", "host", "certificate", "plugin"),
        ("calls:system", Permission.ADMINISTER),
    ),
}
"""Of other entities: the page that tells more, and who may open it."""


class Told(Protocol):
    """What rows of active alarms and of the history have in common."""

    type: str
    source: str
    text: str
    detail: str


def title_of(name: str) -> str:
    """The title of the type of alarm with that name; of a type that is gone its name."""
    kind = CATALOGUE.get(name)
    return _(kind.title) if kind else name


def text_of(told: Told) -> tuple[str, bool]:
    """What is told, and whether it stands in the reader's language; people's own texts are as is.

    The detail comes from programs and other systems and stays English.
    """
    kind = CATALOGUE.get(told.type)
    if kind and told.text == filled(kind.text, source=told.source, detail=told.detail):
        return filled(_(kind.text), source=told.source, detail=told.detail), not told.detail
    return told.text, False


def source_url(source: str, who: Person) -> str:
    """The page of ``source`` or one that tells more; nothing when there is none for ``who``."""
    entity, _colon, name = source.partition(":")
    if entity in _PAGES and name:
        page, needed = _PAGES[entity]
        return _address(page, name) if who.may(needed) else ""
    if entity == "channel":
        address = _address("calls:history")
        return f"{address}?{urlencode({'channel': name})}" if who.may(_CALLS) else ""
    page, needed = _ROOMS.get(entity, ("", Permission.ADMINISTER))
    return _address(page) if page and who.may(needed) else ""


def calls_url(source: str, who: Person, since: datetime, until: datetime) -> str:
    """The calls of that time that concern ``source``; nothing for who may see no calls."""
    entity, _colon, name = source.partition(":")
    if not who.may(_CALLS):
        return ""
    moments = {"from": since, "to": until}
    query = {name: f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for name, at in moments.items()}
    query["range"] = "custom"
    if entity in ("bot", "channel") and name:
        query[entity] = name
    return f"{_address('calls:history')}?{urlencode(query)}"


_CALLS = Permission.SEE_HISTORY


def why_not(who: Person) -> str:
    """Why ``who`` may not handle alarms; empty when they may."""
    if who.may(Permission.HANDLE_ALARMS):
        return ""
    roles = ", ".join(_(role.title) for role in granting([Permission.HANDLE_ALARMS]))
    return _("Needs one of these roles: %(roles)s.") % {"roles": roles}


def span(length: timedelta) -> str:
    """A length of time in two units at most, such as ``2 h 5 min``."""
    seconds = max(0, int(length.total_seconds()))
    days, hours, minutes = seconds // 86_400, seconds // 3_600 % 24, seconds // 60 % 60
    if days:
        return ngettext("%(days)s day %(hours)s h", "%(days)s days %(hours)s h", days) % {
            "days": days,
            "hours": hours,
        }
    parts = [(hours, "h"), (minutes, "min"), (seconds % 60, "s")]
    first = next((place for place, (number, _unit) in enumerate(parts) if number), 2)
    told = [f"{number} {unit}" for number, unit in parts[first : first + 2] if number]
    return " ".join(told) or "0 s"


# --- what an address asks for ---------------------------------------------------------------------


def text(given: Mapping[str, str], name: str) -> str:
    """A text of an address, bounded."""
    return given.get(name, "").strip()[:TEXT_CHARS]


def one_of(given: Mapping[str, str], name: str, known: Iterable[str]) -> str:
    """A word of an address, if it is ``known``."""
    word = given.get(name, "")
    return word if word in set(known) else ""


def severity(given: Mapping[str, str]) -> Severity | None:
    """The severity of an address."""
    by_word = {each.word: each for each in SEVERITIES}
    return by_word.get(given.get("severity", ""))


def day(given: Mapping[str, str], name: str) -> date | None:
    """A day of an address."""
    try:
        found = date.fromisoformat(given.get(name, ""))
    except ValueError:
        return None
    return found if 1970 <= found.year <= 9000 else None


def ids(given: list[str]) -> list[UUID]:
    """The ids of alarms in ``given``; what is none is left out."""
    found = []
    for each in given:
        try:
            found.append(UUID(each))
        except ValueError:
            continue
    return found


def _address(name: str, *args: object) -> str:
    try:
        return reverse(name, args=args)
    except NoReverseMatch:
        return ""
