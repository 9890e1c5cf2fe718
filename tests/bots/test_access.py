"""Secrets, bearer headers, scopes, and the token endpoint as a client sees it."""

import base64
from typing import Any

import pytest
from django.contrib.auth.hashers import check_password, identify_hasher, make_password
from django.test import Client
from hypothesis import given
from hypothesis import strategies as st

from bots import access
from bots.models import ApiClient
from bots.services import api_client_create, api_client_update

SCOPES = ["bots:read", "voice:connect"]


def test_an_api_secret_is_hashed_with_a_salt_and_recognised() -> None:
    secret = "s" * 128
    once, twice = (make_password(secret, hasher="api_sha256") for _ in range(2))
    assert once != twice
    assert secret not in once
    assert check_password(secret, once)
    assert not check_password("t" * 128, once)
    hasher = identify_hasher(once)
    assert hasher.algorithm == "api_sha256"
    assert not hasher.must_update(once)
    assert hasher.must_update(hasher.encode(secret, "short"))
    assert once.rpartition("$")[2] not in str(hasher.safe_summary(once))
    hasher.harden_runtime(secret, once)


def test_a_hash_is_made_with_a_salt_and_read_by_its_own_hasher() -> None:
    hasher = access.ApiSecretHasher()
    for salt in ("", "a$b"):
        with pytest.raises(ValueError, match="salt"):
            hasher.encode("secret", salt)
    with pytest.raises(ValueError, match="not encoded by api_sha256"):
        hasher.decode("md5$salt$digest")


@pytest.mark.parametrize(
    ("header", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("BEARER a b", "a b"),
        ("Bearer", None),
        ("Bearer ", None),
        ("Basic abc", None),
        ("abc", None),
        ("", None),
        (None, None),
    ],
)
def test_the_token_of_a_bearer_header_is_found(header: str | None, token: str | None) -> None:
    assert access.bearer_token(header) == token


@given(st.text(), st.text())
def test_a_digest_belongs_to_one_token_only(token: str, other: str) -> None:
    assert access.matches(token, access.digest(token))
    assert access.matches(other, access.digest(token)) == (other == token)
    assert not access.matches(token, "")


def test_new_tokens_are_long_different_and_recognisable() -> None:
    tokens = {access.new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert all(token.startswith("vgw_") and len(token) >= 47 for token in tokens)


def test_scopes_are_narrowed_to_what_the_client_is_allowed() -> None:
    scopes = access.ClientScopes()
    client = ApiClient(name="x", allowed_scopes=["voice:connect", "no:such"])
    assert scopes.get_available_scopes(client) == ["voice:connect"]
    assert scopes.get_default_scopes(client) == ["voice:connect"]
    assert set(scopes.get_available_scopes()) == set(scopes.get_all_scopes())


# --- the token endpoint ---------------------------------------------------------------------------


def ask(web: Client, client: ApiClient, secret: str, **form: str) -> tuple[int, dict[str, Any]]:
    basic = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    answer = web.post(
        "/oauth/token",
        {"grant_type": "client_credentials", **form},
        headers={"authorization": f"Basic {basic}"},
    )
    return answer.status_code, answer.json()


@pytest.fixture
def issued(db: None) -> tuple[ApiClient, str]:
    return api_client_create(name="dialer", scopes=SCOPES)


@pytest.mark.db
def test_client_credentials_buy_a_token_for_all_scopes_or_some(
    client: Client, issued: tuple[ApiClient, str]
) -> None:
    status, body = ask(client, *issued)
    assert (status, body["token_type"], sorted(body["scope"].split())) == (200, "Bearer", SCOPES)
    assert access.token_grants(body["access_token"], "voice:connect", bot="retail")
    assert not access.token_grants(body["access_token"], "calls:read", bot="retail")
    _, narrow = ask(client, *issued, scope="bots:read")
    assert narrow["scope"] == "bots:read"
    assert not access.token_grants(narrow["access_token"], "voice:connect", bot="retail")


@pytest.mark.db
def test_a_forbidden_scope_a_wrong_secret_and_another_grant_are_refused(
    client: Client, issued: tuple[ApiClient, str]
) -> None:
    owner, secret = issued
    assert ask(client, owner, secret, scope="calls:control") == (
        400,
        {
            "error": "invalid_scope",
            "error_description": f"The client has the scopes {' '.join(owner.allowed_scopes)}.",
        },
    )
    status, body = ask(client, owner, "wrong")
    assert (status, body["error"]) == (401, "invalid_client")
    status, body = ask(client, owner, secret, grant_type="password", username="a", password="b")
    assert (status, body["error"]) == (400, "unsupported_grant_type")
    assert body["error_description"] == "Send grant_type=client_credentials."
    assert "access_token" not in body


@pytest.mark.db
def test_a_disabled_client_gets_no_token_and_its_tokens_end(
    client: Client, issued: tuple[ApiClient, str]
) -> None:
    owner, secret = issued
    _, body = ask(client, owner, secret)
    api_client_update(owner, enabled=False)
    assert not access.token_grants(body["access_token"], "voice:connect", bot="retail")
    status, refused = ask(client, owner, secret)
    assert (status, refused["error"]) == (401, "invalid_client")
    api_client_update(owner, enabled=True)
    assert not access.token_grants(body["access_token"], "voice:connect", bot="retail")
    assert ask(client, owner, secret)[0] == 200


@pytest.mark.db
def test_narrowing_a_client_narrows_the_tokens_it_has(
    client: Client, issued: tuple[ApiClient, str]
) -> None:
    _, body = ask(client, *issued)
    token = body["access_token"]
    assert api_client_update(issued[0], scopes=["bots:read"]).allowed_scopes == ["bots:read"]
    assert access.token_grants(token, "bots:read", bot="retail")
    assert not access.token_grants(token, "voice:connect", bot="retail")
