"""Pages that help when something is refused, and reports of broken policies."""

import itertools
import json

import pytest
from django.test import Client
from structlog.testing import capture_logs

from gateway_project import refusals
from tests.worlds import World, browser

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def test_a_refusal_names_the_roles_that_would_do(world: World) -> None:
    content = browser(world.people["viewer"]).get("/audit/").content.decode()
    assert "Account manager" in content
    assert "Administrator" in content
    assert "Call-data manager" not in content.partition("<main")[2]


def test_who_has_no_role_is_told_where_to_get_one(world: World) -> None:
    response = browser(world.newcomer).get("/")
    assert response.status_code == 403
    assert "can give you a role" in response.content.decode()
    assert 'href="/profile/"' in response.content.decode().partition("<main")[2]


@pytest.mark.parametrize("signed_in", [True, False])
def test_an_unknown_address_says_so_to_everybody(world: World, signed_in: bool) -> None:
    client = browser(world.admin if signed_in else world.stranger)
    response = client.get("/no/such/page/")
    assert response.status_code == 404
    assert "No such page" in response.content.decode()
    assert ('aria-label="Pages"' in response.content.decode()) == signed_in


@pytest.mark.parametrize("text", ["a%00b=1", "with=a%00"])
def test_what_no_database_can_store_is_refused_before_any_page(world: World, text: str) -> None:
    client = browser(world.admin)
    form = "application/x-www-form-urlencoded"
    assert client.get(f"/bots/?{text}").status_code == 400
    assert client.get(f"/calls/no-such-page?{text}").status_code == 400
    assert client.post("/bots/-/new/", text, content_type=form).status_code == 400
    assert client.post("/csp-report", f"{text}\0", content_type="text/plain").status_code == 204


def test_an_expired_form_says_that_nothing_was_changed(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    response = client.post("/login/", {"username": "admin", "password": "admin"})
    assert response.status_code == 403
    assert "Nothing was changed" in response.content.decode()


def report(**fields: object) -> str:
    return json.dumps({"csp-report": {"document-uri": "http://h/calls/?q=secret", **fields}})


def send(body: str) -> int:
    return Client().post("/csp-report", body, content_type="application/csp-report").status_code


def test_a_broken_policy_is_one_line_in_the_log_without_the_query(world: World) -> None:
    with capture_logs() as logs:
        assert send(report(**{"effective-directive": "script-src", "blocked-uri": "inline"})) == 204
    line = logs[0]
    assert (line["event"], line["directive"], line["blocked"], line["page"]) == (
        "csp.violated",
        "script-src",
        "inline",
        "/calls/",
    )


@pytest.mark.parametrize(
    "body", ["", "[]", "{", '{"csp-report": 3}', "[" * 10_000, report(x="y" * 20_000)]
)
def test_what_is_no_report_leaves_no_trace(world: World, body: str) -> None:
    with capture_logs() as logs:
        assert send(body) == 204
    assert logs == []


def test_values_of_reports_are_bounded_and_only_texts(world: World) -> None:
    with capture_logs() as logs:
        send(report(**{"violated-directive": "x" * 900, "blocked-uri": {"a": 1}}))
    assert len(logs[0]["directive"]) == 200
    assert logs[0]["blocked"] == ""


def test_a_page_that_is_no_address_is_left_out(world: World) -> None:
    with capture_logs() as logs:
        assert send(report(**{"document-uri": "http://[x"})) == 204
    assert logs[0]["page"] == ""


def test_a_flood_of_reports_is_thinned_out(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "_reports", itertools.count(refusals.REPORTS_LOGGED + 1))
    with capture_logs() as logs:
        for _ in range(100):
            send(report())
    assert [line["reports"] for line in logs] == [refusals.REPORTS_LOGGED + 100]


def test_pages_say_where_to_report(world: World) -> None:
    policy = browser(world.admin).get("/profile/").headers["content-security-policy"]
    assert "report-uri /csp-report" in policy
