"""The OAuth endpoints as a client sees them: the table of answers, a model, a foreign library."""

import base64
from datetime import timedelta
from typing import Any

import pytest
from authlib.integrations.requests_client import OAuth2Session
from django.test import Client
from django.utils import timezone
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from oauth2_provider.models import get_access_token_model
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from bots import access
from bots.core.scopes import SCOPES
from bots.models import ApiClient
from bots.rest import throttling
from bots.rest.throttling import Limiter
from bots.services import api_client_create, api_client_update
from bots.services.clients import mint_token, rotate_secret

pytestmark = pytest.mark.db

FORM = "application/x-www-form-urlencoded"
GRANT = {"grant_type": "client_credentials"}


@pytest.fixture(autouse=True)
def _own_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """No failed attempt of another test counts here."""
    limiter = Limiter("unix:///nowhere/redis.sock")
    monkeypatch.setattr(throttling, "limiter", lambda: limiter)


@pytest.fixture
def issued(db: None) -> tuple[ApiClient, str]:
    return api_client_create(name="dialer", scopes=["bots:read", "calls:read"])


def basic(client_id: str, secret: str) -> dict[str, str]:
    pair = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    return {"authorization": f"Basic {pair}"}


def posted(
    path: str, form: dict[str, str], headers: dict[str, str] | None = None, **extra: Any
) -> tuple[int, dict[str, Any]]:
    answer = Client().post(f"/oauth/{path}", form, headers=headers or {}, **extra)
    return answer.status_code, answer.json() if answer.content else {}


def token_of(issued: tuple[ApiClient, str], **form: str) -> str:
    status, body = posted("token", {**GRANT, **form}, basic(issued[0].client_id, issued[1]))
    assert status == 200, body
    return str(body["access_token"])


# --- tokens ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["basic", "body"])
def test_a_token_is_issued_by_either_way_of_authentication(
    issued: tuple[ApiClient, str], way: str
) -> None:
    client, secret = issued
    if way == "basic":
        status, body = posted("token", GRANT, basic(client.client_id, secret))
    else:
        pair = {"client_id": client.client_id, "client_secret": secret}
        status, body = posted("token", {**GRANT, **pair})
    assert status == 200
    assert set(body) == {"access_token", "expires_in", "token_type", "scope"}
    assert (body["expires_in"], body["token_type"]) == (3600, "Bearer")
    assert set(body["scope"].split()) == {"bots:read", "calls:read"}


def test_a_token_and_a_secret_are_stored_by_their_digests_only(
    issued: tuple[ApiClient, str],
) -> None:
    token = token_of(issued)
    row = get_access_token_model().objects.get()
    assert token not in str(row.__dict__)
    assert issued[1] not in str(ApiClient.objects.get().__dict__)


BAD: list[tuple[str, dict[str, Any], int, str]] = [
    ("a GET", {"method": "get"}, 405, "invalid_request"),
    ("a PUT", {"method": "put"}, 405, "invalid_request"),
    ("JSON", {"content_type": "application/json", "data": "{}"}, 400, "invalid_request"),
    ("no type", {"content_type": "", "data": b"x"}, 400, "invalid_request"),
    ("another charset", {"content_type": f"{FORM}; charset=utf-16"}, 400, "invalid_request"),
    ("a broken multipart", {"content_type": "multipart/form-data"}, 400, "invalid_request"),
    ("U+0000", {"data": "grant_type=client_credentials%00"}, 400, "invalid_request"),
    ("a secret in the address", {"query": "?client_secret=x"}, 400, "invalid_request"),
    ("a grant twice", {"data": "grant_type=a&grant_type=b"}, 400, "invalid_request"),
    ("10 MB", {"data": "scope=" + "x" * 10_000_000}, 400, "invalid_request"),
    ("5000 fields", {"data": "&".join(f"f{i}=1" for i in range(5000))}, 400, "invalid_request"),
    ("no grant", {"data": "scope=bots:read"}, 400, "invalid_request"),
    ("a password grant", {"data": "grant_type=password"}, 400, "unsupported_grant_type"),
    ("a surrogate", {"data": "grant_type=%ED%A0%80"}, 400, "unsupported_grant_type"),
    ("an unknown scope", {"scope": "no:such"}, 400, "invalid_scope"),
    ("a scope beyond", {"scope": "bots:write"}, 400, "invalid_scope"),
    ("an odd resource", {"resource": "x"}, 400, "invalid_target"),
]


@pytest.mark.parametrize(("what", "bad", "status", "error"), BAD, ids=[each[0] for each in BAD])
def test_a_bad_request_gets_the_error_of_the_specification(
    issued: tuple[ApiClient, str], what: str, bad: dict[str, Any], status: int, error: str
) -> None:
    given = {"method": "post", "query": "", "content_type": FORM, **bad}
    names = [f"{name}={bad[name]}" for name in ("scope", "resource") if name in bad]
    data = given.get("data", "&".join(["grant_type=client_credentials", *names]))
    answer = Client().generic(
        given["method"].upper(),
        f"/oauth/token{given['query']}",
        data,
        content_type=given["content_type"],
        headers=basic(issued[0].client_id, issued[1]),
    )
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer["Cache-Control"] == "no-store"
    assert not get_access_token_model().objects.exists()


