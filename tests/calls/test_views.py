"""The console's pages about calls as a browser without scripts sees them."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.timezone import now

from calls.models import Call, TranscriptEntry
from tests.calls.conftest import MakeCall
from tests.worlds import World, browser

pytestmark = pytest.mark.db


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.viewer)


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return response.content.decode()


def say(call: Call, seq: int, **fields: Any) -> TranscriptEntry:
    content = {"offset_ms": seq * 1000, "side": "bot", "kind": "speech", "text": f"line {seq}"}
    return TranscriptEntry.objects.create(call=call, seq=seq, **{**content, **fields})


def test_every_page_sends_strangers_to_sign_in(world: World, make_call: MakeCall) -> None:
    stranger, call = browser(world.stranger), make_call()
    for url in ("/live/", "/calls/", f"/calls/{call.pk}/"):
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
    assert visitor.get("/").headers["location"] == "/live/"
    assert visitor.get("/logout/").status_code == 405
    assert visitor.post("/logout/").headers["location"] == "/login/"
    assert visitor.get("/live/").status_code == 302


def test_pages_keep_the_content_security_policy_and_are_not_stored(
    client: Client, make_call: MakeCall
) -> None:
    for url in ("/live/", "/calls/", f"/calls/{make_call().pk}/"):
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


def test_behind_tls_the_voice_address_is_wss(client: Client) -> None:
    content = client.get("/live/", secure=True).content.decode()
    assert "wss://testserver/voice/audiocodes/demo" in content


def test_live_calls_are_listed_before_any_script_runs(client: Client, make_call: MakeCall) -> None:
    call = make_call(ended=False, caller="+4915112345", bot_name="billing")
    make_call(caller="+4999")
    say(call, 1, text="<b>Welcome</b>", delay_ms=1720)
    content = page(client, "/live/")
    assert f'href="/calls/{call.pk}/"' in content
    assert "&lt;b&gt;Welcome&lt;/b&gt;" in content
    assert "+4999" not in content
    assert 'data-band="late"' in content


def test_the_history_filters_by_its_address(client: Client, make_call: MakeCall) -> None:
    make_call(caller="+491", bot_name="retail", started_at=now() - timedelta(minutes=5))
    make_call(caller="+492", started_at=now() - timedelta(days=2), is_test=True)
    for query, shown in (
        ("", {"+491", "+492"}),
        ("bot=retail", {"+491"}),
        ("range=1h", {"+491"}),
        ("range=7d&test=only", {"+492"}),
        ("test=no", {"+491"}),
        ("number=%2B492", {"+492"}),
        ("state=nonsense&range=never&direction=up", {"+491", "+492"}),
        ("at=nonsense&size=7", {"+491", "+492"}),
    ):
        content = page(client, f"/calls/?{query}")
        assert {number for number in ("+491", "+492") if number in content} == shown, query


def test_a_filter_that_matches_nothing_says_so_and_keeps_its_values(
    client: Client, make_call: MakeCall
) -> None:
    make_call()
    content = page(client, "/calls/?bot=gone&reason=lost")
    assert "No call matches" in content
    assert '<option value="gone" selected>' in content
    assert '<option value="lost" selected>' in content


def test_pages_of_the_history_are_linked_and_keep_the_filter(
    client: Client, make_call: MakeCall
) -> None:
    for _ in range(30):
        make_call()
    first = client.get("/calls/?bot=demo&size=25")
    assert len(first.context["page"].calls) == 25
    assert "bot=demo" in first.context["older_query"]
    second = client.get(f"/calls/?{first.context['older_query']}")
    assert len(second.context["page"].calls) == 5
    back = client.get(f"/calls/?{second.context['newer_query']}")
    assert back.context["page"].calls == first.context["page"].calls
    assert len(client.get("/calls/?size=50").context["page"].calls) == 30


def test_a_call_shows_what_was_heard_and_what_was_cut_off(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call(is_test=True)
    say(call, 1, text="Your balance is", full_text="Your balance is forty euros", delay_ms=930)
    say(call, 2, text="Something", full_text="Else entirely")
    say(call, 3, side="caller", text="<script>", confidence=0.71)
    say(call, 4, side="caller", kind="dtmf", text="42#")
    say(call, 5, side="system", kind="event", text="Transfer requested")
    content = page(client, f"/calls/{call.pk}/")
    assert '<s class="unheard">forty euros</s>' in content
    assert '<s class="unheard">Else entirely</s>' in content
    assert "&lt;script&gt;" in content
    assert "confidence 71%" in content
    assert "<kbd>4</kbd><kbd>2</kbd><kbd>#</kbd>" in content
    assert "Transfer requested" in content
    assert 'data-delay="930"' in content
    assert "1:15" in content
    assert "test call" in content


def test_an_active_call_is_marked_for_the_live_feed(client: Client, make_call: MakeCall) -> None:
    call = make_call(ended=False, direction="outbound")
    content = page(client, f"/calls/{call.pk}/")
    assert 'data-state="active"' in content
    assert "Nothing has been said yet" in content
    assert "Ended by" not in content


def test_the_record_shows_every_field(client: Client, make_call: MakeCall) -> None:
    call = make_call(bot_result={"topic": "billing"})
    content = page(client, f"/calls/{call.pk}/?tab=record")
    for field in Call._meta.concrete_fields:
        assert f"<code>{field.attname}</code>" in content
    assert "{&quot;topic&quot;: &quot;billing&quot;}" in content


def test_the_raw_record_is_json_with_the_transcript(client: Client, make_call: MakeCall) -> None:
    call = make_call()
    say(call, 1)
    response = client.get(f"/calls/{call.pk}/?tab=json")
    document = json.loads(response.context["raw"])
    assert document["id"] == str(call.pk)
    assert document["transcript"][0]["text"] == "line 1"


def test_an_unknown_tab_is_the_conversation(client: Client, make_call: MakeCall) -> None:
    response = client.get(f"/calls/{make_call().pk}/?tab=secrets")
    assert response.context["tab"] == "conversation"


def test_an_unknown_call_is_not_found(client: Client) -> None:
    content = page(client, "/calls/00000000-0000-0000-0000-000000000001/", 404)
    assert "No such page" in content


def test_pages_can_only_be_read(client: Client) -> None:
    for url in ("/live/", "/calls/"):
        assert client.post(url).status_code == 405


@pytest.mark.parametrize(
    ("name", "prepare"),
    [
        ("calls:live", lambda make: [make(ended=False) for _ in range(12)]),
        ("calls:history", lambda make: [make() for _ in range(40)]),
    ],
)
def test_lists_make_the_agreed_number_of_queries(
    name: str,
    prepare: Callable[[MakeCall], Any],
    client: Client,
    make_call: MakeCall,
    repository: Path,
) -> None:
    prepare(make_call)
    with CaptureQueriesContext(connection) as queries:
        page(client, reverse(name))
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert {name: len(queries)} == {name: agreed[name]}
