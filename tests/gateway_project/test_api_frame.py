"""What every request under /api/ meets, whatever it asks for."""

import base64
import json
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from django.test.utils import CaptureQueriesContext
from jsonschema_rs import validator_for
from structlog.testing import capture_logs

from bots.rest.bodies import MAX_BYTES
from bots.services.clients import api_client_create
from gateway_project import api as gateway_api
from tests.worlds import browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def proof(db: None) -> dict[str, str]:
    """How a client that reads bots proves who it is."""
    client, secret = api_client_create(name="reader", scopes=["bots:read"])
    both = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {both}"}


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status
    assert response["Content-Type"] == "application/problem+json"
    assert response["Cache-Control"] == "no-store"
    assert response["X-Request-Id"]
    body: dict[str, Any] = json.loads(response.content)
    assert body["status"] == status
    return body


@pytest.mark.parametrize(
    "path", ["/api/", "/api/v1/", "/api/v1/nothing", "/api/v2/bots", "/api/v1/bots/"]
)
def test_an_unknown_address_is_a_problem(client: Client, path: str) -> None:
    problem(client.get(path), 404)


def test_a_method_that_is_not_offered_tells_those_that_are(client: Client) -> None:
    response = client.put("/api/v1/bots", "{}", content_type="application/json")
    problem(response, 405)
    assert response["Allow"] == "GET, POST"
    assert client.options("/api/v1/bots").status_code == 405


def test_what_answers_get_answers_head_without_a_body(client: Client) -> None:
    response = client.head("/api/openapi.json")
    assert (response.status_code, response.content) == (200, b"")
    assert int(response["Content-Length"]) > 1_000
    assert client.head("/api/v1/bots").status_code == 401


@pytest.mark.parametrize(
    ("length", "kind", "status"),
    [
        (MAX_BYTES + 1, "application/json", 413),
        (10, "text/plain", 415),
        (10, "", 415),
        (10, "multipart/form-data; boundary=x", 415),
        (10, "application/json; charset=utf-8", 401),
        (10, "application/merge-patch+json", 401),
    ],
)
def test_bodies_are_measured_and_named_before_they_are_read(
    client: Client, length: int, kind: str, status: int
) -> None:
    problem(client.generic("POST", "/api/v1/bots", "x" * length, content_type=kind), status)


@pytest.mark.parametrize("length", ["-1", "1_0", "²", "x"])
def test_a_length_that_is_no_number_is_malformed(client: Client, length: str) -> None:
    problem(client.post("/api/v1/bots", CONTENT_LENGTH=length), 400)


def test_refusals_of_django_itself_are_problems(client: Client) -> None:
    problem(client.get("/api/v1/bots", headers={"Host": "evil.example"}), 400)
    problem(client.get("/api/v1/bots?a=%00"), 400)
    problem(client.get("/api/v1/bo%00ts"), 400)


def test_the_number_of_a_request_is_its_own_or_a_new_one(client: Client) -> None:
    given = client.get("/api/v1/bots", headers={"X-Request-Id": "mine-1.2_3"})
    assert given["X-Request-Id"] == "mine-1.2_3"
    for bad in ("a b", "x" * 65, "a\tb", "<script>"):
        made = client.get("/api/v1/bots", headers={"X-Request-Id": bad})["X-Request-Id"]
        assert made.isalnum()
        assert made != bad


def test_a_fault_is_logged_and_not_explained(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_api.api.parser, "parse_querydict", None)
    request = HttpRequest()
    request.method, request.path = "GET", "/api/v1/bots"
    with capture_logs() as logs:
        response = gateway_api.refuse(request, RuntimeError("password=hush"))
    body = json.loads(response.content)
    assert (response.status_code, body["error"]) == (500, "internal_server_error")
    assert "hush" not in response.content.decode()
    assert [line["event"] for line in logs] == ["api.failed"]


def test_a_person_who_is_signed_in_is_nobody_to_the_api(admin_user: User) -> None:
    problem(browser(admin_user).get("/api/v1/bots"), 401)


def test_texts_are_english_whatever_a_browser_prefers(client: Client) -> None:
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
    response = client.get("/api/v1/bots", headers={"Accept-Language": "de"})
    assert problem(response, 401)["title"] == "Unauthorized"
    assert response["Content-Language"] == "en"


# --- the document and its page --------------------------------------------------------------------


def test_the_document_is_for_everybody_and_can_be_kept(client: Client) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        response = client.get("/api/openapi.json")
    assert not queries.captured_queries
    assert response.json()["openapi"] == "3.1.0"
    assert "max-age" in response["Cache-Control"]
    again = client.get("/api/openapi.json", headers={"If-None-Match": response["ETag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_every_example_in_the_document_is_valid(client: Client) -> None:
    found = client.get("/api/openapi.json").json()
    schemas = found["components"]["schemas"]
    count = 0
    for schema in schemas.values():
        for example in schema.get("examples", ()):
            validator_for({**schema, "components": found["components"]}).validate(example)
            count += 1
    assert count >= 8


def test_every_operation_has_a_line_of_curl_and_every_problem_a_meaning(client: Client) -> None:
    page = client.get("/api/docs")
    assert page.status_code == 200
    text = page.content.decode()
    document = client.get("/api/openapi.json").json()
    for item in document["paths"].values():
        for operation in item.values():
            assert f'id="{operation["operationId"]}"' in text
            assert f'id="curl-{operation["operationId"]}"' in text
            assert {"400", "401", "403", "429", "500"} <= operation["responses"].keys()


def test_the_page_is_open_to_strangers_and_part_of_the_console_for_others(
    client: Client, admin_user: User
) -> None:
    assert "/login/?next=/api/docs" in client.get("/api/docs").content.decode()
    assert 'id="rail"' in browser(admin_user).get("/api/docs").content.decode()


def test_a_name_that_is_there_twice_in_a_query_has_no_meaning(proof: dict[str, str]) -> None:
    response = Client(headers=proof).get("/api/v1/bots?enabled=true&enabled=false")
    assert [each["field"] for each in problem(response, 422)["errors"]] == ["enabled"]
