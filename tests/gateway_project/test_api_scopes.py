"""Scopes of the API: a matrix that is made from the operations themselves.

An operation without a scope cannot be described, so the document and with it this file fail.
"""

import base64
import itertools
from collections.abc import Collection, Iterator
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import Client, RequestFactory
from ninja import NinjaAPI, Router
from ninja.operation import Operation

from bots.core.scopes import SCOPES
from bots.models import ApiClient
from bots.rest import authentication
from bots.rest.problems import Problem
from bots.services.clients import api_client_create
from gateway_project.api import operations
from gateway_project.openapi import MissingScope, document, scopes_of

pytestmark = pytest.mark.once

PUBLIC = "http://127.0.0.1:8000"
DOCUMENT = document(PUBLIC)
METHODS = {"get", "put", "post", "patch", "delete"}
IDS = {"alarm_id", "call_id", "dialout_id", "run_id"}


def described() -> Iterator[tuple[str, str, str, list[str]]]:
    """Operation, method, path with something in place of names, scopes any of which do."""
    for path, item in DOCUMENT["paths"].items():
        for method, operation in item.items():
            for each in operation["parameters"]:
                if each["in"] == "path":
                    some = "1" if each["schema"].get("type") == "integer" else "none"
                    if each["name"] in IDS:
                        some = "00000000-0000-4000-8000-000000000000"
                    path = path.replace(f"{{{each['name']}}}", some)
            scopes = {s for each in operation["security"] for s in each.get("oauth", ())}
            yield operation["operationId"], method, path, sorted(scopes)


OPERATIONS = list(described())


@pytest.fixture
def proof(db: None) -> dict[str, str]:
    """How the client `dialer` proves who it is."""
    client, secret = api_client_create(name="dialer", scopes=list(SCOPES), rate_per_second=10_000)
    both = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


def subsets() -> Iterator[tuple[str, ...]]:
    """Every subset of the scopes that open anything of the API."""
    named = sorted({scope for *_, scopes in OPERATIONS for scope in scopes})
    for size in range(len(named) + 1):
        yield from itertools.combinations(named, size)


def allow(scopes: Collection[str]) -> None:
    ApiClient.objects.update(allowed_scopes=list(scopes))


@pytest.mark.pure
def test_every_operation_names_scopes_that_exist() -> None:
    assert {name for name, *_ in OPERATIONS} == {each.operation_id for each in operations()}
    for name, _, _, scopes in OPERATIONS:
        assert scopes, name
        assert SCOPES.keys() >= set(scopes), name


@pytest.mark.pure
def test_an_operation_that_is_open_to_everybody_cannot_be_described() -> None:
    router = Router()

    @router.get("/open")
    def everybody(request: HttpRequest) -> dict[str, str]:
        return {}

    api = NinjaAPI(urls_namespace="test")
    api.add_router("", router)
    (operation,) = (each for view in router.path_operations.values() for each in view.operations)
    assert isinstance(operation, Operation)
    with pytest.raises(MissingScope):
        scopes_of(operation)


def test_every_subset_of_scopes_without_the_one_is_refused_and_every_other_let_in(
    proof: dict[str, str],
) -> None:
    # Operations with the same scopes have the same answer; see below that each asks at all.
    guards = {scopes_of(each) for each in operations()}
    request = RequestFactory(headers=proof).get("/api/v1/bots")
    for subset in subsets():
        allow(subset)
        client, held, _ = authentication._proved(request)
        assert held == set(subset)
        for needed in guards:
            if held & set(needed):
                authentication._allowed(client, held, needed, None)
                continue
            with pytest.raises(Problem) as refused:
                authentication._allowed(client, held, needed, None)
            assert (refused.value.status, refused.value.code) == (403, "insufficient_scope")


@pytest.mark.parametrize(("name", "method", "path", "scopes"), OPERATIONS, ids=lambda x: str(x))
def test_every_operation_asks_who_it_is_and_for_its_scope(
    proof: dict[str, str], name: str, method: str, path: str, scopes: list[str]
) -> None:
    # A body and conditions that would be refused: who may not ask is not told about them.
    def ask(**headers: str) -> Any:
        return Client(headers=headers).generic(
            method.upper(), path, "{", content_type="application/json"
        )

    stranger = ask()
    assert stranger.status_code == 401
    assert stranger["WWW-Authenticate"].startswith("Bearer")
    allow(SCOPES.keys() - set(scopes))
    refused = ask(**proof)
    assert refused.status_code == 403
    assert refused.json()["error"] == "insufficient_scope"
    for scope in scopes:
        assert scope in refused["WWW-Authenticate"]
        allow([scope])
        assert ask(**proof).status_code not in (401, 403)
