"""Calls by the API: records, filters, transcripts, events, turns, and who may read them."""

import uuid
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from bots.models import AuditEvent, Bot
from calls.api.shapes import CallShown
from calls.core.cdr import Cdr
from calls.models import Call, CallEvent, Dialout, TranscriptEntry
from tests.calls.api.conftest import MakeApi, queries, wrong
from tests.calls.conftest import NOON, MakeCall, record_turn

pytestmark = pytest.mark.django_db


def say(call: Call, seq: int, text: str, **fields: Any) -> None:
    usual = {"offset_ms": seq * 1000, "side": "caller", "kind": "speech", "text": text}
    TranscriptEntry.objects.create(call=call, seq=seq, **usual | fields)


def dialled(call: Call) -> Dialout:
    return Dialout.objects.create(
        requested_by="crm",
        bot_name=call.bot_name,
        target="tel:+12025550100",
        metadata={"orderId": "A-17"},
        not_before=NOON,
        not_after=NOON + timedelta(hours=1),
        state="completed",
        reason_code="client-disconnected",
        created_at=NOON,
        placed_at=NOON,
        answered_at=NOON,
        ended_at=NOON,
        call=call,
    )


def ids(response: Any) -> list[str]:
    assert response.status_code == 200, response.content
    return [each["id"] for each in response.json()["items"]]


