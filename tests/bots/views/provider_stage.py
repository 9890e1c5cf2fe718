"""Fixtures and steps of the tests of providers' pages."""

from typing import Any

import pytest
from django.test import Client

from bots import credentials
from bots.core import registry
from bots.guards import CONFIRMED_AT
from bots.models import Provider
from bots.services import provider_create
from tests import plugins
from tests.worlds import World, browser


@pytest.fixture(autouse=True)
def tones() -> None:
    assert registry.plugin("tts", "tones").factory is plugins.ToneTts


@pytest.fixture
def script() -> Provider:
    return provider_create(name="script", kind="bot", plugin="script")


@pytest.fixture
def wrong() -> Provider:
    """A synthesiser whose key is wrong; tones do its work."""
    return provider_create(
        name="rehearse",
        kind="tts",
        plugin="rehearsal",
        params={"rehearsalTtsPlugin": "tones"},
        credentials={"rehearsalKey": "guessed"},
    )


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def confirmed_at(client: Client, at: float) -> Client:
    """``client``, whose person proved who they are at the time ``at``."""
    session = client.session
    session[CONFIRMED_AT] = at
    session.save()
    return client


def page(client: Client, address: str = "/providers/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def key_of(provider: Provider) -> str:
    stored = Provider.objects.get(pk=provider.pk).credentials
    opened: Any = credentials.opened(registry.plugin("tts", "rehearsal"), stored)
    return str(opened.key.get_secret_value())
