"""Decorators of pages: signed in, permitted, asked for the password lately."""

import time
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.test import RequestFactory

from bots.core.roles import Permission
from bots.guards import (
    CONFIRMED_AT,
    account,
    asking,
    confirmed,
    own_address,
    permitted,
    signed_in,
)
from tests.worlds import World

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@permitted(Permission.LISTEN, Permission.EXPORT_CALLS)
def ears(request: HttpRequest) -> HttpResponse:
    return HttpResponse(asking(request).name)


@signed_in
def desk(request: HttpRequest) -> HttpResponse:
    return HttpResponse(account(request).username)


@confirmed
def safe(request: HttpRequest) -> HttpResponse:
    return HttpResponse("open")


def request_of(user: User | AnonymousUser, method: str = "get", **headers: Any) -> HttpRequest:
    request: HttpRequest = getattr(RequestFactory(), method)("/page/?a=1&b=2", headers=headers)
    request.user = user
    request.session = SessionStore()
    return request


def where(response: HttpResponseBase) -> str:
    return response.headers["location"]


def test_any_of_the_permissions_opens_a_page(world: World) -> None:
    for role in ("supervisor", "call-data-manager", "administrator"):
        assert ears(request_of(world.people[role])).status_code == 200
    with pytest.raises(PermissionDenied, match=r"calls\.listen, calls\.export"):
        ears(request_of(world.people["operator"]))


def test_who_is_signed_out_comes_back_after_signing_in(world: World) -> None:
    for page in (ears, desk):
        assert where(page(request_of(world.stranger))) == "/login/?next=/page/%3Fa%3D1%26b%3D2"
    assert desk(request_of(world.newcomer)).status_code == 200
    with pytest.raises(PermissionDenied):
        account(request_of(world.stranger))


def test_a_part_of_a_page_moves_the_whole_browser(world: World) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/bots/?q=x"}
    response = desk(request_of(world.stranger, **headers))
    assert response.status_code == 200
    assert response.headers["HX-Redirect"] == "/login/?next=http%3A//testserver/bots/%3Fq%3Dx"


def test_a_form_that_is_not_confirmed_opens_its_page_again(world: World) -> None:
    request = request_of(world.admin, "post", referer="http://testserver/people/7/")
    assert where(safe(request)) == "/confirm/?next=http%3A//testserver/people/7/"
    request = request_of(world.admin, "post", referer="http://evil.example.com/")
    assert where(safe(request)) == "/confirm/?next=/"


def test_a_password_counts_for_a_quarter_of_an_hour(world: World) -> None:
    for seconds, counts in ((0, True), (840, True), (901, False), (10**9, False)):
        request = request_of(world.admin)
        request.session[CONFIRMED_AT] = time.time() - seconds
        assert (safe(request).status_code == 200) == counts, seconds
    assert safe(request_of(world.admin)).status_code == 302


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("/calls/?a=1", "/calls/?a=1"),
        ("http://testserver/live/", "http://testserver/live/"),
        ("https://evil.example.com/", "/"),
        ("//evil.example.com", "/"),
        ("/\\evil.example.com", "/"),
        ("javascript:alert(1)", "/"),
        ("", "/"),
        (None, "/"),
    ],
)
def test_only_addresses_of_this_site_are_followed(address: str | None, own: str) -> None:
    assert own_address(request_of(AnonymousUser()), address) == own