HEADERS = [
    "Basic",
    "Basic !!!",
    "Basic " + base64.b64encode(b"no colon").decode(),
    "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
    "Basic " + base64.b64encode(b"a\0b:c").decode(),
    "Basic " + base64.b64encode(b"a:" + b"x" * 100_000).decode(),
    "Bearer abc",
    "Digest abc",
]


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("path", ["token", "revoke", "introspect"])
def test_no_client_is_recognised_by_a_strange_header(db: None, path: str, header: str) -> None:
    answer = Client().post(f"/oauth/{path}", GRANT, headers={"authorization": header})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer["WWW-Authenticate"] == 'Basic realm="gateway"'


def test_two_proofs_at_once_are_refused(issued: tuple[ApiClient, str]) -> None:
    form = {**GRANT, "client_id": issued[0].client_id, "client_secret": issued[1]}
    assert posted("token", form, basic(issued[0].client_id, issued[1]))[0] == 400


def test_an_unknown_client_costs_as_much_work_as_a_wrong_secret(
    issued: tuple[ApiClient, str],
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: Any,
) -> None:
    hashed: list[int] = []
    encode = access.ApiSecretHasher.encode

    def counting(self: Any, password: str, salt: str) -> str:
        hashed.append(len(password))
        return encode(self, password, salt)

    monkeypatch.setattr(access.ApiSecretHasher, "encode", counting)
    for name in (issued[0].client_id, "nobody", "a\0b", "x" * 5000):
        hashed.clear()
        with django_assert_num_queries(1):
            assert access.client_with(name, "wrong") is None
        assert hashed == [5, 5]
    hashed.clear()
    assert access.client_with(*(issued[0].client_id, issued[1])) == issued[0]
    assert len(hashed) == 2


