"""What a bot's webhook is told of its calls."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import transaction
from structlog.testing import capture_logs

from bots import secrets
from bots.core import catalogue
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer, Resolved, resolve
from bots.models import Delivery
from calls import callevents
from calls.facts import AgentTold, LineHeard
from calls.models import Call, Dialout

pytestmark = [pytest.mark.db, pytest.mark.django_db]

START = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
URL = "https://crm.example/hook"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8G"
EVERYTHING = ["call.started", "call.line", "call.agent", "call.ended"]


def resolved(**values: object) -> Resolved:
    return resolve(catalogue.everything(), [Layer(Level.BOT, "bot", values)])


def call(webhook: dict[str, str] | None, **changes: Any) -> Call:
    fields = {
        "conversation_id": "c-1",
        "channel": "audiocodes",
        "mode": "voice",
        "bot_name": "reception",
        "bot_revision": 3,
        "caller": "+15550100",
        "owner": "web-1",
        "started_at": START,
        "webhook": webhook,
    }
    return Call.objects.create(**(fields | changes))


def over(found: Call, **changes: Any) -> Call:
    ending: dict[str, Any] = {
        "state": "ended",
        "ended_at": START + timedelta(seconds=65),
        "ended_by": "caller",
        "reason_code": "client-disconnected",
        "transcript_expires_at": START + timedelta(days=1) if found.transcript_days else None,
    }
    Call.objects.filter(pk=found.pk).update(**(ending | changes))
    return Call.objects.get(pk=found.pk)


def told() -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in Delivery.objects.order_by("seq")]


def test_a_bot_without_a_webhook_tells_nobody() -> None:
    assert callevents.webhook_of(resolved()) is None
    assert callevents.webhook_of(resolved(callEventsUrl=URL, callEvents=[])) is None
    quiet = call(None)
    callevents.started(quiet)
    callevents.ended(over(quiet))
    assert told() == []


def test_who_is_told_is_kept_with_the_call_and_encrypted() -> None:
    webhook = callevents.webhook_of(resolved(callEventsUrl=URL, callEventsSecret=SECRET))
    assert webhook is not None
    assert not [word for word in ("crm", SECRET) if word in str(webhook)]
    callevents.started(call(webhook))
    delivery = Delivery.objects.get()
    assert secrets.opened_texts(delivery.target) == {"url": URL, "secret": SECRET}


def test_start_and_end_tell_the_record_of_the_call_in_one_stream(settings: Any) -> None:
    settings.PUBLIC_URL = "https://voice.example"
    found = call(callevents.webhook_of(resolved(callEventsUrl=URL)))
    callevents.started(found)
    callevents.line(found, line(1))
    callevents.ended(over(found))
    started, ended = told()
    assert (started["type"], started["timestamp"]) == ("call.started", "2026-11-21T09:00:00Z")
    assert (started["data"]["id"], started["data"]["caller"]) == (str(found.pk), "+15550100")
    assert (ended["type"], ended["timestamp"]) == ("call.ended", "2026-11-21T09:01:05Z")
    assert (ended["data"]["durationS"], ended["data"]["reasonCode"]) == (
        65.0,
        "client-disconnected",
    )
    link = f"https://voice.example/api/v1/calls/{found.pk}/transcript"
    assert ended["data"]["transcriptUrl"] == link
    streams = Delivery.objects.values_list("stream", "seq", "kind", "bot_name").order_by("seq")
    stream = f"call:{found.pk}"
    assert list(streams) == [
        (stream, 1, "call.started", "reception"),
        (stream, 2, "call.ended", "reception"),
    ]


def line(seq: int) -> LineHeard:
    return LineHeard(
        call_id=uuid.uuid4(),
        seq=seq,
        offset_ms=1500,
        side="bot",
        kind="speech",
        text="Hel",
        full_text="Hello",
        confidence=None,
        delay_ms=None,
    )


def told_by_the_agent(seq: int) -> AgentTold:
    detail = {"id": "f-1", "name": "order", "arguments": {"no": "7"}, "client_side": True}
    return AgentTold(
        call_id=uuid.uuid4(),
        seq=seq,
        offset_ms=2500,
        report="function_call",
        detail=detail,
        complete=True,
    )


def test_lines_are_told_to_those_who_ask_for_them() -> None:
    webhook = callevents.webhook_of(resolved(callEventsUrl=URL, callEvents=EVERYTHING))
    found = call(webhook, is_test=True)
    callevents.line(found, line(1))
    callevents.line(found, line(2))
    first, second = told()
    assert (first["type"], first["timestamp"]) == ("call.line", "2026-11-21T09:00:01.500000Z")
    assert first["data"] == {
        "id": str(found.pk), "conversationId": "c-1", "bot": "reception", "isTest": True, "seq": 1,
        "offsetMs": 1500, "side": "bot", "kind": "speech", "text": "Hel", "fullText": "Hello",
        "confidence": None,
    }  # fmt: skip
    assert second["data"]["seq"] == 2


def test_reports_of_the_agent_are_told_to_those_who_ask_for_them() -> None:
    webhook = callevents.webhook_of(resolved(callEventsUrl=URL, callEvents=["call.agent"]))
    found = call(webhook)
    for _ in range(2):
        callevents.agent(found, told_by_the_agent(1))
    callevents.agent(call(callevents.webhook_of(resolved(callEventsUrl=URL))), told_by_the_agent(1))
    (report,) = told()
    assert (report["type"], report["timestamp"]) == ("call.agent", "2026-11-21T09:00:02.500000Z")
    assert report["data"] == {
        "id": str(found.pk), "conversationId": "c-1", "bot": "reception", "isTest": False, "seq": 1,
        "offsetMs": 2500, "report": "function_call", "complete": True,
        "detail": {"id": "f-1", "name": "order", "arguments": {"no": "7"}, "client_side": True},
    }  # fmt: skip


def test_which_reports_are_told_is_a_parameter() -> None:
    assert callevents.reports_of(resolved(callEventsUrl=URL)) == frozenset()
    assert callevents.reports_of(resolved(callEvents=["call.agent"])) == frozenset()
    usual = callevents.reports_of(resolved(callEventsUrl=URL, callEvents=["call.agent"]))
    assert {"function_call", "latency", "error"} < usual
    assert not usual & {"history", "thinking", "speaking", "audio_done"}
    chosen = resolved(callEventsUrl=URL, callEvents=["call.agent"], callAgentReports=["thinking"])
    assert callevents.reports_of(chosen) == {"thinking"}


def test_the_same_facts_written_again_tell_nobody_anything_again() -> None:
    found = call(callevents.webhook_of(resolved(callEventsUrl=URL, callEvents=EVERYTHING)))
    for _ in range(2):
        callevents.started(found)
        callevents.line(found, line(1))
        callevents.ended(over(found))
    assert [each["type"] for each in told()] == ["call.started", "call.line", "call.ended"]


def test_a_call_that_was_only_taken_for_lost_is_told_of_once_more() -> None:
    found = call(callevents.webhook_of(resolved(callEventsUrl=URL)))
    callevents.ended(over(found, cause="process-lost", reason_code="error"))
    callevents.ended(over(found, cause=""))
    assert [each["data"]["cause"] for each in told()] == ["process-lost", None]


def test_a_transcript_that_is_not_kept_has_no_address() -> None:
    found = call(callevents.webhook_of(resolved(callEventsUrl=URL)), transcript_days=0)
    callevents.ended(over(found))
    assert told()[0]["data"]["transcriptUrl"] is None


def test_an_outbound_call_names_what_its_dialer_was_told() -> None:
    found = call(callevents.webhook_of(resolved(callEventsUrl=URL)), direction="outbound")
    dialout = Dialout.objects.create(
        bot_name="reception", target="tel:+1", call=found, not_before=START, not_after=START,
        created_at=START,
    )  # fmt: skip
    callevents.started(found)
    assert told()[0]["data"]["dialoutId"] == str(dialout.pk)


@pytest.mark.parametrize(
    ("webhook", "event"),
    [
        ({"$secret": "nonsense"}, "webhook.unreadable"),
        ({"url": "nonsense", "secret": "", "events": "call.started"}, "webhook.malformed"),
    ],
)
def test_a_webhook_that_is_broken_costs_no_record(webhook: dict[str, str], event: str) -> None:
    sealed = webhook if "$secret" in webhook else secrets.sealed_texts(webhook)
    found = call(sealed)
    with capture_logs() as logs, transaction.atomic():
        callevents.started(found)
    assert [each["event"] for each in logs] == [event]
    assert told() == []


def test_only_a_call_that_is_over_can_be_told_to_be() -> None:
    with pytest.raises(ValueError, match="going on"):
        callevents.ended(call(None, id=uuid.uuid4()))
