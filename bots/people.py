"""Who somebody is to the gateway: what they may do, and which bots that reaches.

Pages, live feed, exports and API decide by `person`; nothing else reads groups or members.
"""

from collections.abc import Iterable

import msgspec
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.db.models import Q, QuerySet

from bots.core.roles import ADMINISTRATOR, Permission, granted
from bots.core.scopes import permissions
from bots.models import MAX_DEPTH, ApiClient, Bot, Member


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """What one user may do. ``bots``: names of the bots this reaches; None means all."""

    user_id: int
    name: str
    permissions: frozenset[Permission]
    bots: frozenset[str] | None = None

    def may(self, permission: Permission) -> bool:
        """Whether the person may do this at all, for whichever bots."""
        return permission in self.permissions

    def reaches(self, bot: str) -> bool:
        """Whether the person's permissions extend to the bot called ``bot``."""
        return self.bots is None or bot in self.bots

    def visible_bots(self) -> QuerySet[Bot]:
        """The bots the person may see: those reached, and the base bots above them."""
        if not self.may(Permission.READ_CONFIGURATION):
            return Bot.objects.none()
        if self.bots is None:
            return Bot.objects.all()
        names: set[str] = set(self.bots)
        level: Iterable[str] = self.bots
        for _ in range(MAX_DEPTH):
            level = (
                set(Bot.objects.filter(heirs__name__in=level).values_list("name", flat=True))
                - names
            )
            if not level:
                break
            names |= level
        return Bot.objects.filter(name__in=names)

    def may_change(self, bot: Bot) -> bool:
        """Whether the person may change ``bot``; a base bot is changed only by who reaches all."""
        return self.may(Permission.WRITE_CONFIGURATION) and (
            self.bots is None or (not bot.is_base and bot.name in self.bots)
        )

    def visible_people(self) -> QuerySet[User]:
        """The accounts the person may see: those whose reach is not beyond the person's own."""
        if not self.may(Permission.MANAGE_PEOPLE):
            return User.objects.none()
        if self.bots is None:
            return User.objects.all()
        beyond = Bot.objects.exclude(name__in=self.bots)
        narrow = Member.objects.filter(all_bots=False).exclude(bots__in=beyond)
        return User.objects.filter(member__in=narrow, is_superuser=False)

    def visible_clients(self) -> QuerySet[ApiClient]:
        """The API clients the person may see and change: those that reach no bots beyond."""
        everyone: QuerySet[ApiClient] = ApiClient.objects.all()
        if not self.may(Permission.MANAGE_CLIENTS):
            return everyone.none()
        if self.bots is None:
            return everyone
        beyond = Bot.objects.exclude(name__in=self.bots)
        return everyone.filter(all_bots=False).exclude(bots__in=beyond)

    def may_manage(self, user: User) -> bool:
        """Whether the person may change a visible account.

        Nobody may change their own; those of administrators only another administrator.
        """
        if not self.may(Permission.MANAGE_PEOPLE) or user.pk == self.user_id:
            return False
        return self.may(Permission.ADMINISTER) or not is_administrator(user)

    @property
    def may_change_shared(self) -> bool:
        """Whether the person may change what all bots share: base bots, providers, routes."""
        return self.may(Permission.WRITE_CONFIGURATION) and self.bots is None


NOBODY = Person(user_id=0, name="", permissions=frozenset(), bots=frozenset())


def person(user: AbstractBaseUser | AnonymousUser) -> Person:
    """Who ``user`` is at this moment; nobody when signed out or not active.

    The answer is kept on ``user``: for as long as one request, or one check of a socket.
    """
    if not user.is_authenticated or not user.is_active or user.pk is None:
        return NOBODY
    known = getattr(user, "_person", None)
    if not isinstance(known, Person):
        known = _person(user)
        user._person = known  # type: ignore[attr-defined]  # a place of our own
    return known


def client_person(client: ApiClient, scopes: Iterable[str]) -> Person:
    """Who an API client is when it uses ``scopes``; one query when it reaches only some bots."""
    reach = None if client.all_bots else frozenset(client.bots.values_list("name", flat=True))
    return Person(
        user_id=0, name=f"client {client.name}", permissions=permissions(scopes), bots=reach
    )


def is_administrator(user: User) -> bool:
    """Whether ``user`` may do everything; groups that were fetched before are not asked again."""
    return user.is_superuser or ADMINISTRATOR in {group.name for group in user.groups.all()}


def active_administrators() -> QuerySet[User]:
    """Everybody who may do everything and can sign in."""
    powerful = Q(is_superuser=True) | Q(groups__name=ADMINISTRATOR)
    return User.objects.filter(powerful, is_active=True).distinct()


def _person(user: AbstractBaseUser | AnonymousUser) -> Person:
    if getattr(user, "is_superuser", False):
        permissions = granted([ADMINISTRATOR])
        return Person(user_id=user.pk or 0, name=user.get_username(), permissions=permissions)
    names = user.groups.values_list("name", flat=True)  # type: ignore[union-attr]  # Django's User
    reach: frozenset[str] | None = None
    member = Member.objects.filter(Q(user=user.pk)).first()
    if member is not None and not member.all_bots:
        reach = frozenset(member.bots.values_list("name", flat=True))
    return Person(
        user_id=user.pk or 0, name=user.get_username(), permissions=granted(names), bots=reach
    )
