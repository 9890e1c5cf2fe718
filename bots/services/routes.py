"""Changing the routing table."""

import copy
import re
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, Unpack

from django.core.exceptions import NON_FIELD_ERRORS
from django.db import transaction
from django.utils.translation import gettext as _

from bots import audit
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.routing import normalised
from bots.models import Bot, Route
from bots.services.checks import StaleRevision, field_problems, locked_bots
from bots.services.traces import changed

STEP = 10
"""Between the priorities of neighbours after the table was put in order."""
_LAST = 2_147_483_647
_HEADER_NAME = re.compile(r"[A-Za-z0-9.!%*_+`'~-]*")
_HOST = re.compile(r"[a-z0-9.*:_-]*")
_CONDITIONS = ("pattern", "host", "header_name", "header_value")
_FIELDS = ("priority", *_CONDITIONS, "enabled", "note")


class RouteFields(TypedDict, total=False):
    """What can be set on a route; see `bots.models.Route`."""

    priority: int
    pattern: str
    host: str
    header_name: str
    header_value: str
    bot: Bot
    enabled: bool
    note: str


@transaction.atomic
def route_create(**fields: Unpack[RouteFields]) -> Route:
    """Send calls that meet the conditions in ``fields`` to a bot.

    Raises:
        ParameterError: every problem, by field.
    """
    bots = locked_bots()
    route = Route()
    _apply(route, fields)
    _check(route, bots)
    route.save(force_insert=True)
    _audit(Action.ROUTE_CREATED, None, route)
    return route


@transaction.atomic
def route_update(*, route: Route, expected_revision: int, **changes: Unpack[RouteFields]) -> Route:
    """Store ``changes`` and answer the route as it is afterwards.

    Raises:
        StaleRevision: the route is not at ``expected_revision`` any more.
        ParameterError: every problem, by field.
    """
    bots = locked_bots()
    before = _claimed(route, expected_revision)
    after = copy.copy(before)
    _apply(after, changes)
    _check(after, bots)
    _store(before, after)
    return after


@transaction.atomic
def route_delete(*, route: Route, expected_revision: int) -> None:
    """Remove a route.

    Raises:
        StaleRevision: the route is not at ``expected_revision`` any more.
    """
    stored = _claimed(route, expected_revision)
    _audit(Action.ROUTE_DELETED, stored, None)
    stored.delete()


@transaction.atomic
def route_move(*, route: Route, expected_revision: int, places: int) -> None:
    """Try ``route`` that many places later, or earlier if negative; beyond the ends is the end.

    Priorities are exchanged, or counted anew from `STEP` where they leave no room.

    Raises:
        StaleRevision: the route is not at ``expected_revision`` any more.
    """
    line = list(Route.objects.select_for_update(of=("self",)).select_related("bot"))
    at = next((index for index, each in enumerate(line) if each.pk == route.pk), None)
    if at is None or line[at].revision != expected_revision:
        raise StaleRevision(
            _title(route), expected_revision, 0 if at is None else line[at].revision
        )
    moved = line[:at] + line[at + 1 :]
    moved.insert(max(0, at + places), line[at])
    for each, priority in zip(moved, _priorities(line, moved), strict=True):
        if each.priority != priority:
            after = copy.copy(each)
            after.priority = priority
            _store(each, after)


def _priorities(line: Sequence[Route], moved: Sequence[Route]) -> list[int]:
    """Priorities that put ``moved`` in order: those of ``line`` again if that does it."""
    same = [each.priority for each in line]
    order = [(priority, each.pk) for priority, each in zip(same, moved, strict=True)]
    return same if order == sorted(order) else [STEP * (at + 1) for at in range(len(line))]


def _claimed(route: Route, expected_revision: int) -> Route:
    """``route`` as it is stored, locked.

    Raises:
        StaleRevision: it is not at ``expected_revision`` any more.
    """
    rows = Route.objects.select_for_update(of=("self",)).select_related("bot")
    stored = rows.filter(pk=route.pk).first()
    if stored is None or stored.revision != expected_revision:
        raise StaleRevision(_title(route), expected_revision, stored.revision if stored else 0)
    return stored


def _store(before: Route, after: Route) -> None:
    after.revision = before.revision + 1
    after.save(force_update=True)
    _audit(Action.ROUTE_CHANGED, before, after)


# --- checks ---------------------------------------------------------------------------------------


def _apply(route: Route, fields: Mapping[str, Any]) -> None:
    """Set ``fields``, written as they are compared."""
    for field, value in fields.items():
        setattr(route, field, value)
    stem = route.pattern.strip().removesuffix("*")
    if stem != route.pattern.strip():
        route.pattern = f"{normalised(stem)}*"
    else:
        route.pattern = normalised(stem)
    route.host = route.host.strip().lower()
    route.header_name = route.header_name.strip()
    route.header_value = route.header_value.strip()
    route.note = route.note.strip()


def _check(route: Route, bots: Mapping[int, Bot]) -> None:
    problems = field_problems(route)
    everything = problems.pop(NON_FIELD_ERRORS, "")
    chosen = bots.get(route.bot_id)
    if chosen is None:
        problems["bot"] = _("choose the bot that takes the calls")
    elif chosen.is_base:
        problems["bot"] = _("%(bot)s takes no calls; choose a bot that is not a base bot") % {
            "bot": chosen.name
        }
    if route.pattern == "":
        problems["pattern"] = _("say which numbers, such as +15550100, +1555* or * for all")
    if not _HOST.fullmatch(route.host):
        problems["host"] = _("must be a host name or address, in which * stands for anything")
    if not _HEADER_NAME.fullmatch(route.header_name):
        problems["header_name"] = _("must be the name of a SIP header, such as X-Tenant")
    if route.header_value and not route.header_name:
        problems["header_name"] = _("say which header has to hold that value")
    if route.priority > _LAST:
        problems["priority"] = _("must be at most %(most)s") % {"most": _LAST}
    others = Route.objects.exclude(pk=route.pk)
    twin = others.filter(**{field: getattr(route, field) for field in _CONDITIONS}).first()
    if twin is not None:
        problems["pattern"] = _("another route has these very conditions; change that one")
    elif everything and not problems:
        problems["pattern"] = everything
    if problems:
        raise ParameterError(problems)


# --- audit ----------------------------------------------------------------------------------------


def _title(route: Route) -> str:
    return f"route {route.pattern}"


def _audit(action: Action, before: Route | None, after: Route | None) -> None:
    one = after or before
    assert one is not None  # noqa: S101 - a change has at least one side
    old, new = changed(_state(before), _state(after))
    audit.record(action, kind="route", target=one.pk, title=_title(one), before=old, after=new)


def _state(route: Route | None) -> dict[str, Any] | None:
    if route is None:
        return None
    return {"bot": route.bot.name, **{field: getattr(route, field) for field in _FIELDS}}
