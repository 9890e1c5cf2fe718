"""Every URL with every role and with objects beyond one's reach, as the table says."""

from collections.abc import Iterable, Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpResponseBase
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from pytest_django.plugin import DjangoDbBlocker

from tests import worlds
from tests.access.conftest import Things, everyone, permissions, things, undone
from tests.access.table import URLS, Rule, Who
from tests.worlds import World, browser

pytestmark = pytest.mark.once


def urls() -> Iterator[tuple[str, list[str]]]:
    """The name of each URL of the gateway with its namespace, and its parameters."""

    def walk(resolver: URLResolver, namespace: str) -> Iterator[tuple[str, list[str]]]:
        for part in resolver.url_patterns:
            if isinstance(part, URLResolver):
                inner = f"{namespace}{part.namespace}:" if part.namespace else namespace
                if inner != "api:":  # its operations are tested scope by scope
                    yield from walk(part, inner)
            elif isinstance(part, URLPattern):
                yield f"{namespace}{part.name}", list(part.pattern.converters)

    yield from walk(get_resolver(), "")


def machines(rule: Rule) -> bool:
    return "machines" in (rule.get, rule.post)


@pytest.mark.pure
def test_every_url_has_an_entry_and_every_entry_a_url() -> None:
    assert {name for name, _ in urls()} == set(URLS)


def address(name: str, these: Things) -> str:
    return reverse(name, kwargs=these.arguments(name, dict(urls())[name]))


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[World]:
    """Everybody, made once for this file: its tests undo whatever they change."""
    with django_db_blocker.unblock(), undone():
        yield worlds.build()


@pytest.fixture(scope="module")
def these(world: World) -> Things:
    """One object of every kind, made once as well."""
    return things(world)


class Visits:
    """What people get who signed in once."""

    def __init__(self, people: Iterable[User | AnonymousUser]) -> None:
        self._client = Client()  # NB each loads the middleware once more
        self._sessions = {
            user: browser(user).cookies[settings.SESSION_COOKIE_NAME].value
            for user in people
            if isinstance(user, User)
        }

    def asked(self, user: User | AnonymousUser, method: str, url: str) -> HttpResponseBase:
        """The answer to ``user``; whatever it changed is undone."""
        client = self._client
        client.cookies.clear()
        if isinstance(user, User):
            client.cookies[settings.SESSION_COOKIE_NAME] = self._sessions[user]
        with undone():
            return client.post(url) if method == "post" else client.get(url)


@pytest.fixture(scope="module")
def visits(world: World, these: Things) -> Visits:
    return Visits([*everyone(world).values(), these.outsider])


def says(response: HttpResponseBase) -> str:
    """How the gateway answered: ``sign in``, ``refused``, ``no method``, or ``open``."""
    if response.status_code == 302 and response.headers["location"].startswith("/login/?next="):
        return "sign in"
    return {403: "refused", 405: "no method", 401: "refused"}.get(response.status_code, "open")


def expected(who: Who, user: User | AnonymousUser) -> set[str]:
    """What the table says; without such a method, a page may also look at who asks first."""
    if who is None:
        return {"no method", "sign in", "refused"}
    if who == "everybody":
        return {"open"}
    if not isinstance(user, User) or not user.is_active:
        return {"sign in"}
    if who == "signed in" or (who != "machines" and permissions(user) & set(who)):
        return {"open"}
    return {"refused"}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(name for name, rule in URLS.items() if machines(rule)))
def test_machines_urls_give_a_browser_nothing_whoever_is_signed_in(
    name: str, world: World, these: Things, visits: Visits
) -> None:
    url = address(name, these)
    for user in (world.admin, world.stranger):
        for method in ("get", "post"):
            response = visits.asked(user, method, url)
            assert response.status_code in (400, 401, 403, 404, 405, 503), (method, user)


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(name for name, rule in URLS.items() if not machines(rule)))
def test_each_role_is_answered_as_the_table_says(
    name: str, world: World, these: Things, visits: Visits
) -> None:
    url, rule, wrong = address(name, these), URLS[name], {}
    for role, user in everyone(world).items():
        for method, who in (("get", rule.get), ("post", rule.post)):
            response = visits.asked(user, method, url)
            assert response.status_code < 500 or name == "readyz", (role, method)
            if says(response) not in expected(who, user):
                wrong[role, method] = says(response)
    assert wrong == {}


@pytest.mark.django_db
@pytest.mark.parametrize("name", sorted(name for name, rule in URLS.items() if rule.of))
def test_objects_beyond_a_persons_reach_are_not_found(
    name: str, these: Things, visits: Visits
) -> None:
    url, rule = address(name, these), URLS[name]
    for method, who in (("get", rule.get), ("post", rule.post)):
        if who is not None:
            assert visits.asked(these.outsider, method, url).status_code == 404, method


@pytest.mark.django_db
def test_no_form_is_taken_from_another_site(world: World, these: Things) -> None:
    client = Client(enforce_csrf_checks=True)
    with undone():
        client.force_login(world.admin)
        _no_form_is_taken(client, these)


def _no_form_is_taken(client: Client, these: Things) -> None:
    for name, rule in URLS.items():
        if rule.post is not None and rule.post != "machines" and name != "csp-report":
            assert client.post(address(name, these)).status_code == 403, name
