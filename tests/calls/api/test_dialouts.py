"""Outbound calls by the API: asked for, refused, followed, cancelled."""

import json
import re
import time
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from django.db import connection
from django.db.models.signals import post_save
from django.utils.timezone import now

from bots import secrets
from bots.core.params.sections.speech import Speech
from bots.models import AuditEvent, Bot, Delivery
from bots.selectors import call_configuration
from bots.services import bot_create, provider_create
from calls.carriers.sandbox_numbers import CALLEES
from calls.core import dialout
from calls.core.dialout import State
from calls.dialouts import asking, states
from calls.dialouts.orders import configured, order_of
from calls.models import Dialout, DialoutEvent
from tests.calls.api.conftest import Api, MakeApi, queries, wrong

pytestmark = pytest.mark.django_db

TARGET = "tel:+12025550100"
NOTIFY = "https://dialer.example/notify?key=s3cret"


@pytest.fixture
def bot(db: None) -> Bot:
    """A bot with the sandbox as its carrier."""
    return bot_create(
        name="caller",
        author="test",
        provider=provider_create(name="script", kind="bot", plugin="script"),
        carrier_provider=provider_create(name="sandbox", kind="carrier", plugin="sandbox"),
    )


@pytest.fixture
def dialer(bot: Bot, make_api: MakeApi) -> Api:
    """A dialer that the bot lists."""
    api = make_api("actions:dialout", name="dialer")
    allow(bot, api)
    return api


def allow(bot: Bot, *clients: Api, **params: Any) -> None:
    bot.params = {"dialoutClients": [api.client.client_id for api in clients], **params}
    bot.revision += 1
    bot.save()


def request(**fields: Any) -> dict[str, Any]:
    return {"bot": "caller", "target": TARGET, "caller": "+4930123456", **fields}


def asked(api: Api, **fields: Any) -> Dialout:
    response = api.post("/actions/dialout", request(**fields))
    assert response.status_code == 200, response.content
    return Dialout.objects.get(pk=response.json()["conversationId"])


def test_a_dialer_gets_a_conversation_id_and_nothing_else(dialer: Api) -> None:
    response = dialer.post("/actions/dialout", request())
    assert response.status_code == 200
    assert list(response.json()) == ["conversationId"]
    row = Dialout.objects.get(pk=response.json()["conversationId"])
    assert (row.state, row.bot_name, row.target) == ("queued", "caller", TARGET)
    assert row.client == dialer.client
    assert row.requested_by == dialer.client.client_id
    (event,) = row.events.all()
    assert (event.seq, event.state) == (1, "queued")


def test_the_request_of_the_guide_is_taken(dialer: Api, repository: Path) -> None:
    guide = (repository / "docs/how-to/place-outbound-calls.md").read_text()
    (body, reply, notice) = (
        json.loads(text) for text in re.findall(r"```json\n(.*?)```", guide, re.DOTALL)
    )
    response = dialer.post("/actions/dialout", {**body, "bot": "caller"})
    assert response.status_code == 200
    assert response.json().keys() == reply.keys()
    told = dialout.notice(
        "x", State.COMPLETED, at=now(), reason_code="client-disconnected", reason="y"
    )
    assert msgspec.to_builtins(told).keys() == notice.keys()


def test_a_request_as_audiocodes_sample_dialer_sends_it_is_taken(dialer: Api) -> None:
    row = asked(
        dialer,
        callerHost="SBC.example",
        callerDisplayName="Anna O'Brien",
        notifyUrl=NOTIFY,
        answerTimeoutSec=20.0,
        machineDetection="disconnect",
        metadata={"orderId": "A-17", "nested": {"a": [1, None]}},
    )
    order = order_of(row)
    assert (order.caller, order.caller_host) == ("+4930123456", "sbc.example")
    assert order.caller_display_name == "Anna O'Brien"
    assert (order.answer_timeout_s, order.machine_detection) == (20, "disconnect")
    assert order.metadata == {"orderId": "A-17", "nested": {"a": [1, None]}}


def test_a_field_that_is_null_is_not_given(dialer: Api) -> None:
    nothing = dict.fromkeys(("callerHost", "callerDisplayName", "notifyUrl", "notBefore"))
    row = asked(dialer, metadata={"order": None}, **nothing)
    assert (row.caller_host, row.caller_display_name, row.notify) == ("", "", None)
    assert row.metadata == {"order": None}


