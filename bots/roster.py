"""Reads about people: the list with its filters, and who is locked out."""

from typing import Any

import msgspec
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import User
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from bots.core.roles import ADMINISTRATOR, ROLES, Role
from bots.models import Member
from bots.people import Person

STATES = ("active", "inactive", "invited", "locked")


class PeopleFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which people are listed; the empty string means any."""

    text: str = ""
    role: str = ""
    """The name of a role, or ``none``."""
    state: str = ""
    source: str = ""


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One person as the list shows them."""

    user: User
    roles: list[Role]
    source: str
    bots: list[str] | None
    locked: bool
    invited: bool
    manageable: bool


def people(who: Person, chosen: PeopleFilter) -> QuerySet[User]:
    """The people ``who`` may see that match, by name."""
    found = who.visible_people()
    if chosen.text:
        text = Q(username__icontains=chosen.text) | Q(email__icontains=chosen.text)
        found = found.filter(text | Q(member__bots__name=chosen.text))
    if chosen.role == "none":
        found = found.exclude(is_superuser=True).exclude(groups__name__in=ROLES)
    elif chosen.role == ADMINISTRATOR:
        found = found.filter(Q(is_superuser=True) | Q(groups__name=ADMINISTRATOR))
    elif chosen.role:
        found = found.filter(groups__name=chosen.role)
    if chosen.source == "sso":
        found = found.filter(member__source="sso")
    elif chosen.source:
        found = found.exclude(member__source="sso")
    return _in_state(found, chosen.state).distinct().order_by("username")


def entries(who: Person, users: QuerySet[User]) -> list[Entry]:
    """The rows of the list for ``users``, by a fixed number of queries."""
    rows = list(users.prefetch_related("groups", "member__bots").select_related("member"))
    locked = set(locked_names().filter(username__in=[user.username for user in rows]))
    return [_entry(who, user, locked=user.username in locked) for user in rows]


def _entry(who: Person, user: User, *, locked: bool) -> Entry:
    member: Member | None = getattr(user, "member", None)
    names = {group.name for group in user.groups.all()}
    if user.is_superuser:
        names.add(ADMINISTRATOR)
    listed = member is not None and not member.all_bots
    return Entry(
        user=user,
        roles=[role for role in ROLES.values() if role.name in names],
        source=member.source if member else "local",
        bots=sorted(bot.name for bot in member.bots.all()) if member and listed else None,
        locked=locked,
        invited=user.last_login is None and not user.has_usable_password(),
        manageable=who.may_manage(user),
    )


def locked_names() -> QuerySet[Any, str]:
    """The names under which too many wrong passwords were given from one address lately."""
    lately = timezone.now() - settings.AXES_COOLOFF_TIME
    locked: QuerySet[Any, str] = (
        AccessAttempt.objects.filter(attempt_time__gte=lately)
        .order_by()
        .values("username", "ip_address")
        .annotate(failures=Sum("failures_since_start"))
        .filter(failures__gte=settings.AXES_FAILURE_LIMIT)
        .values_list("username", flat=True)
    )
    return locked


def _in_state(found: QuerySet[User], state: str) -> QuerySet[User]:
    if state == "inactive":
        return found.filter(is_active=False)
    if state == "active":
        return found.filter(is_active=True)
    if state == "invited":
        return found.filter(last_login=None, password__startswith=UNUSABLE_PASSWORD_PREFIX)
    if state == "locked":
        return found.filter(Exists(locked_names().filter(username=OuterRef("username"))))
    return found
