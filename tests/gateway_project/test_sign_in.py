"""Signing in and out: lockout, sessions, confirmation, preferences, what the audit log gets."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from structlog.testing import capture_logs

from bots.core.auditing import Action
from bots.guards import CONFIRMED_AT, SIGNED_IN_AT
from bots.models import AuditEvent, Member
from gateway_project.middleware import SEEN_AT
from tests.worlds import World, browser

pytestmark = [pytest.mark.db, pytest.mark.django_db]

RIGHT = {"username": "viewer", "password": "viewer"}
WRONG = {"username": "viewer", "password": "canary-password"}


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("pk").values_list("action", flat=True))


def set_session(client: Client, **values: Any) -> None:
    session = client.session
    session.update(values)
    session.save()


def test_signing_in_and_out_is_on_record(world: World) -> None:
    client = Client()
    client.post("/login/", RIGHT)
    client.post("/logout/")
    assert actions() == [Action.SIGNED_IN, Action.SIGNED_OUT]
    event = AuditEvent.objects.earliest("pk")
    assert (event.actor, event.address, event.user) == (
        "viewer",
        "127.0.0.1",
        world.people["viewer"],
    )


def test_the_first_start_is_explained_until_somebody_has_signed_in(
    world: World, settings: Any
) -> None:
    settings.DEMO = True
    assert "First start?" in Client().get("/login/").content.decode()
    Client().post("/login/", RIGHT)
    assert "First start?" not in Client().get("/login/").content.decode()


def test_a_failed_sign_in_is_on_record_without_the_password(world: World) -> None:
    with capture_logs() as logs:
        Client().post("/login/", WRONG)
    event = AuditEvent.objects.get()
    assert (event.action, event.title, event.user) == (Action.SIGN_IN_FAILED, "viewer", None)
    stored = json.dumps(list(AccessAttempt.objects.values()), default=str) + str(logs)
    assert "canary-password" not in stored
    assert [line["event"] for line in logs] == ["sign_in.failed"]


def test_every_failure_looks_the_same(world: World) -> None:
    told = set()
    for name in ("viewer", "nobody-of-that-name", "former"):
        page = Client().post("/login/", {"username": name, "password": "x"}).content.decode()
        told.add(page.partition('role="alert"')[2].partition("</p>")[0])
    assert len(told) == 1


def test_after_five_wrong_passwords_the_name_is_blocked_at_that_address(world: World) -> None:
    client = Client()
    for _ in range(4):
        assert client.post("/login/", WRONG).status_code == 200
    for answer in (client.post("/login/", WRONG), client.post("/login/", RIGHT)):
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= 900
        assert "15 minutes" in answer.content.decode()
    elsewhere = Client(REMOTE_ADDR="192.0.2.9")
    assert elsewhere.post("/login/", RIGHT).status_code == 302
    other = {"username": "operator", "password": "operator"}
    assert client.post("/login/", other).status_code == 302


def test_the_block_ends_by_itself(world: World) -> None:
    client = Client()
    for _ in range(5):
        client.post("/login/", WRONG)
    past = timezone.now() - configured.AXES_COOLOFF_TIME
    AccessAttempt.objects.update(attempt_time=past + timedelta(minutes=5))
    answer = client.post("/login/", RIGHT)
    assert 200 < int(answer.headers["retry-after"]) <= 300
    AccessAttempt.objects.update(attempt_time=past - timedelta(seconds=1))
    assert client.post("/login/", RIGHT).status_code == 302


def test_the_session_gets_a_key_of_its_own(world: World) -> None:
    client = Client()
    set_session(client, planted=True)
    before = client.session.session_key
    client.post("/login/", RIGHT)
    assert client.session.session_key != before
    now = time.time()
    for key in (SIGNED_IN_AT, SEEN_AT, CONFIRMED_AT):
        assert now - client.session[key] < 60, key


def test_a_session_ends_after_a_shift_however_much_it_is_used(world: World) -> None:
    client = browser(world.people["viewer"])
    set_session(client, **{SIGNED_IN_AT: time.time() - 8 * 3600 + 60})
    assert client.get("/profile/").status_code == 200
    set_session(client, **{SIGNED_IN_AT: time.time() - 8 * 3600 - 1})
    assert client.get("/profile/").status_code == 302
    assert actions() == [Action.SIGNED_OUT]


def test_an_open_page_keeps_the_session_and_an_idle_one_ends_it(world: World) -> None:
    client = browser(world.people["viewer"])
    set_session(client, **{SEEN_AT: time.time() - 600})
    assert client.get("/session/").json() == {"signed_in": True}
    assert time.time() - client.session[SEEN_AT] < 60
    assert client.cookies[configured.SESSION_COOKIE_NAME]["max-age"] == 30 * 60
    assert Client().get("/session/").headers["location"] == "/login/?next=/session/"


@pytest.mark.parametrize("elsewhere", ["https://evil.example.com", "//evil.example.com", "/\\e.x"])
def test_nobody_is_led_to_another_site(world: World, elsewhere: str) -> None:
    answer = Client().post("/login/", {**RIGHT, "next": elsewhere})
    assert answer.headers["location"] == "/"
    client = browser(world.people["viewer"])
    answer = client.post("/confirm/", {"password": "viewer", "next": elsewhere})
    assert answer.headers["location"] == "/"
    answer = client.post("/i18n/setlang/", {"language": "de", "next": elsewhere})
    assert answer.headers["location"] == "/"


# --- confirmation ---------------------------------------------------------------------------------


def test_before_people_are_changed_the_password_is_asked_again(world: World) -> None:
    client = browser(world.people["account-manager"])
    set_session(client, **{CONFIRMED_AT: time.time() - 3600})
    asked = client.get("/people/add/").headers["location"]
    assert asked == "/confirm/?next=/people/add/"
    before = client.session.session_key
    wrong = client.post("/confirm/", {"password": "x", "next": "/people/add/"})
    assert "That is not your password" in wrong.content.decode()
    assert client.get("/people/add/").status_code == 302
    right = client.post("/confirm/", {"password": "account-manager", "next": "/people/add/"})
    assert right.headers["location"] == "/people/add/"
    assert client.get("/people/add/").status_code == 200
    assert client.session.session_key != before
    assert actions() == [Action.SIGN_IN_FAILED, Action.CONFIRMED]


def test_guessing_at_the_confirmation_is_blocked_too(world: World) -> None:
    client = browser(world.people["viewer"])
    answers = [client.post("/confirm/", {"password": "x"}).status_code for _ in range(5)]
    assert answers == [200, 200, 200, 200, 429]


# --- one's own account ----------------------------------------------------------------------------


def test_a_person_changes_the_password_and_stays_signed_in_here_only(world: World) -> None:
    here, there = browser(world.people["viewer"]), browser(world.people["viewer"])
    chosen = {"new_password1": "a-long-pass-phrase", "new_password2": "a-long-pass-phrase"}
    wrong = here.post("/profile/password/", {"old_password": "x", **chosen})
    assert "old password was entered incorrectly" in wrong.content.decode()
    right = here.post("/profile/password/", {"old_password": "viewer", **chosen})
    assert right.status_code == 302
    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302
    assert User.objects.get(username="viewer").check_password("a-long-pass-phrase")
    assert actions() == [Action.SIGN_IN_FAILED, Action.PERSON_CHANGED]


def test_the_old_password_cannot_be_guessed_where_it_is_changed(world: World) -> None:
    here = browser(world.people["viewer"])
    chosen = {"new_password1": "a-long-pass-phrase", "new_password2": "a-long-pass-phrase"}
    answers = [
        here.post("/profile/password/", {"old_password": f"guess {n}", **chosen}) for n in range(5)
    ]
    assert answers[-1].status_code == 429
    assert here.post("/profile/password/", {"old_password": "viewer", **chosen}).status_code == 429
    assert User.objects.get(username="viewer").check_password("viewer")


@pytest.mark.parametrize("page", ["/profile/", "/people/", "/audit/", "/search/?q=49", "/routes/"])
def test_no_cache_keeps_what_a_person_saw(world: World, page: str) -> None:
    assert "no-store" in browser(world.admin).get(page).headers["cache-control"]


def test_a_person_signs_out_everywhere(world: World) -> None:
    here, there = browser(world.people["viewer"]), browser(world.people["viewer"])
    other = browser(world.people["operator"])
    assert here.post("/profile/sign-out-everywhere/").headers["location"] == "/login/"
    assert (here.get("/profile/").status_code, there.get("/profile/").status_code) == (302, 302)
    assert other.get("/profile/").status_code == 200


def test_the_time_zone_counts_at_once_and_at_the_next_sign_in(world: World) -> None:
    client = browser(world.people["viewer"])
    refused = client.post("/profile/", {"time_zone": "Mars/Olympus"})
    assert "Choose one of the zones" in refused.content.decode()
    client.post("/profile/", {"time_zone": "Asia/Tokyo"})
    assert 'data-time-zone="Asia/Tokyo"' in client.get("/profile/").content.decode()
    later = browser(world.people["viewer"])
    assert 'data-time-zone="Asia/Tokyo"' in later.get("/profile/").content.decode()


def test_the_language_is_kept_for_the_next_browser(world: World) -> None:
    client = browser(world.people["viewer"])
    client.post("/i18n/setlang/", {"language": "de", "next": "/profile/"})
    assert '<html lang="de"' in client.get("/profile/").content.decode()
    assert Member.objects.get().language == "de"
    other = Client()
    answer = other.post("/login/", RIGHT)
    assert answer.cookies[configured.LANGUAGE_COOKIE_NAME].value == "de"
    client.post("/i18n/setlang/", {"language": "tlh"})
    assert Member.objects.get().language == "de"
    Client().post("/i18n/setlang/", {"language": "de"})
