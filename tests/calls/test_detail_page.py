"""The page of one call as a browser without scripts sees it."""

import json
from typing import Any

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from bots.core.auditing import Action
from bots.models import AuditEvent, Bot
from calls.models import Call, CallEvent, ServiceFault, Snapshot, TranscriptEntry
from tests.calls.conftest import NOON, MakeCall, record_turn
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["supervisor"])


def page(client: Client, call: Call, tab: str = "", status: int = 200) -> str:
    response = client.get(f"/calls/{call.pk}/{tab}")
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def say(call: Call, seq: int, **fields: Any) -> TranscriptEntry:
    content = {"offset_ms": seq * 1000, "side": "bot", "kind": "speech", "text": f"line {seq}"}
    return TranscriptEntry.objects.create(call=call, seq=seq, **{**content, **fields})


def happen(call: Call, seq: int, name: str, **fields: Any) -> CallEvent:
    content = {"offset_ms": seq * 1000, "source": "gateway", **fields}
    return CallEvent.objects.create(call=call, seq=seq, name=name, **content)


def snapshot(**values: list[Any]) -> Snapshot:
    return Snapshot.objects.create(digest="d" * 64, values=values)


# --- the conversation -----------------------------------------------------------------------------


def test_a_call_shows_what_was_heard_and_what_was_cut_off(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call(is_test=True)
    say(call, 1, text="Your balance is", full_text="Your balance is forty euros", delay_ms=930)
    say(call, 2, text="Something", full_text="Else entirely")
    say(call, 3, side="caller", text="<script>", confidence=0.71)
    say(call, 4, side="caller", kind="dtmf", text="42#")
    say(call, 5, side="system", kind="event", text="Transfer requested")
    say(call, 6, side="operator", text="Please hold")
    content = page(client, call)
    assert '<s class="unheard">forty euros</s>' in content
    assert '<s class="unheard">Else entirely</s>' in content
    assert "&lt;script&gt;" in content
    assert "confidence 71%" in content
    assert "<kbd>4</kbd><kbd>2</kbd><kbd>#</kbd>" in content
    assert "Transfer requested" in content
    assert "930 ms" in content
    assert 'data-answers="70"' in content
    assert "1:15" in content
    assert "test call" in content
    assert "Operator</span>" in content.split('id="n6"')[1].partition("</li>")[0]


def test_a_call_shows_where_the_silence_of_each_turn_went(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call()
    record_turn(call, 1, agent={"stt_ms": 120, "think_ms": 410})
    record_turn(call, 2, audio_ready_ms=23_000, audio_sent_ms=23_100, playback_ended_ms=None)
    later = ("bot_answered_ms", "audio_ready_ms", "audio_sent_ms", "playback_ended_ms")
    record_turn(call, 3, **dict.fromkeys(later))
    response = client.get(f"/calls/{call.pk}/")
    content = " ".join(response.content.decode().split())
    first, second, third = content.split('data-turn="')[1:]
    assert 'data-silence="1120"' in first
    assert '<rect data-part="bot" x="600" width="400" height="10">' in first
    assert 'viewBox="0 0 3100 10"' in first
    assert "of which the agent: recognised 120 ms, thought 410 ms</p>" in first
    assert 'data-f="agent" hidden>' in second
    assert 'data-band="late">3100 ms' in second
    assert "not heard" in third.partition("</li>")[0]
    assert response.context["silences"] == {"median": 2110, "slowest": 3100}


def test_the_three_slowest_turns_are_marked_in_a_call_that_has_more(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call()
    for turn in range(1, 4):
        record_turn(call, turn, audio_sent_ms=turn * 10_000 + 1120 + turn)
    assert client.get(f"/calls/{call.pk}/").context["slowest"] == set()
    record_turn(call, 4)
    assert client.get(f"/calls/{call.pk}/").context["slowest"] == {1, 2, 3}


def test_a_call_without_turns_shows_no_waterfall(client: Client, make_call: MakeCall) -> None:
    call = make_call()
    assert client.get(f"/calls/{call.pk}/").context["silences"] == {}
    assert '<section id="turns-section" hidden>' in page(client, call)


def test_the_recordings_of_a_call_are_named(client: Client, make_call: MakeCall) -> None:
    call = make_call(recordings=["r-1", "<r-2>"])
    assert "<code>r-1</code>, <code>&lt;r-2&gt;</code>" in page(client, call)


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
    assert says in page(client, make_call(**fields))


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
    assert says in page(client, call)


def test_a_failed_call_says_who_is_at_fault_and_what_to_do(
    client: Client, make_call: MakeCall
) -> None:
    bot = Bot.objects.create(name="retail", is_base=True)
    failed = make_call(reason="Failed", reason_code="error", cause="tts:timeout", bot=bot)
    content = page(client, failed)
    assert "The synthesiser failed" in content
    assert "at fault: synthesiser" in content
    assert content.count('href="/bots/retail/"') == 2
    assert 'href="/providers/"' in content.partition("Why the call failed")[2]
    for service, provider in (("tts", "azure-1"), ("tts", "azure-1"), ("bot", "<no slug>")):
        ServiceFault.objects.create(
            call=failed, at=NOON, service=service, provider=provider, fault="timeout"
        )
    content = page(client, failed)
    assert content.count('href="/providers/azure-1/"') == 1
    assert "no slug" not in content
    assert "Why the call failed" not in page(client, make_call())


def test_a_live_call_leaves_its_words_to_the_feed(client: Client, make_call: MakeCall) -> None:
    call = make_call(ended=False, direction="outbound")
    say(call, 1, text="Secret word")
    content = page(client, call)
    assert 'data-state="active"' in content
    assert "Nothing has been said yet" in content
    assert "Secret word" not in content
    assert "Ended by" not in content
    assert not AuditEvent.objects.filter(kind="call").exists()


# --- stepping in ----------------------------------------------------------------------------------


def test_a_supervisor_may_step_into_a_live_call(client: Client, make_call: MakeCall) -> None:
    values: dict[str, list[Any]] = {
        "userNoInputTimeoutMS": [5000, "bot demo"],
        "language": ["en-US", "default"],
        "sttContextPhrases": [["bill"], "bot demo"],
        "playUrlFailureHandling": ["ignore", "bot demo"],
        "storeTranscripts": [True, "default"],
        "gone-with-its-plug-in": [1, "provider x"],
    }
    call = make_call(ended=False, snapshot=snapshot(**values))
    response = client.get(f"/calls/{call.pk}/")
    content = " ".join(response.content.decode().split())
    for act in ("say", "message", "mute", "set", "transfer", "hangup"):
        assert f'data-opens="act-{act}" >' in content or f'data-opens="act-{act}">' in content
        assert f'id="act-{act}"' in content
    controls = {each["name"]: each for each in response.context["controls"]}
    assert {name: control["kind"] for name, control in controls.items()} == {
        "language": "text",
        "playUrlFailureHandling": "choice",
        "sttContextPhrases": "json",
        "userNoInputTimeoutMS": "integer",
    }
    timeout = controls["userNoInputTimeoutMS"]
    assert (timeout["value"], timeout["least"], timeout["unit"]) == (5000, 0, "ms")
    assert "ignore" in controls["playUrlFailureHandling"]["choices"]


def test_without_the_role_the_steps_are_there_but_disabled(
    world: World, make_call: MakeCall
) -> None:
    call = make_call(ended=False)
    content = page(browser(world.people["viewer"]), call)
    assert "Stepping in needs the role Supervisor or Administrator." in content
    assert content.count('disabled title="Needs the role Supervisor or Administrator"') == 7
    assert "act-say-title" not in content
    assert 'id="hearing"' not in content
    assert 'id="levels"' not in content


# --- who may read ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "is_test", "reads"),
    [
        ("viewer", False, False),
        ("operator", False, False),
        ("operator", True, True),
        ("supervisor", False, True),
        ("call-data-manager", False, True),
        ("administrator", False, True),
    ],
)
def test_words_are_for_who_may_read_them_and_reading_is_recorded_once(
    role: str, is_test: bool, reads: bool, world: World, make_call: MakeCall
) -> None:
    call = make_call(is_test=is_test, bot_result={"said": "secret result"})
    say(call, 1, text="secret word")
    client = browser(world.people[role])
    for tab in ("", "?tab=json", "?tab=record", "?tab=events", "?tab=parameters", ""):
        content = page(client, call, tab)
        spoken = "secret word" in content or "secret result" in content
        assert spoken == (reads and tab in ("", "?tab=json", "?tab=record")), tab
        if tab in ("", "?tab=json"):
            assert ("was said is not shown to you" in content) == (not reads)
    read = AuditEvent.objects.filter(action=Action.TRANSCRIPT_READ)
    assert [(event.actor, event.target) for event in read] == [(role, str(call.pk))] * reads


def test_a_session_records_each_call_it_reads(client: Client, make_call: MakeCall) -> None:
    for call in (make_call(), make_call()):
        page(client, call)
        page(client, call)
    assert AuditEvent.objects.filter(action=Action.TRANSCRIPT_READ).count() == 2


def test_calls_of_other_peoples_bots_do_not_exist(world: World, make_call: MakeCall) -> None:
    bots = Bot.objects.none()
    member = browser(with_role("administrator", name="one-bot", bots=bots))
    call = make_call()
    page(member, call, status=404)
    assert member.get(f"/calls/{call.pk}/transcript.txt").status_code == 404
    assert member.post(f"/calls/{call.pk}/delete", {"reason": "x"}).status_code == 404


# --- the other tabs -------------------------------------------------------------------------------


def test_events_can_be_filtered_and_changes_of_state_are_left_out(
    client: Client, make_call: MakeCall
) -> None:
    call = make_call()
    assert "Nothing happened in this call" in page(client, call, "?tab=events")
    happen(call, 1, "state", detail={"state": "thinking"})
    happen(call, 2, "fault", detail={"service": "stt", "count": 3, "text": "<i>"})
    happen(call, 3, "message", source="bot")
    for query, names in (
        ("", ["fault", "message"]),
        ("&all=1", ["state", "fault", "message"]),
        ("&source=bot", ["message"]),
        ("&source=nonsense", ["fault", "message"]),
        ("&source=voice", []),
    ):
        response = client.get(f"/calls/{call.pk}/?tab=events{query}")
        assert [event.name for event in response.context["events"]] == names, query
    assert "No event matches" in page(client, call, "?tab=events&source=voice")
    shown = page(client, call, "?tab=events")
    # NB PostgreSQL keeps the keys of an object in an order of its own.
    assert all(part in shown for part in ("service: stt", "count: 3", "text: &lt;i&gt;"))


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"transcript_days": 0}, "No events were stored"),
        ({"transcript_deleted_at": NOON}, "deleted together with the transcript"),
    ],
)
def test_a_call_without_events_says_why(
    fields: dict[str, Any], says: str, client: Client, make_call: MakeCall
) -> None:
    assert says in page(client, make_call(**fields), "?tab=events")