def test_where_the_dialer_is_told_is_kept_encrypted_with_its_own_secret(dialer: Api) -> None:
    row = asked(dialer, notifyUrl=NOTIFY)
    assert "s3cret" not in str(row.notify)
    opened = secrets.opened_texts(row.notify or {})
    own = secrets.opened_texts(dialer.client.notification_secret)["secret"]
    assert opened == {"url": NOTIFY, "secret": own}
    assert opened["secret"].startswith("whsec_")
    assert row.notify_origin == "https://dialer.example"


def test_a_dialer_that_wants_no_signature_gets_none(dialer: Api) -> None:
    dialer.client.sign_notifications = False
    dialer.client.save()
    assert secrets.opened_texts(asked(dialer, notifyUrl=NOTIFY).notify or {})["secret"] == ""
    assert asked(dialer).notify is None


def test_a_signing_secret_that_no_key_opens_is_told(dialer: Api) -> None:
    dialer.client.notification_secret = {"$secret": "gAAAAA"}
    dialer.client.save()
    found = wrong(dialer.post("/actions/dialout", request(notifyUrl=NOTIFY)))
    assert list(found) == ["notifyUrl"]


def test_every_wrong_field_is_named_at_once(dialer: Api) -> None:
    found = wrong(
        dialer.post(
            "/actions/dialout",
            request(
                target="sip:a@b\r\nX: y",
                caller="a b",
                callerHost="a b",
                callerDisplayName='"x"',
                answerTimeoutSec=1,
                machineDetection="maybe",
                metadata={"a": "x" * 17_000},
                notBefore="tomorrow",
                color="red",
            ),
        )
    )
    assert set(found) == {
        *("target", "caller", "callerHost", "callerDisplayName", "answerTimeoutSec"),
        *("machineDetection", "metadata", "notBefore", "color"),
    }
    assert set(wrong(dialer.post("/actions/dialout", request(notBefore=5)))) == {"notBefore"}


def test_what_needs_the_bot_to_be_known_is_named_at_once_too(dialer: Api) -> None:
    found = wrong(
        dialer.post(
            "/actions/dialout",
            request(
                caller="",
                notifyUrl="http://127.0.0.1/",
                notAfter="2020-01-01T00:00:00Z",
                parameters={"dialoutClients": [], "userNoInputTimeoutMS": -1, "nonsense": 1},
            ),
        )
    )
    assert set(found) == {
        *("caller", "notifyUrl", "notAfter", "parameters.dialoutClients"),
        *("parameters.userNoInputTimeoutMS", "parameters.nonsense"),
    }
    assert not Dialout.objects.exists()


@pytest.mark.parametrize(
    "body", [None, [], "x", {}, {"bot": 1, "target": 2}, {"bot": "caller", "target": None}]
)
def test_other_bodies_are_refused(dialer: Api, body: Any) -> None:
    assert dialer.post("/actions/dialout", body).status_code == 422


def test_parameters_count_for_this_call_alone(dialer: Api) -> None:
    row = asked(dialer, parameters={"language": "de-DE"})
    configuration = call_configuration("caller")
    assert configured(configuration, row).resolved[Speech].language == "de-DE"
    assert configuration.resolved[Speech].language == "en-US"


def test_a_sealed_secret_of_elsewhere_is_not_opened_for_a_dialer(dialer: Api) -> None:
    stolen = secrets.sealed_texts({"password": "x"})
    found = wrong(
        dialer.post("/actions/dialout", request(parameters={"sendMetaDataPassword": stolen}))
    )
    assert list(found) == ["parameters.sendMetaDataPassword"]


def test_the_bot_says_who_calls_when_the_request_does_not(bot: Bot, dialer: Api) -> None:
    allow(bot, dialer, dialoutCaller="+4930777")
    assert asked(dialer, caller="").caller == "+4930777"
    assert asked(dialer).caller == "+4930123456"


def test_only_clients_that_the_bot_lists_dial_out(bot: Bot, dialer: Api, make_api: MakeApi) -> None:
    other = make_api("actions:dialout", name="other")
    response = other.post("/actions/dialout", request(target="nonsense".replace("n", "1")))
    assert response.status_code in (403, 422)
    response = other.post("/actions/dialout", request())
    assert response.status_code == 403
    assert response.json()["error"] == "dialout_not_allowed"


def test_a_bot_beyond_the_reach_of_a_dialer_does_not_exist_for_it(
    bot: Bot, make_api: MakeApi
) -> None:
    api = make_api("actions:dialout", bots=[])
    allow(bot, api)
    known = api.post("/actions/dialout", request())
    unknown = api.post("/actions/dialout", request(bot="nobody"))
    assert (known.status_code, unknown.status_code) == (404, 404)
    assert known.json()["detail"].replace("caller", "nobody") == unknown.json()["detail"]


