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
from tests.calls.conftest import NOON, MakeCall, record_turn
from tests.worlds import World, browser

pytestmark = pytest.mark.db


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["supervisor"])


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
    recent = now() - timedelta(minutes=5)
    make_call(caller="+491", bot_name="retail", started_at=recent, cause="user-no-input")
    make_call(caller="+492", started_at=now() - timedelta(days=2), is_test=True)
    for query, shown in (
        ("", {"+491", "+492"}),
        ("bot=retail", {"+491"}),
        ("reason=user-no-input", {"+491"}),
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
    assert "930 ms" in content
    assert "1:15" in content
    assert "test call" in content


def test_a_call_shows_where_the_silence_of_each_turn_went(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call()
    record_turn(call, 1)
    record_turn(call, 2, audio_ready_ms=23_000, audio_sent_ms=23_100, playback_ended_ms=None)
    later = ("bot_answered_ms", "audio_ready_ms", "audio_sent_ms", "playback_ended_ms")
    record_turn(call, 3, **dict.fromkeys(later))
    response = client.get(f"/calls/{call.pk}/")
    content = " ".join(response.content.decode().split())
    first, second, third = content.split('data-turn="')[1:]
    assert 'data-silence="1120"' in first
    assert '<rect data-part="bot" x="600" width="400" height="10">' in first
    assert 'viewBox="0 0 3100 10"' in first
    assert 'data-band="late">3100 ms' in second
    assert "not heard" in third.partition("</li>")[0]
    assert response.context["silences"] == {"median": 2110, "slowest": 3100}


def test_a_call_without_turns_shows_no_waterfall(client: Client, make_call: MakeCall) -> None:
    response = client.get(f"/calls/{make_call().pk}/")
    assert response.context["silences"] == {}
    content = " ".join(response.content.decode().split())
    assert '<section id="turns-section" hidden>' in content


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


def test_the_recordings_of_a_call_are_named(client: Client, make_call: MakeCall) -> None:
    call = make_call(recordings=["r-1", "<r-2>"])
    content = " ".join(page(client, f"/calls/{call.pk}/").split())
    assert "<code>r-1</code>, <code>&lt;r-2&gt;</code>" in content


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"transcript_days": 0}, "storing is switched off for this bot"),
        ({"transcript_deleted_at": NOON}, "deleted 1 day after the call"),
        ({"transcript_days": 30, "transcript_deleted_at": NOON}, "deleted 30 days after the call"),
        ({}, "Nothing was said in this call"),
    ],
)
def test_a_call_without_lines_says_why(
    fields: dict[str, Any], says: str, client: Client, make_call: MakeCall
) -> None:
    content = " ".join(page(client, f"/calls/{make_call(**fields).pk}/").split())
    assert says in content


@pytest.mark.parametrize(
    ("ended", "days", "says"),
    [
        (True, 0, "not stored </dd>"),
        (False, 0, "not stored; shown while the call goes on"),
        (False, 30, "kept for 30 days"),
        (True, 30, "kept until <time"),
    ],
)
def test_a_call_says_what_becomes_of_its_transcript(
    ended: bool, days: int, says: str, client: Client, make_call: MakeCall
) -> None:
    call = make_call(ended=ended, transcript_days=days)
    say(call, 1)
    assert says in " ".join(page(client, f"/calls/{call.pk}/").split())


def test_the_history_says_which_transcripts_were_not_stored(
    client: Client, make_call: MakeCall
) -> None:
    make_call()
    assert "transcript not stored" not in page(client, "/calls/")
    make_call(transcript_days=0)
    assert "transcript not stored" in page(client, "/calls/")


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
    record_turn(call, 1)
    response = client.get(f"/calls/{call.pk}/?tab=json")
    document = json.loads(response.context["raw"])
    assert document["id"] == str(call.pk)
    assert document["transcript"][0]["text"] == "line 1"
    assert document["timings"][0]["bot_answered_ms"] == 11_000


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