def test_parameters_that_somebody_set_come_first_with_their_changes(
    client: Client, make_call: MakeCall
) -> None:
    values: dict[str, list[Any]] = {
        "language": ["en-US", "default"],
        "bargeIn": [False, "default"],
        "userNoInputTimeoutMS": [5000, "base bot retail"],
    }
    call = make_call(snapshot=snapshot(**values))
    happen(call, 1, "parameters", source="bot", detail={"bargeIn": [True, "bot at run time"]})
    happen(call, 2, "parameters", detail={"bargeIn": [False, "supervisor anna"]})
    rows = client.get(f"/calls/{call.pk}/?tab=parameters").context["rows"]
    assert [row.name for row in rows] == ["bargeIn", "userNoInputTimeoutMS", "language"]
    assert [(change.text, change.origin) for change in rows[0].changes] == [
        ("true", "bot at run time"),
        ("false", "supervisor anna"),
    ]
    assert (rows[0].text, rows[0].last_text, rows[1].unit) == ("false", "false", "ms")
    content = page(client, call, "?tab=parameters")
    assert "supervisor anna at 0:02.0" in content
    assert "base bot retail" in content
    assert "supervisor anna at 0:02.0" in page(client, call)


def test_a_call_whose_parameters_were_not_stored_says_so(
    client: Client, make_call: MakeCall
) -> None:
    assert "were not stored" in page(client, make_call(), "?tab=parameters")


