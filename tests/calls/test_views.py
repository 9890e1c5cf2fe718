"""The console's pages about calls as a browser without scripts sees them."""

import pytest
from django.test import Client

from tests.calls.conftest import MakeCall
from tests.worlds import World, browser

pytestmark = pytest.mark.db


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["supervisor"])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


def test_every_page_sends_strangers_to_sign_in(world: World, make_call: MakeCall) -> None:
    stranger, call = browser(world.stranger), make_call()
    for url in ("/", "/live/", "/calls/", f"/calls/{call.pk}/"):
        response = stranger.get(url)
        assert (response.status_code, response.headers["location"]) == (302, f"/login/?next={url}")


def test_a_person_signs_in_and_out(world: World) -> None:
    visitor = Client()
    assert "do not match" not in page(visitor, "/login/")
    wrong = visitor.post("/login/", {"username": "viewer", "password": "wrong"})
    assert "do not match an active account" in wrong.content.decode()
    right = {"username": "viewer", "password": "viewer", "next": "/calls/"}
    assert visitor.post("/login/", right).headers["location"] == "/calls/"
    assert visitor.get("/login/").headers["location"] == "/"
    assert visitor.get("/").status_code == 200
    assert visitor.get("/logout/").status_code == 405
    assert visitor.post("/logout/").headers["location"] == "/login/"
    assert visitor.get("/live/").status_code == 302


def test_pages_keep_the_content_security_policy_and_are_not_stored(
    client: Client, make_call: MakeCall
) -> None:
    for url in ("/", "/live/", "/calls/", f"/calls/{make_call().pk}/"):
        headers = client.get(url).headers
        assert "script-src 'self';" in headers["content-security-policy"] + ";"
        assert "style-src 'self';" in headers["content-security-policy"] + ";"
        assert "no-store" in headers["cache-control"]


def test_without_calls_both_lists_teach_how_to_make_the_first(client: Client) -> None:
    for url in ("/live/", "/calls/"):
        content = page(client, url)
        assert "manage.py testcall demo --say &quot;I want to pay my bill&quot;" in content or (
            'manage.py testcall demo --say "I want to pay my bill"' in content
        )
        assert "ws://testserver/voice/audiocodes/demo" in content


@pytest.mark.parametrize("cause", ["tts:timeout", ""])
def test_history_and_call_say_alike_why_a_call_ended(
    cause: str, client: Client, make_call: MakeCall
) -> None:
    call = make_call(reason="The synthesiser failed: timeout", reason_code="error", cause=cause)
    for url in ("/calls/", f"/calls/{call.pk}/"):
        content = page(client, url)
        assert '<span class="words">The synthesiser failed: timeout</span>' in content
        shown = '<code class="cause" title="What ended the call">tts:timeout</code>' in content
        assert shown == bool(cause)


def test_a_call_that_ended_without_words_shows_the_code(
    client: Client, make_call: MakeCall
) -> None:
    make_call(reason="")
    assert '<span class="words">client-disconnected</span>' in page(client, "/calls/")


def test_the_history_says_which_transcripts_were_not_stored(
    client: Client, make_call: MakeCall
) -> None:
    make_call()
    assert "transcript not stored" not in page(client, "/calls/")
    make_call(transcript_days=0)
    assert "transcript not stored" in page(client, "/calls/")


def test_pages_can_only_be_read(client: Client) -> None:
    for url in ("/live/", "/calls/"):
        assert client.post(url).status_code == 405