@pytest.mark.parametrize("change", [{"enabled": False}, {"is_base": True}])
def test_a_bot_that_takes_no_calls_places_none(
    bot: Bot, dialer: Api, change: dict[str, bool]
) -> None:
    Bot.objects.filter(pk=bot.pk).update(revision=99, **change)
    assert dialer.post("/actions/dialout", request()).status_code == 404


def test_a_bot_without_carrier_or_with_broken_values_is_named(bot: Bot, dialer: Api) -> None:
    bot.carrier_provider = None
    allow(bot, dialer)
    assert "carrier" in wrong(dialer.post("/actions/dialout", request()))["bot"]
    allow(bot, dialer, language="")
    Bot.objects.filter(pk=bot.pk).update(params={"userNoInputTimeoutMS": "soon"}, revision=98)
    found = wrong(dialer.post("/actions/dialout", request()))
    assert "userNoInputTimeoutMS" in found["bot"]


def test_a_repeat_with_the_same_key_calls_nobody_again(dialer: Api) -> None:
    key = {"Idempotency-Key": str(uuid.uuid4())}
    first = dialer.post("/actions/dialout", request(), **key)
    again = dialer.post("/actions/dialout", request(), **key)
    assert first.json() == again.json()
    assert Dialout.objects.count() == 1
    other = dialer.post("/actions/dialout", request(caller="1"), **key)
    assert other.status_code == 422
    assert Dialout.objects.count() == 1


def test_a_request_that_was_refused_may_be_sent_again_with_its_key(bot: Bot, dialer: Api) -> None:
    key = {"Idempotency-Key": "k"}
    allow(bot)
    assert dialer.post("/actions/dialout", request(), **key).status_code == 403
    allow(bot, dialer)
    assert dialer.post("/actions/dialout", request(), **key).status_code == 200


