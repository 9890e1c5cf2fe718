"""The people and machines of tests: who may do what, made in one place."""

from dataclasses import dataclass

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client

from bots.models import ApiClient
from bots.services.clients import api_client_create

DIALER_SCOPES = ("actions:dialout", "calls:read")


@dataclass(frozen=True, kw_only=True)
class World:
    """An operator who may do everything, a viewer, a former colleague, a stranger, and a dialer."""

    operator: User
    viewer: User
    former: User
    stranger: AnonymousUser
    dialer: ApiClient
    dialer_secret: str


def build() -> World:
    """Everybody of the world, in the database."""
    users = get_user_model().objects
    dialer, secret = api_client_create(name="dialer", scopes=DIALER_SCOPES)
    return World(
        operator=users.create_superuser("operator", password="operator"),
        viewer=users.create_user("viewer", password="viewer"),
        former=users.create_user("former", password="former", is_active=False),
        stranger=AnonymousUser(),
        dialer=dialer,
        dialer_secret=secret,
    )


def browser(user: User | AnonymousUser) -> Client:
    """A browser in which ``user`` is signed in; a stranger is not."""
    client = Client()
    if isinstance(user, User):
        client.force_login(user)
    return client
