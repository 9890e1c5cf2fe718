"""The people and machines of tests: who may do what, made in one place."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, Group, User
from django.test import Client
from django.utils import timezone

from bots.core.roles import ROLES
from bots.models import ApiClient, AuditEvent, Bot, Member
from bots.services.clients import api_client_create

DIALER_SCOPES = ("actions:dialout", "calls:read")


@dataclass(frozen=True, kw_only=True)
class World:
    """One person of each role, one who may do everything, a former colleague, a stranger, a dialer.

    ``people`` maps each role to a person with only that role. ``newcomer`` has no role at all.
    """

    people: dict[str, User]
    admin: User
    newcomer: User
    former: User
    stranger: AnonymousUser
    dialer: ApiClient
    dialer_secret: str


def build() -> World:
    """Everybody of the world, in the database; the audit log is empty."""
    users = get_user_model().objects
    dialer, secret = api_client_create(name="dialer", scopes=DIALER_SCOPES)
    AuditEvent.objects.expire(timezone.now())
    return World(
        people={role: with_role(role) for role in ROLES},
        admin=users.create_superuser("admin", password="admin"),
        newcomer=users.create_user("newcomer", password="newcomer"),
        former=users.create_user("former", password="former", is_active=False),
        stranger=AnonymousUser(),
        dialer=dialer,
        dialer_secret=secret,
    )


def with_role(role: str, *, name: str = "", bots: Iterable[Bot] | None = None) -> User:
    """A person with one role, for all bots or only for ``bots``; the password is the name."""
    user = get_user_model().objects.create_user(name or role, password=name or role)
    user.groups.add(Group.objects.get_or_create(name=role)[0])
    if bots is not None:
        Member.objects.create(user=user, all_bots=False).bots.set(bots)
    return user


def browser(user: User | AnonymousUser) -> Client:
    """A browser in which ``user`` is signed in; a stranger is not."""
    client = Client()
    if isinstance(user, User):
        client.force_login(user)
    return client