def test_the_audit_tab_is_for_who_may_read_the_audit_log(world: World, make_call: MakeCall) -> None:
    call = make_call()
    say(call, 1)
    page(browser(world.people["supervisor"]), call)
    content = page(browser(world.admin), call, "?tab=audit")
    assert "Read a transcript" in content
    assert "supervisor" in content
    other = browser(world.people["viewer"]).get(f"/calls/{call.pk}/?tab=audit")
    assert other.context["tab"] == "conversation"
    assert 'href="?tab=audit"' not in other.content.decode()
    assert "Nobody has read this call" in page(browser(world.admin), make_call(), "?tab=audit")


def test_the_record_shows_every_field_but_secrets(client: Client, make_call: MakeCall) -> None:
    call = make_call(bot_result={"topic": "billing"}, webhook={"$secret": "sealed-text"})
    content = page(client, call, "?tab=record")
    for field in Call._meta.concrete_fields:
        assert (f"<code>{field.attname}</code>" in content) == (field.attname != "webhook")
    assert "sealed-text" not in content + page(client, call, "?tab=json")
    assert "{&quot;topic&quot;: &quot;billing&quot;}" in content


def test_the_raw_record_is_json_with_all_that_is_known(client: Client, make_call: MakeCall) -> None:
    call = make_call(snapshot=snapshot(language=["en-US", "default"]))
    say(call, 1)
    record_turn(call, 1)
    happen(call, 1, "fault", detail={"service": "stt"})
    document = json.loads(client.get(f"/calls/{call.pk}/?tab=json").context["raw"])
    assert document["id"] == str(call.pk)
    assert document["transcript"][0]["text"] == "line 1"
    assert document["timings"][0]["bot_answered_ms"] == 11_000
    assert document["events"][0]["detail"] == {"service": "stt"}
    assert document["parameters"] == {"language": ["en-US", "default"]}