def test_a_record_has_the_fields_of_a_cdr(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call(caller="+4930", turns=3, bot_result={"sold": True}, direction="outbound")
    dialout = dialled(call)
    record = make_api("calls:read").get(f"/calls/{call.pk}").json()
    assert record["bot"] == "demo"
    assert record["startedAt"] == "2026-11-21T12:00:00Z"
    assert (record["durationS"], record["turns"]) == (75.0, 3)
    assert record["botResult"] == {"sold": True}
    assert record["transcriptUrl"].endswith(f"/api/v1/calls/{call.pk}/transcript")
    assert record["dialoutId"] == str(dialout.pk)
    assert record["dialout"]["metadata"] == {"orderId": "A-17"}
    assert record.keys() - {"botResult"} == {
        field.alias for field in CallShown.model_fields.values()
    }


def test_the_reference_names_every_field_of_a_cdr() -> None:
    declared = {field.alias for field in CallShown.model_fields.values()}
    told = {field.encode_name for field in msgspec.structs.fields(Cdr)}
    assert declared == told | {"dialout", "transcriptUrl"}


def test_calls_are_listed_page_by_page_newest_first(make_api: MakeApi, make_call: MakeCall) -> None:
    made = [str(make_call().pk) for _ in range(5)]
    api, seen, after = make_api("calls:read"), [], ""
    for _ in range(3):
        page = api.get("/calls", limit=2, **({"after": after} if after else {}))
        seen += ids(page)
        after = page.json()["next"]
    assert seen == made[::-1]
    assert after is None


def test_filters_are_those_of_the_history(make_api: MakeApi, make_call: MakeCall) -> None:
    api = make_api("calls:read")
    sales = make_call(bot_name="sales", caller="+4930123")
    live = make_call(ended=False)
    failed = make_call(reason_code="error", cause="tts:timeout", faults=1)
    test = make_call(is_test=True)
    dialout = dialled(sales)
    assert ids(api.get("/calls", bot="sales")) == [str(sales.pk)]
    assert ids(api.get("/calls", number="30123")) == [str(sales.pk)]
    assert ids(api.get("/calls", dialout=dialout.pk)) == [str(sales.pk)]
    assert ids(api.get("/calls", dialout=dialled(test).pk)) == [str(test.pk)]
    assert ids(api.get("/calls", result="active")) == [str(live.pk)]
    assert ids(api.get("/calls", reason="tts:timeout", has=["fault"])) == [str(failed.pk)]
    assert ids(api.get("/calls", test="only")) == [str(test.pk)]
    assert len(ids(api.get("/calls", test="shown"))) == 4
    later = (NOON + timedelta(minutes=1)).isoformat()
    assert ids(api.get("/calls", **{"from": later, "to": failed.started_at.isoformat()})) == [
        str(live.pk)
    ]
    assert ids(api.get("/calls", longer=74, limit=1)) == [str(failed.pk)]


def test_wrong_filters_are_refused_by_name(make_api: MakeApi) -> None:
    api = make_api("calls:read")
    found = wrong(api.get("/calls", result="sold", has="luck", longer="1_0", limit=0))
    assert set(found) == {"result", "has", "longer", "limit"}
    assert set(wrong(api.get("/calls", q="ab"))) == {"q"}
    assert set(wrong(api.get("/calls", after="nonsense"))) == {"after"}
    assert set(wrong(api.get("/calls", after="WyJhZnRlciJd"))) == {"after"}
    assert set(wrong(api.get("/calls", zone="Mars/Olympus"))) == {"zone"}
    assert wrong(api.get("/calls/7")) == {"call_id": "must be a UUID"}


def test_a_filter_with_a_typing_error_lists_nothing(make_api: MakeApi) -> None:
    api = make_api("calls:read")
    found = wrong(api.get("/calls", bots="sales", **{"has[]": "dtmf"}))
    assert found == {"bots": "is not known here", "has[]": "is not known here"}
    assert wrong(api.get("/system", verbose="1")) == {"verbose": "is not known here"}


@pytest.mark.parametrize(
    "moment",
    [
        *("2026-11-21", "2026-11-21T09:00:00", "2026-11-21T09:00:00 02:00", "1763715600"),
        *("2026-02-30T09:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    ],
)
@pytest.mark.parametrize("path", ["/calls", "/dialouts"])
def test_a_moment_has_its_zone_and_a_place_in_utc(
    make_api: MakeApi, path: str, moment: str
) -> None:
    api = make_api("calls:read")
    found = wrong(api.get(path, **{"from": moment, "to": moment}))
    assert set(found) == {"from", "to"}
    assert "2026-11-21T09:00:00Z" in found["from"]
    assert api.get(path, **{"from": "2026-11-21t09:00:00.5z"}).status_code == 200


def test_a_search_for_words_is_audited_once(make_api: MakeApi, make_call: MakeCall) -> None:
    for _ in range(2):
        say(make_call(), 1, "I want a refund")
    say(make_call(), 1, "hello")
    api = make_api("calls:read")
    page = api.get("/calls", q="refund", limit=1)
    assert len(ids(page)) == 1
    assert page.json()["searchIsCut"] is False
    assert len(ids(api.get("/calls", q="refund", limit=1, after=page.json()["next"]))) == 1
    event = AuditEvent.objects.get(kind="call")
    assert (event.action, event.actor) == ("call.transcripts_searched", "client crm")


def test_a_transcript_is_read_in_three_forms_and_audited(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    call = make_call()
    say(call, 1, "Good day", side="bot", full_text="Good day to you", delay_ms=900)
    say(call, 2, "hello")
    api = make_api("calls:read")
    shown = api.get(f"/calls/{call.pk}/transcript").json()
    assert (shown["callId"], shown["state"], shown["deleted"]) == (str(call.pk), "ended", False)
    assert shown["items"] == [
        {"seq": 1, "offsetMs": 1000, "side": "bot", "kind": "speech", "text": "Good day",
         "fullText": "Good day to you", "confidence": None, "delayMs": 900},
        {"seq": 2, "offsetMs": 2000, "side": "caller", "kind": "speech", "text": "hello",
         "fullText": None, "confidence": None, "delayMs": None},
    ]  # fmt: skip
    text = api.get(f"/calls/{call.pk}/transcript", format="txt")
    assert text["Content-Type"] == "text/plain; charset=utf-8"
    assert "[00:00:02.000] Caller: hello" in text.content.decode()
    subtitles = api.get(f"/calls/{call.pk}/transcript", format="vtt").content.decode()
    assert subtitles.startswith("WEBVTT")
    events = AuditEvent.objects.filter(action="call.transcript_read", target=str(call.pk))
    assert {event.actor for event in events} == {"client crm"}
    assert {(event.after or {})["format"] for event in events} == {"json", "txt", "vtt"}
    assert set(wrong(api.get(f"/calls/{call.pk}/transcript", format="pdf"))) == {"format"}


def test_a_transcript_whose_time_is_over_says_so(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call(transcript_deleted_at=NOON)
    api = make_api("calls:read")
    assert api.get(f"/calls/{call.pk}/transcript").json()["deleted"] is True
    assert api.get(f"/calls/{call.pk}").json()["transcriptUrl"] is None


def test_events_come_page_by_page(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call()
    for seq in (1, 2, 3):
        fields = {"offset_ms": seq, "source": "bot", "name": "transfer", "detail": {"n": seq}}
        CallEvent.objects.create(call=call, seq=seq, **fields)
    api = make_api("calls:read")
    page = api.get(f"/calls/{call.pk}/events", limit=2).json()
    assert [each["detail"]["n"] for each in page["items"]] == [1, 2]
    rest = api.get(f"/calls/{call.pk}/events", limit=2, after=page["next"]).json()
    assert rest == {
        "items": [
            {"seq": 3, "offsetMs": 3, "source": "bot", "name": "transfer", "detail": {"n": 3}}
        ],
        "next": None,
    }
    assert set(wrong(api.get(f"/calls/{call.pk}/events", after="WyJhIl0"))) == {"after"}


def test_turns_say_where_the_silence_went(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call()
    record_turn(call, 1)
    (turn,) = make_api("calls:read").get(f"/calls/{call.pk}/turns").json()["items"]
    assert (turn["turn"], turn["silenceMs"], turn["playbackMs"]) == (1, 1120, 2880)
    assert turn["segments"][0] == {"name": "endpointing", "startMs": 0, "ms": 500}
    assert sum(each["ms"] for each in turn["segments"]) == 1120
    assert turn["agent"] is None


def test_a_turn_tells_what_the_voice_agent_says_it_took(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    call = make_call()
    record_turn(call, 1, agent={"think_ms": 410})
    (turn,) = make_api("calls:read").get(f"/calls/{call.pk}/turns").json()["items"]
    assert turn["agent"] == {"thinkMs": 410}


PATHS = ("", "/transcript", "/events", "/turns")


def test_calls_beyond_the_reach_of_a_client_do_not_exist_for_it(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    ours = Bot.objects.create(name="ours", is_base=True)
    theirs = make_call(bot_name="theirs")
    mine = make_call(bot_name="ours")
    api = make_api("calls:read", bots=[ours])
    assert ids(api.get("/calls")) == [str(mine.pk)]
    for path in PATHS:
        assert api.get(f"/calls/{mine.pk}{path}").status_code == 200
        assert api.get(f"/calls/{theirs.pk}{path}").status_code == 404
        assert api.get(f"/calls/{uuid.uuid4()}{path}").status_code == 404


def test_other_scopes_read_no_calls(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call(ended=False)
    api = make_api("calls:control", "actions:dialout", "bots:read", "alarms:read")
    for path in ("/calls", *(f"/calls/{call.pk}{path}" for path in PATHS)):
        response = api.get(path)
        assert response.status_code == 403
        assert response.json()["error"] == "insufficient_scope"
    assert not AuditEvent.objects.filter(kind="call").exists()


def test_what_is_said_in_a_live_call_can_be_read(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call(ended=False)
    say(call, 1, "hello")
    shown = make_api("calls:read").get(f"/calls/{call.pk}/transcript").json()
    assert (shown["state"], len(shown["items"])) == ("active", 1)


def test_secrets_of_a_record_are_shown_nowhere(make_api: MakeApi, make_call: MakeCall) -> None:
    call = make_call(webhook={"$secret": "sealed-text"})
    api = make_api("calls:read")
    for path in ("/calls", *(f"/calls/{call.pk}{path}" for path in PATHS)):
        assert b"sealed-text" not in api.get(path).content


@pytest.mark.parametrize("count", [1, 4])
def test_a_list_asks_the_database_as_often_however_long_it_is(
    make_api: MakeApi, make_call: MakeCall, count: int
) -> None:
    for _ in range(count):
        dialled(make_call())
    api = make_api("calls:read")
    with queries(2):
        assert len(ids(api.get("/calls"))) == count
