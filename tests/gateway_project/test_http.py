"""What every HTTP answer carries, and the OAuth addresses that exist."""

import base64
from pathlib import Path

import pytest
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from gateway_project.middleware import StaticFiles
from tests.worlds import World

pytestmark = pytest.mark.db


def test_every_answer_forbids_foreign_code_and_frames() -> None:
    response = Client().get("/livez")
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert "microphone=()" in response["Permissions-Policy"]


def test_a_host_that_is_not_ours_is_refused() -> None:
    assert Client().get("/nowhere", headers={"host": "evil.example.com"}).status_code == 400


def basic(world: World) -> dict[str, str]:
    pair = f"{world.dialer.client_id}:{world.dialer_secret}".encode()
    return {"authorization": f"Basic {base64.b64encode(pair).decode()}"}


def test_a_machine_client_gets_a_token_for_its_scopes(world: World) -> None:
    response = Client().post(
        "/oauth/token", {"grant_type": "client_credentials"}, headers=basic(world)
    )
    assert response.status_code == 200, response.content
    assert response.json()["token_type"] == "Bearer"
    assert set(response.json()["scope"].split()) == set(world.dialer.allowed_scopes)
    assert response.json()["expires_in"] == 3600


def test_a_scope_the_client_does_not_have_is_refused(world: World) -> None:
    response = Client().post(
        "/oauth/token",
        {"grant_type": "client_credentials", "scope": "bots:write"},
        headers=basic(world),
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_scope")


def test_a_wrong_secret_is_refused(world: World) -> None:
    pair = base64.b64encode(f"{world.dialer.client_id}:wrong".encode()).decode()
    response = Client().post(
        "/oauth/token",
        {"grant_type": "client_credentials"},
        headers={"authorization": f"Basic {pair}"},
    )
    assert (response.status_code, response.json()["error"]) == (401, "invalid_client")


def test_a_client_can_revoke_its_token(world: World) -> None:
    headers = basic(world)
    token = (
        Client()
        .post("/oauth/token", {"grant_type": "client_credentials"}, headers=headers)
        .json()["access_token"]
    )
    assert Client().post("/oauth/revoke", {"token": token}, headers=headers).status_code == 200
    models = world.dialer.accesstoken_set
    assert not models.exists()


@pytest.mark.django_db
def test_the_metadata_document_names_only_what_exists() -> None:
    document = Client().get("/.well-known/oauth-authorization-server").json()
    assert document["token_endpoint"] == "http://testserver/oauth/token"
    assert document["revocation_endpoint"] == "http://testserver/oauth/revoke"
    assert document["introspection_endpoint"] == "http://testserver/oauth/introspect"
    assert document["grant_types_supported"] == ["client_credentials"]
    assert "authorization_endpoint" not in document
    assert "registration_endpoint" not in document


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/oauth/authorize", "/oauth/applications", "/o/token/"])
def test_other_oauth_addresses_do_not_exist(path: str) -> None:
    assert Client().get(path).status_code == 404


def test_a_collected_file_is_served_whole_and_in_parts(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "app.js").write_text("0123456789")
    settings.STATIC_ROOT = str(tmp_path)
    files = StaticFiles(lambda request: pytest.fail("not served"))
    requests = RequestFactory()
    whole = files(requests.get("/static/app.js"))
    assert (whole.status_code, whole.content) == (200, b"0123456789")
    assert whole["Content-Type"].startswith("text/javascript")
    assert not whole.streaming
    part = files(requests.get("/static/app.js", headers={"range": "bytes=2-4"}))
    assert (part.status_code, part.content) == (206, b"234")
    head = files(requests.head("/static/app.js"))
    assert (head.status_code, head.content) == (200, b"")
