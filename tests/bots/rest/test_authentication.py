"""Who asks the API: every proof, every refusal, what is counted, who is in the audit log."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone
from oauth2_provider.models import get_access_token_model
from pytest_django.fixtures import Settings

from bots.audit import current_actor
from bots.core.roles import Permission
from bots.models import ApiClient, Bot, ClientUsage, MintedToken
from bots.rest import authentication, throttling
from bots.rest.authentication import Principal, as_client, scoped
from bots.rest.metering import Meter
from bots.rest.problems import Problem
from bots.rest.throttling import Limiter
from bots.services import api_client_create, api_client_update
from bots.services.clients import mint_token, rotate_secret

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture(autouse=True)
def meter(monkeypatch: pytest.MonkeyPatch) -> Meter:
    """Nothing that another test asked counts here."""
    limiter, meter = Limiter("unix:///nowhere/redis.sock"), Meter()
    monkeypatch.setattr(throttling, "limiter", lambda: limiter)
    monkeypatch.setattr(authentication, "meter", meter)
    return meter


@pytest.fixture
def issued() -> tuple[ApiClient, str]:
    return api_client_create(name="crm", scopes=["bots:read", "calls:read"])


def asking(authorization: str = "", address: str = "192.0.2.1", path: str = "/api/") -> HttpRequest:
    headers = {"authorization": authorization} if authorization else {}
    return RequestFactory().get(path, headers=headers, REMOTE_ADDR=address)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def minted(client: ApiClient, *scopes: str) -> str:
    _, raw = mint_token(client, name="nightly", scopes=scopes or client.allowed_scopes, days=30)
    return f"Bearer {raw}"


def refused(request: HttpRequest, *scopes: str) -> Problem:
    with pytest.raises(Problem) as caught:
        scoped(*scopes or ("bots:read",))(request)
    return caught.value


# --- who is let in ---


def test_a_token_and_a_secret_make_the_same_principal(issued: tuple[ApiClient, str]) -> None:
    client, secret = issued
    for authorization in (minted(client), basic(client.client_id, secret)):
        found = scoped("bots:read")(asking(authorization))
        assert found.client == client
        assert found.scopes == {"bots:read", "calls:read"}
        assert (found.name, found.who.user_id, found.who.bots) == ("client crm", 0, None)
        assert found.who.may(Permission.READ_TRANSCRIPTS)
        assert not found.who.may(Permission.WRITE_CONFIGURATION)


def test_any_of_several_scopes_will_do(issued: tuple[ApiClient, str]) -> None:
    token = minted(issued[0], "calls:read")
    assert scoped("actions:dialout", "calls:read")(asking(token)).scopes == {"calls:read"}
    problem = refused(asking(token), "actions:dialout", "bots:read")
    assert problem.status == 403
    needed = "This needs the scope actions:dialout or bots:read, which the"
    assert problem.detail == f"{needed} token lacks: obtain another."
    assert problem.headers["WWW-Authenticate"] == (
        'Bearer realm="gateway", error="insufficient_scope", scope="actions:dialout bots:read"'
    )


def test_scopes_that_do_not_exist_stop_the_start() -> None:
    for names in ((), ("bots:raed",), ("bots:read", "x")):
        with pytest.raises(ValueError, match="not scopes"):
            scoped(*names)


def test_a_client_reaches_its_bots_only() -> None:
    Bot.objects.create(name="retail")
    Bot.objects.create(name="other")
    client, _ = api_client_create(name="crm", scopes=["bots:read"], bots=["retail"])
    who = scoped("bots:read")(asking(minted(client))).who
    assert who.bots == frozenset({"retail"})
    assert [bot.name for bot in who.visible_bots()] == ["retail"]
    assert not who.may_change_shared


def test_a_token_costs_one_query_and_a_secret_one(
    issued: tuple[ApiClient, str], django_assert_num_queries: Any
) -> None:
    token = minted(issued[0])
    for authorization in (token, basic(issued[0].client_id, issued[1])):
        with django_assert_num_queries(1):
            scoped("bots:read")(asking(authorization))


def test_the_secret_before_counts_during_the_overlap(issued: tuple[ApiClient, str]) -> None:
    client, old = issued
    new = rotate_secret(client, overlap_hours=2)
    for secret in (old, new):
        assert scoped("bots:read")(asking(basic(client.client_id, secret))).client == client
    past = timezone.now() - timedelta(seconds=1)
    ApiClient.objects.filter(pk=client.pk).update(previous_secret_until=past)
    assert refused(asking(basic(client.client_id, old))).status == 401
    assert scoped("bots:read")(asking(basic(client.client_id, new))).client == client


# --- who is not ---


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer ", "Digest x", "Basic !"])
def test_no_proof_is_answered_by_a_challenge_without_error(authorization: str) -> None:
    problem = refused(asking(authorization))
    assert (problem.status, problem.code) == (401, "unauthorized")
    assert problem.headers["WWW-Authenticate"] == 'Bearer realm="gateway"'


@pytest.mark.parametrize("token", ["nonsense", "vgw_x", "x" * 5000, "a\0b", "\udcff"])
def test_a_token_of_nobody_is_invalid(token: str) -> None:
    problem = refused(asking(f"Bearer {token}"))
    assert (problem.status, problem.code) == (401, "invalid_token")
    assert 'error="invalid_token"' in problem.headers["WWW-Authenticate"]
    assert token not in problem.detail


def test_what_ended_or_was_taken_away_is_refused_at_once(issued: tuple[ApiClient, str]) -> None:
    client, secret = issued
    token = minted(client)
    api_client_update(client, enabled=False)
    assert refused(asking(token)).status == 401
    assert refused(asking(basic(client.client_id, secret))).status == 401
    api_client_update(client, enabled=True, scopes=["calls:read"])
    lacking = refused(asking(token))
    assert lacking.code == "insufficient_scope"
    assert lacking.detail == "This needs the scope bots:read, which the client lacks."
    assert scoped("calls:read")(asking(token)).scopes == {"calls:read"}
    get_access_token_model().objects.update(expires=timezone.now())
    assert refused(asking(token), "calls:read").code == "invalid_token"


def test_a_token_for_another_resource_is_invalid(issued: tuple[ApiClient, str]) -> None:
    token = minted(issued[0])
    rows = get_access_token_model().objects
    rows.update(resource=["http://testserver/api/"])
    assert scoped("bots:read")(asking(token, path="/api/v1/bots"))
    rows.update(resource=["https://elsewhere.example.com/"])
    assert refused(asking(token)).code == "invalid_token"


def test_a_token_without_a_client_is_invalid(issued: tuple[ApiClient, str]) -> None:
    token = minted(issued[0])
    get_access_token_model().objects.update(application=None)
    assert refused(asking(token)).code == "invalid_token"


def test_networks_hold_for_tokens_and_secrets(issued: tuple[ApiClient, str]) -> None:
    client, secret = issued
    api_client_update(client, allowed_networks=["198.51.100.0/24"])
    for authorization in (minted(client), basic(client.client_id, secret)):
        assert refused(asking(authorization)).code == "address_not_allowed"
        assert scoped("bots:read")(asking(authorization, "198.51.100.7"))


def test_secrets_are_not_taken_when_the_installation_says_so(
    issued: tuple[ApiClient, str], settings: Settings
) -> None:
    settings.API_BASIC_AUTH = False
    problem = refused(asking(basic(issued[0].client_id, issued[1])))
    assert (problem.status, problem.code) == (401, "unauthorized")
    assert scoped("bots:read")(asking(minted(issued[0])))


def test_who_asks_too_often_waits(issued: tuple[ApiClient, str]) -> None:
    client = api_client_update(issued[0], rate_per_second=1)
    token = minted(client)
    for _ in range(2):
        scoped("bots:read")(asking(token))
    problem = refused(asking(token))
    assert problem.status == 429
    assert 1 <= int(problem.headers["Retry-After"]) <= 2
    other, secret = api_client_create(name="other", scopes=["bots:read"])
    assert scoped("bots:read")(asking(basic(other.client_id, secret)))


def test_who_fails_too_often_waits_but_who_is_right_does_not(
    issued: tuple[ApiClient, str],
) -> None:
    wrong = [refused(asking(f"Bearer wrong{number}")).status for number in range(32)]
    assert (set(wrong[:30]), set(wrong[30:])) == ({401}, {429})
    assert scoped("bots:read")(asking(minted(issued[0])))
    assert refused(asking("Bearer wrong", "192.0.2.2")).status == 401


# --- what is kept ---


def test_requests_are_counted_and_written_together(
    issued: tuple[ApiClient, str], meter: Meter, django_assert_num_queries: Any
) -> None:
    client = issued[0]
    token = minted(client, "bots:read")
    for _ in range(3):
        scoped("bots:read")(asking(token))
    assert refused(asking(token), "calls:read").status == 403
    assert not ClientUsage.objects.exists()
    meter.flush()
    row = ClientUsage.objects.get()
    assert (row.client, row.requests, row.refused) == (client, 4, 1)
    client.refresh_from_db()
    assert client.last_used_address == "192.0.2.1"
    assert client.last_used_at == MintedToken.objects.get().last_used_at is not None
    with django_assert_num_queries(0):
        meter.flush()
    scoped("bots:read")(asking(token))
    meter.flush()
    assert ClientUsage.objects.get().requests == 5


def test_counts_are_written_by_the_request_after_their_time(
    issued: tuple[ApiClient, str], meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bots.rest.metering.FLUSH_SECONDS", 0.0)
    scoped("bots:read")(asking(minted(issued[0])))
    assert ClientUsage.objects.get().requests == 1


def test_counts_of_a_client_that_is_gone_are_dropped(
    issued: tuple[ApiClient, str], meter: Meter
) -> None:
    scoped("bots:read")(asking(minted(issued[0])))
    issued[0].delete()
    meter.flush()
    assert not ClientUsage.objects.exists()


def test_counts_wait_while_the_database_refuses(
    issued: tuple[ApiClient, str], meter: Meter, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.db import OperationalError

    from bots.rest import metering

    scoped("bots:read")(asking(minted(issued[0])))
    write = metering._write

    def locked(*_: Any) -> None:
        raise OperationalError("database is locked")

    monkeypatch.setattr(metering, "_write", locked)
    meter.flush()
    monkeypatch.setattr(metering, "_write", write)
    scoped("bots:read")(asking(minted(issued[0])))
    meter.flush()
    assert ClientUsage.objects.get().requests == 2


def test_what_a_client_does_is_under_its_name(issued: tuple[ApiClient, str]) -> None:
    request = asking(minted(issued[0]))
    request.auth = scoped("bots:read")(request)  # type: ignore[attr-defined]  # ninja's

    @as_client
    def operation(request: HttpRequest, number: int) -> tuple[str, str | None, int]:
        actor = current_actor()
        return actor.name, actor.address, number

    assert operation(request, 7) == ("client crm", "192.0.2.1", 7)
    assert current_actor().name == "gateway"
    assert operation(asking(), 8) == ("gateway", None, 8)


def test_a_principal_shows_no_secret(issued: tuple[ApiClient, str]) -> None:
    found: Principal = scoped("bots:read")(asking(basic(issued[0].client_id, issued[1])))
    assert issued[1] not in repr(found)