def test_a_client_cannot_queue_calls_without_end(
    dialer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_room", {})
    monkeypatch.setattr(asking, "MOST_QUEUED", 1)
    first = asked(dialer)
    response = dialer.post("/actions/dialout", request())
    assert (response.status_code, response["Retry-After"]) == (429, "10")
    states.request_cancel(first.pk, now=now())
    asked(dialer)


def test_while_there_is_much_room_it_is_not_counted_for_each_call(
    dialer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "_room", {})
    monkeypatch.setattr(asking, "MOST_QUEUED", 6)
    monkeypatch.setattr(asking, "SPARE", 3)
    monkeypatch.setattr(asking, "SHARE", 2)
    accepted = [dialer.post("/actions/dialout", request()).status_code for _ in range(8)]
    assert accepted == [200] * 6 + [429] * 2


def test_a_call_may_be_scheduled(dialer: Api) -> None:
    begin = (now() + timedelta(hours=2)).replace(microsecond=0)
    row = asked(dialer, notBefore=begin.isoformat())
    assert (row.not_before, row.not_after) == (begin, begin + timedelta(hours=1))


def test_accepting_a_call_asks_the_database_few_times(
    dialer: Api,
) -> None:
    asked(dialer)
    with queries(5):
        dialer.post("/actions/dialout", request())
    with queries(9 if connection.vendor == "postgresql" else 8):
        dialer.post("/actions/dialout", request(), **{"Idempotency-Key": "k"})


# --- following ------------------------------------------------------------------------------------


def test_a_dialer_follows_its_calls_and_their_notifications(dialer: Api) -> None:
    row = asked(dialer, notifyUrl=NOTIFY, metadata={"a": 1})
    assert states.request_cancel(row.pk, now=now()) == "cancelled"
    shown = dialer.get(f"/dialouts/{row.pk}").json()
    assert (shown["id"], shown["state"], shown["callId"]) == (str(row.pk), "cancelled", None)
    assert shown["metadata"] == {"a": 1}
    assert [each["state"] for each in shown["events"]] == ["queued", "cancelled"]
    (told,) = shown["notifications"]
    delivery = Delivery.objects.get()
    assert told["id"] == str(delivery.pk)
    assert (told["kind"], told["state"], told["sequence"]) == ("dialout.failed", "waiting", 1)
    assert "s3cret" not in str(shown)


def test_dialouts_are_listed_newest_first_and_filtered(dialer: Api) -> None:
    made = [str(asked(dialer, target=f"tel:+1202555010{n}").pk) for n in range(3)]
    page = dialer.get("/dialouts", limit=2).json()
    assert [each["id"] for each in page["items"]] == [made[2], made[1]]
    rest = dialer.get("/dialouts", limit=2, after=page["next"]).json()
    assert ([each["id"] for each in rest["items"]], rest["next"]) == ([made[0]], None)
    states.request_cancel(uuid.UUID(made[0]), now=now())
    for query, found in (
        ({"state": "cancelled"}, [made[0]]),
        ({"target": "50101"}, [made[1]]),
        ({"bot": "nobody"}, []),
        ({"from": (now() + timedelta(hours=1)).isoformat()}, []),
        ({"to": now().isoformat(), "bot": "caller"}, made[::-1]),
    ):
        listed = dialer.get("/dialouts", **query).json()["items"]
        assert [each["id"] for each in listed] == found, query


def test_a_dialer_sees_its_own_calls_only(bot: Bot, dialer: Api, make_api: MakeApi) -> None:
    row = asked(dialer)
    other = make_api("actions:dialout", name="other")
    assert other.get("/dialouts").json()["items"] == []
    assert other.get(f"/dialouts/{row.pk}").status_code == 404
    assert other.post(f"/dialouts/{row.pk}/cancel").status_code == 404
    row.refresh_from_db()
    assert row.state == "queued"


def test_who_reads_calls_sees_the_outbound_ones_of_its_bots(
    bot: Bot, dialer: Api, make_api: MakeApi
) -> None:
    row = asked(dialer)
    reader = make_api("calls:read", bots=[bot], name="reader")
    assert reader.get(f"/dialouts/{row.pk}").json()["target"] == TARGET
    assert reader.post(f"/dialouts/{row.pk}/cancel").status_code == 403
    beyond = make_api("calls:read", bots=[], name="beyond")
    assert beyond.get(f"/dialouts/{row.pk}").status_code == 404
    assert beyond.get("/dialouts").json()["items"] == []
    stranger = make_api("bots:read", "calls:control", "alarms:read", name="stranger")
    assert stranger.get("/dialouts").status_code == 403
    assert stranger.get(f"/dialouts/{row.pk}").status_code == 403


def test_a_queued_call_is_cancelled_at_once_and_once(dialer: Api) -> None:
    row = asked(dialer)
    response = dialer.post(f"/dialouts/{row.pk}/cancel")
    assert (response.status_code, response.json()["state"]) == (200, "cancelled")
    again = dialer.post(f"/dialouts/{row.pk}/cancel")
    assert (again.status_code, again.json()["error"]) == (409, "over")
    event = AuditEvent.objects.get(kind="dialout")
    assert (event.action, event.actor) == ("dialout.cancelled", "client dialer")


def test_a_call_that_rings_is_asked_to_stop_and_an_answered_one_is_not(dialer: Api) -> None:
    row = asked(dialer)
    at = now()
    states.advance(row.pk, State.PLACING, at=at, owner="web-1", placed_at=at, deadline_at=at)
    response = dialer.post(f"/dialouts/{row.pk}/cancel")
    assert (response.status_code, response.json()["cancelRequested"]) == (202, True)
    states.advance(row.pk, State.ANSWERED, at=at, answered_at=at)
    response = dialer.post(f"/dialouts/{row.pk}/cancel")
    assert (response.status_code, response.json()["error"]) == (409, "answered")


@pytest.mark.parametrize(
    ("overtaken", "notified", "looks"), [(True, True, 2), (True, False, 0), (False, True, 0)]
)
def test_a_reply_that_is_to_be_overtaken_waits_for_its_notification(
    dialer: Api, monkeypatch: pytest.MonkeyPatch, *, overtaken: bool, notified: bool, looks: int
) -> None:
    looked = []

    def runner(instance: DialoutEvent, **_: Any) -> None:
        if instance.seq == 1:
            states.request_cancel(instance.dialout_id, now=now())

    def courier(_seconds: float) -> None:
        looked.append(1)
        if len(looked) == looks:
            Delivery.objects.update(state="delivered", finished_at=now())

    monkeypatch.setattr(time, "sleep", courier)
    post_save.connect(runner, sender=DialoutEvent)
    try:
        number = next(each.number for each in CALLEES if (each.reply == "overtaken") == overtaken)
        asked(dialer, target=number, notifyUrl=NOTIFY if notified else "")
    finally:
        post_save.disconnect(runner, sender=DialoutEvent)
    assert len(looked) == looks


def test_only_the_sandbox_holds_replies(
    bot: Bot, dialer: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", pytest.fail)
    bot.carrier_provider = provider_create(
        name="voice", kind="carrier", plugin="audiocodes",
        params={"dialoutUrl": "https://carrier.example"},
    )  # fmt: skip
    allow(bot, dialer)
    number = next(each.number for each in CALLEES if each.reply == "overtaken")
    asked(dialer, target=number, notifyUrl=NOTIFY)