def test_an_unknown_tab_is_the_conversation(client: Client, make_call: MakeCall) -> None:
    response = client.get(f"/calls/{make_call().pk}/?tab=secrets")
    assert response.context["tab"] == "conversation"


def test_an_unknown_call_is_not_found(client: Client) -> None:
    response = client.get("/calls/00000000-0000-0000-0000-000000000001/")
    assert response.status_code == 404


# --- files and deletion ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "kind", "begins"),
    [
        ("txt", "text/plain; charset=utf-8", b"Call: "),
        ("vtt", "text/vtt; charset=utf-8", b"WEBVTT\n\n1\n00:00:01.000 --> "),
        ("json", "application/json; charset=utf-8", b"{\n"),
    ],
)
def test_a_transcript_is_downloaded_as_a_file_and_that_is_recorded(
    form: str, kind: str, begins: bytes, client: Client, make_call: MakeCall
) -> None:
    call = make_call(bot_name='demo"\r\n../x', caller="+491\n+492")
    say(call, 1, text="Grüße")
    response = client.get(f"/calls/{call.pk}/transcript.{form}")
    assert response.headers["content-type"] == kind
    name = f"demox-20261121-120000-{str(call.pk)[:8]}.{form}"
    assert response.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert response.content.startswith(begins)
    assert "Grüße".encode() in response.content
    event = AuditEvent.objects.get(action=Action.TRANSCRIPT_DOWNLOADED)
    assert (event.target, event.after) == (str(call.pk), {"format": form})


def test_only_who_may_read_downloads_and_only_known_forms(
    world: World, make_call: MakeCall
) -> None:
    call = make_call()
    operator, viewer = browser(world.people["operator"]), browser(world.people["viewer"])
    supervisor = browser(world.people["supervisor"])
    assert operator.get(f"/calls/{call.pk}/transcript.txt").status_code == 403
    assert viewer.get(f"/calls/{call.pk}/transcript.txt").status_code == 403
    assert supervisor.get(f"/calls/{call.pk}/transcript.exe").status_code == 404
    assert supervisor.post(f"/calls/{call.pk}/transcript.txt").status_code == 405
    assert not AuditEvent.objects.filter(action=Action.TRANSCRIPT_DOWNLOADED).exists()


def test_a_call_is_deleted_with_a_reason_and_the_audit_log_keeps_no_words(
    world: World, make_call: MakeCall
) -> None:
    manager, call = browser(world.people["call-data-manager"]), make_call()
    say(call, 1, text="secret word")
    happen(call, 1, "fault")
    record_turn(call, 1)
    url = f"/calls/{call.pk}/delete"
    assert 'id="delete-call"' in page(manager, call)
    refused = manager.post(url, {"reason": "  "}, follow=True)
    assert "say why the call is deleted" in refused.content.decode()
    done = manager.post(url, {"reason": "the caller asked for it"}, follow=True)
    assert "were deleted" in done.content.decode()
    for model in (Call, TranscriptEntry, CallEvent):
        assert not model.objects.exists()
    event = AuditEvent.objects.get(action=Action.CALL_DELETED)
    assert (event.actor, event.message) == ("call-data-manager", "the caller asked for it")
    assert event.before is not None
    assert (event.before["lines"], event.before["events"]) == (1, 1)
    assert "secret word" not in json.dumps(event.before)


def test_a_call_that_goes_on_or_is_not_yours_to_delete_stays(
    world: World, make_call: MakeCall
) -> None:
    active, ended = make_call(ended=False), make_call()
    response = browser(world.admin).post(f"/calls/{active.pk}/delete", {"reason": "x"}, follow=True)
    assert "still going on" in response.content.decode()
    supervisor = browser(world.people["supervisor"])
    assert supervisor.post(f"/calls/{ended.pk}/delete", {"reason": "x"}).status_code == 403
    assert 'id="delete-call"' not in page(supervisor, ended)
    assert browser(world.admin).get(f"/calls/{ended.pk}/delete").status_code == 405
    assert Call.objects.count() == 2


def test_the_page_leads_to_the_trace_where_there_is_one(
    client: Client, make_call: MakeCall, settings: Settings
) -> None:
    call = make_call()
    assert "Open the trace" not in page(client, call)
    settings.TRACE_URL = "https://traces.example/trace/{trace}?a=1&b=2"
    address = f"https://traces.example/trace/{call.pk.hex}?a=1&amp;b=2"
    assert f'<a href="{address}" rel="noreferrer">Open the trace</a>' in page(client, call)
