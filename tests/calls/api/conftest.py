"""Clients of the API for the tests of this room."""

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from bots.models import ApiClient, Bot
from bots.services.clients import api_client_create


class Api:
    """A client of the API, by HTTP Basic; every answer is JSON unless a test wants it raw."""

    def __init__(self, client: ApiClient, secret: str) -> None:
        self.client = client
        proof = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
        self.headers = {"Authorization": f"Basic {proof}"}

    def get(self, path: str, **query: Any) -> Any:
        """The response to GET; ``query`` may hold lists."""
        return Client(headers=self.headers).get(f"/api/v1{path}", query)

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        """The response to POST of ``body``."""
        return Client(headers=self.headers | headers).post(
            f"/api/v1{path}", json.dumps(body), content_type="application/json"
        )

    async def apost(self, path: str, body: Any) -> Any:
        """The response to POST of ``body``, on the running loop."""
        return await AsyncClient().post(
            f"/api/v1{path}",
            json.dumps(body),
            content_type="application/json",
            headers=self.headers,
        )


MakeApi = Callable[..., Api]


@pytest.fixture
def make_api(db: None) -> MakeApi:
    """A client with the given scopes, for all bots or only those in ``bots``."""

    def make(*scopes: str, bots: Iterable[Bot] | None = None, name: str = "crm") -> Api:
        client, secret = api_client_create(name=name, scopes=scopes)
        if bots is not None:
            client.all_bots = False
            client.save()
            client.bots.set(bots)
        return Api(client, secret)

    return make


def wrong(response: Any) -> dict[str, str]:
    """The wrong fields that a problem names."""
    assert response.status_code == 422, response.content
    return {each["field"]: each["message"] for each in response.json()["errors"]}


@contextmanager
def queries(most: int) -> Iterator[None]:
    """At most so many queries; what counts the use of clients, now and then, is left out."""
    with CaptureQueriesContext(connection) as asked:
        yield
    found = [query["sql"] for query in asked if not COUNTING.search(query["sql"])]
    assert len(found) <= most, "\n".join(found)


COUNTING = re.compile(
    r'bots_clientusage|UPDATE "bots_(apiclient|mintedtoken)"|bots_apiclient"."id" AS "pk|SAVEPOINT'
)