def test_a_token_takes_few_queries(
    issued: tuple[ApiClient, str], django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(4):  # the client; a savepoint, the token, its release
        token_of(issued)


def test_failed_attempts_are_held_up_and_right_ones_are_not(
    issued: tuple[ApiClient, str],
) -> None:
    client, secret = issued
    with capture_logs() as logs:
        answers = [
            Client().post("/oauth/token", GRANT, headers=basic(client.client_id, "wrong"))
            for _ in range(35)
        ]
    assert {answer.status_code for answer in answers[:30]} == {401}
    assert answers[-1].status_code == 429
    assert 1 <= int(answers[-1]["Retry-After"]) <= 60
    refused = [line for line in logs if line["event"] == "client.refused"]
    assert len(refused) == 30
    assert "wrong" not in str(logs)
    assert posted("token", GRANT, basic(client.client_id, secret))[0] == 200


def test_guesses_at_one_client_are_held_up_wherever_they_come_from(
    issued: tuple[ApiClient, str],
) -> None:
    client, secret = issued
    wrong = basic(client.client_id, "wrong")
    statuses = [
        posted("token", GRANT, wrong, REMOTE_ADDR=f"192.0.2.{number}")[0] for number in range(32)
    ]
    assert statuses == [401] * 30 + [429] * 2
    assert posted("token", GRANT, basic(client.client_id, secret))[0] == 200


def test_a_client_asks_for_so_many_tokens_at_once(
    issued: tuple[ApiClient, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway_project.oauth.token_wait", lambda client: 2)
    answer = Client().post("/oauth/token", GRANT, headers=basic(issued[0].client_id, issued[1]))
    assert (answer.status_code, answer["Retry-After"]) == (429, "2")


def test_a_client_is_bound_to_its_networks(issued: tuple[ApiClient, str]) -> None:
    client, secret = issued
    api_client_update(client, allowed_networks=["192.0.2.0/24", "2001:db8::/32"])
    headers = basic(client.client_id, secret)
    for address, expected in {
        "192.0.2.9": 200,
        "::ffff:192.0.2.9": 200,
        "2001:db8::7": 200,
        "192.0.3.1": 401,
        "2001:db9::7": 401,
        "": 401,
    }.items():
        status, body = posted("token", GRANT, headers, REMOTE_ADDR=address)
        assert status == expected, address
        if status == 401:
            assert "address" in body["error_description"]


# --- a small model ---


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    enabled=st.booleans(),
    allowed=st.sets(st.sampled_from(sorted(SCOPES)), min_size=1),
    asked=st.none() | st.sets(st.sampled_from([*sorted(SCOPES), "no:such"]), min_size=1),
    way=st.sampled_from(["basic", "body"]),
    proof=st.sampled_from(["right", "wrong", "previous", "expired"]),
)
def test_the_token_endpoint_does_what_a_model_says(
    issued: tuple[ApiClient, str],
    enabled: bool,
    allowed: set[str],
    asked: set[str] | None,
    way: str,
    proof: str,
) -> None:
    client = issued[0]
    first = rotate_secret(client, overlap_hours=0)
    second = rotate_secret(client, overlap_hours=1)
    if proof == "expired":
        past = timezone.now() - timedelta(seconds=1)
        ApiClient.objects.filter(pk=client.pk).update(previous_secret_until=past)
    api_client_update(client, enabled=enabled, scopes=allowed)
    secret = {"right": second, "wrong": "x" * 128}.get(proof, first)
    form = {**GRANT, **({"scope": " ".join(asked)} if asked else {})}
    if way == "basic":
        status, body = posted("token", form, basic(client.client_id, secret))
    else:
        pair = {"client_id": client.client_id, "client_secret": secret}
        status, body = posted("token", {**form, **pair})
    if not enabled or proof in ("wrong", "expired"):
        assert (status, body.get("error")) in ((401, "invalid_client"), (429, THROTTLED))
    elif asked and not asked <= allowed:
        assert (status, body["error"]) == (400, "invalid_scope")
    else:
        assert (status, set(body["scope"].split())) == (200, asked or allowed)
        grant = access.access_token(body["access_token"])
        assert grant is not None
        assert access.scopes_of(grant) == (asked or allowed)


THROTTLED = "temporarily_unavailable"


# --- revocation and introspection ---


def test_a_client_learns_about_its_own_tokens_only(issued: tuple[ApiClient, str]) -> None:
    token = token_of(issued, scope="bots:read")
    other, secret = api_client_create(name="other", scopes=list(SCOPES))
    own = basic(issued[0].client_id, issued[1])
    status, body = posted("introspect", {"token": token}, own)
    assert (status, body["active"], body["scope"]) == (200, True, "bots:read")
    assert (body["client_id"], body["token_type"]) == (issued[0].client_id, "Bearer")
    assert body["exp"] - body["iat"] == pytest.approx(3600, abs=2)
    for stranger in (token, "nonsense", "x" * 5000, "\ufffd"):
        headers = basic(other.client_id, secret)
        assert posted("introspect", {"token": stranger}, headers) == (200, {"active": False})
    assert posted("introspect", {}, own)[0] == 400
    assert posted("introspect", {"token": token})[0] == 401
    assert Client().get("/oauth/introspect", headers=own).status_code == 405


def test_a_token_reports_only_what_the_client_is_still_allowed(
    issued: tuple[ApiClient, str],
) -> None:
    token = token_of(issued)
    api_client_update(issued[0], scopes=["calls:read"])
    _, body = posted("introspect", {"token": token}, basic(issued[0].client_id, issued[1]))
    assert body["scope"] == "calls:read"


def test_a_client_gives_up_its_own_tokens_only(issued: tuple[ApiClient, str]) -> None:
    token = token_of(issued)
    other, secret = api_client_create(name="other", scopes=["bots:read"])
    own = basic(issued[0].client_id, issued[1])
    assert posted("revoke", {"token": token}, basic(other.client_id, secret)) == (200, {})
    assert posted("introspect", {"token": token}, own)[1]["active"]
    assert posted("revoke", {"token": token, "token_type_hint": "refresh_token"}, own) == (200, {})
    assert posted("introspect", {"token": token}, own)[1] == {"active": False}
    assert posted("revoke", {"token": token}, own) == (200, {})
    assert posted("revoke", {}, own)[0] == 400


def test_a_minted_token_is_introspected_and_given_up_like_any_other(
    issued: tuple[ApiClient, str],
) -> None:
    minted, raw = mint_token(issued[0], name="nightly", scopes=["bots:read"], days=1)
    own = basic(issued[0].client_id, issued[1])
    assert posted("introspect", {"token": raw}, own)[1]["active"]
    minted.token.expires = timezone.now()
    minted.token.save()
    assert posted("introspect", {"token": raw}, own)[1] == {"active": False}


# --- somebody else's library ---


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
def test_a_foreign_library_obtains_uses_and_revokes_a_token(
    live_server: Any, settings: Settings, method: str
) -> None:
    client, secret = api_client_create(name="authlib", scopes=["bots:read"])
    base = live_server.url
    with OAuth2Session(client.client_id, secret, token_endpoint_auth_method=method) as session:
        document = session.get(
            f"{base}/.well-known/oauth-authorization-server", withhold_token=True
        ).json()
        token = session.fetch_token(document["token_endpoint"], grant_type="client_credentials")
        assert token["scope"] == "bots:read"
        assert session.get(f"{base}/api/v1/bots").status_code == 200
        assert session.get(f"{base}/api/v1/calls").status_code == 403
        told = session.introspect_token(
            document["introspection_endpoint"], token=token["access_token"]
        )
        assert told.json()["active"]
        session.revoke_token(document["revocation_endpoint"], token=token["access_token"])
        assert session.get(f"{base}/api/v1/bots").status_code == 401
