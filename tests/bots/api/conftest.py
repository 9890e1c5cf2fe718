"""Clients of the API, and a small configuration for them."""

import base64
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from django.test import Client

from bots.models import ApiClient, Bot, Provider, Route
from bots.services import bot_create, provider_create, route_create
from bots.services.clients import api_client_create

READ, WRITE = "bots:read", "bots:write"
EVERYTHING = (READ, WRITE, "providers:read", "providers:write")


class Api:
    """A client of the API, by HTTP Basic."""

    def __init__(self, client: ApiClient, secret: str) -> None:
        self.client = client
        proof = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
        self._browser = Client(headers={"Authorization": f"Basic {proof}"})

    def ask(
        self, method: str, path: str, body: Any = None, *, match: int | str = "", **headers: str
    ) -> Any:
        """The response; ``match`` is a revision for If-Match, ``body`` goes as JSON."""
        if match:
            headers["If-Match"] = match if isinstance(match, str) else f'"{match}"'
        content = "" if body is None else json.dumps(body)
        return self._browser.generic(
            method,
            f"/api/v1{path}",
            content,
            content_type="application/json" if content else "",
            headers={name.replace("_", "-"): value for name, value in headers.items()},
        )

    def get(self, path: str, **headers: str) -> Any:
        return self.ask("GET", path, **headers)


MakeApi = Callable[..., Api]


@pytest.fixture
def make_api(db: None) -> MakeApi:
    """A client with the given scopes, for all bots or only those in ``bots``."""

    def make(*scopes: str, bots: Iterable[str] | None = None, name: str = "crm") -> Api:
        client, secret = api_client_create(
            name=name, scopes=scopes or EVERYTHING, rate_per_second=10_000
        )
        if bots is not None:
            client.all_bots = False
            client.save()
            client.bots.set(Bot.objects.filter(name__in=bots))
        return Api(client, secret)

    return make


@pytest.fixture
def api(make_api: MakeApi) -> Api:
    """A client that may configure everything."""
    return make_api()


@pytest.fixture
def script(db: None) -> Provider:
    """A provider of the script bot."""
    return provider_create(name="script", kind="bot", plugin="script")


@pytest.fixture
def base(script: Provider) -> Bot:
    """A base bot."""
    return bot_create(
        name="base", author="test", is_base=True, provider=script, params={"language": "en-GB"}
    )


@pytest.fixture
def retail(base: Bot) -> Bot:
    """A bot that inherits from it and has a secret."""
    return bot_create(
        name="retail",
        author="test",
        base=base,
        display_name="Retail",
        params={"welcomeMessage": "Hello", "sendMetaDataPassword": "hush"},
    )


@pytest.fixture
def travel(base: Bot) -> Bot:
    """Another one."""
    return bot_create(name="travel", author="test", base=base)


@pytest.fixture
def route(retail: Bot) -> Route:
    """A route to the first."""
    return route_create(pattern="+1555*", bot=retail)
