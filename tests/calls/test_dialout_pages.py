"""The console's pages of outbound calls: the list, one call, taking it back, asking for one."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from bots.deliveries.outbox import put
from bots.models import ApiClient, AuditEvent, Bot, Delivery, Provider
from bots.services import bot_create, bot_update, provider_create
from calls.core.dialout import State
from calls.dialouts import advance
from calls.models import Dialout, DialoutEvent
from calls.views import dialouts as pages
from tests.calls.conftest import MakeCall
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db

HOSTILE = "<script>alert(1)</script>"


def ask(**fields: Any) -> Dialout:
    """An outbound call that was asked for a minute ago."""
    asked = fields.pop("created_at", now() - timedelta(minutes=1))
    values = {
        "bot_name": "demo",
        "requested_by": "ann",
        "target": "tel:+15550100",
        "not_before": asked,
        "not_after": asked + timedelta(hours=1),
        "created_at": asked,
    }
    made = Dialout.objects.create(**values | fields)
    DialoutEvent.objects.create(dialout=made, seq=1, at=asked, state=State.QUEUED)
    return made


_FIELDS: dict[State, Callable[[datetime], dict[str, Any]]] = {
    State.PLACING: lambda at: {"owner": "web-1", "placed_at": at, "deadline_at": at},
    State.ANSWERED: lambda at: {"answered_at": at},
}


def brought_to(dialout: Dialout, *states: State, **fields: Any) -> Dialout:
    """``dialout`` after it went through ``states``."""
    at = dialout.created_at
    for state in states:
        given = _FIELDS[state](at) if state in _FIELDS else {}
        final = fields if state in (State.COMPLETED, State.FAILED, State.CANCELLED) else {}
        at += timedelta(seconds=5)
        assert advance(dialout.pk, state, at=at, **given, **final)
    dialout.refresh_from_db()
    return dialout


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


@pytest.fixture
def viewer(world: World) -> Client:
    return browser(world.people["viewer"])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def listed(client: Client, query: str = "") -> list[str]:
    found = client.get(f"/dialouts/?{query}").context["dialouts"]
    return [each.target for each in found]


# --- the list -------------------------------------------------------------------------------------


def test_an_empty_list_teaches(operator: Client, viewer: Client) -> None:
    shown = page(operator, "/dialouts/")
    assert "No outbound call yet" in shown
    assert 'href="/dialouts/new"' in shown
    shown = page(viewer, "/dialouts/")
    assert 'href="/dialouts/new"' not in shown
    assert "Needs the role Operator or Administrator" in shown


def test_the_list_filters_by_its_address(world: World, viewer: Client) -> None:
    dialer = world.dialer
    day_ago = now() - timedelta(hours=25)
    ask(target="tel:+491", client=dialer, requested_by=dialer.client_id)
    ask(target="sip:a@b", bot_name="retail", created_at=day_ago)
    busy = ask(target="tel:+493")
    brought_to(busy, State.FAILED, reason_code="busy", reason="486")
    for query, shown in (
        ("", {"tel:+491", "sip:a@b", "tel:+493"}),
        ("state=failed", {"tel:+493"}),
        ("state=under-way", {"tel:+491", "sip:a@b"}),
        ("bot=retail", {"sip:a@b"}),
        (f"client={dialer.pk}", {"tel:+491"}),
        ("client=people", {"sip:a@b", "tel:+493"}),
        ("target=%2B49", {"tel:+491", "tel:+493"}),
        (f"target={busy.pk}", {"tel:+493"}),
        ("range=24h", {"tel:+491", "tel:+493"}),
        ("state=nonsense&client=99999&range=x", {"tel:+491", "sip:a@b", "tel:+493"}),
        ("state=failed&bot=retail", set()),
    ):
        assert set(listed(viewer, query)) == shown, query
    assert "No outbound call matches" in page(viewer, "/dialouts/?bot=nobody")


def test_a_client_is_shown_by_its_name(world: World, viewer: Client) -> None:
    ApiClient.objects.filter(pk=world.dialer.pk).update(name=HOSTILE)
    ask(client=world.dialer, requested_by=world.dialer.client_id, target=f"sip:{HOSTILE}@h")
    shown = page(viewer, "/dialouts/")
    assert HOSTILE not in shown
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in shown
    assert world.dialer.client_id not in shown


def test_pages_go_back_in_time(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAGE_SIZE", 2)
    at = now()
    for number in range(5):
        ask(target=f"tel:+{number}", created_at=at - timedelta(minutes=number))
    shown, query = [], "bot=demo"
    while True:
        response = viewer.get(f"/dialouts/?{query}")
        shown.append([each.target for each in response.context["dialouts"]])
        older = response.context["older"]
        if older is None:
            break
        query = f"bot=demo&at={older}".replace("+", "%2B")
    assert shown == [["tel:+0", "tel:+1"], ["tel:+2", "tel:+3"], ["tel:+4"]]
    assert 'href="?bot=demo"' in response.content.decode()


@pytest.mark.parametrize("at", ["nonsense", "after~x~y~1", "after~9999-12-31T23:59:59~1~1"])
def test_a_place_that_is_none_is_the_first_page(viewer: Client, at: str) -> None:
    ask()
    assert len(listed(viewer, f"at={at}")) == 1


def test_a_list_refreshes_itself_while_something_happens_soon(viewer: Client) -> None:
    brought_to(ask(), State.FAILED, reason_code="busy")
    ask(not_before=now() + timedelta(days=1), not_after=now() + timedelta(days=2))
    assert "every 5s" not in page(viewer, "/dialouts/")
    ask()
    assert 'hx-get="/dialouts/?range=1h" hx-trigger="every 5s"' in page(
        viewer, "/dialouts/?range=1h"
    )


def test_only_calls_of_reached_bots_are_seen(world: World) -> None:
    mine, other = ask(bot_name="retail"), ask(target="tel:+4999")
    limited = browser(
        with_role("operator", name="limited", bots=[Bot.objects.create(name="retail")])
    )
    assert listed(limited) == ["tel:+15550100"]
    assert page(limited, f"/dialouts/{mine.pk}/")
    page(limited, f"/dialouts/{other.pk}/", 404)
    assert limited.post(f"/dialouts/{other.pk}/cancel").status_code == 404
    assert Dialout.objects.get(pk=other.pk).state == State.QUEUED


# --- one call -------------------------------------------------------------------------------------


def test_one_call_tells_its_course(viewer: Client, make_call: MakeCall) -> None:
    call = make_call()
    made = ask(metadata={"customer": HOSTILE}, machine_detection="detect", carrier="line-1")
    brought_to(
        made,
        *(State.PLACING, State.DIALING, State.ANSWERED, State.COMPLETED),
        reason_code="client-disconnected",
        reason=HOSTILE,
    )
    Dialout.objects.filter(pk=made.pk).update(call=call, machine="human")
    shown = page(viewer, f"/dialouts/{made.pk}/")
    for words in ("queued", "being placed", "ringing", "in conversation", "completed"):
        assert f"<strong>{words}</strong>" in shown
    assert "The called party hung up" in shown
    assert f'href="/calls/{call.pk}/"' in shown
    assert "Open the call record" in shown
    assert "a human" in shown
    assert HOSTILE not in shown
    assert "every" not in shown.partition('id="dialout"')[2].partition(">")[0]


def test_metadata_is_for_who_reads_what_is_said_and_who_asked(world: World) -> None:
    asked = with_role("operator", name="asked")
    made = ask(metadata={"customer": "canary"}, requested_by="asked")
    address = f"/dialouts/{made.pk}/"
    assert "canary" in page(browser(world.people["supervisor"]), address)
    assert "canary" in page(browser(asked), address)
    shown = page(browser(world.people["operator"]), address)
    assert "canary" not in shown
    assert "Reading it needs the role Supervisor" in shown


def test_notifications_tell_what_became_of_them(viewer: Client) -> None:
    made = ask(notify_origin="https://dialer.example")
    address = f"/dialouts/{made.pk}/"
    assert "Nothing so far." in page(viewer, address)
    put(
        stream=f"dialout:{made.pk}",
        kind="dialout.answered",
        bot="demo",
        url="https://dialer.example/hook?token=canary",
        body="{}",
        at=now(),
    )
    shown = page(viewer, address)
    assert "waiting" in shown
    assert "canary" not in shown
    brought_to(made, State.FAILED, reason_code="busy")
    assert "every 5s" in page(viewer, address)
    Delivery.objects.update(
        state="dead", finished_at=now(), attempts=7, last_status=500, last_problem=HOSTILE
    )
    shown = page(viewer, address)
    assert "given up" in shown
    assert "<code>500</code>" in shown
    assert HOSTILE not in shown
    assert "every" not in shown.partition('id="dialout"')[2].partition(">")[0]


def test_a_call_leads_to_the_request_it_came_from(viewer: Client, make_call: MakeCall) -> None:
    call = make_call(direction="outbound")
    made = ask(call=call)
    assert f'href="/dialouts/{made.pk}/"' in page(viewer, f"/calls/{call.pk}/")


# --- taking it back -------------------------------------------------------------------------------


def test_a_call_that_waits_is_taken_back(operator: Client) -> None:
    made = ask()
    shown = page(operator, f"/dialouts/{made.pk}/")
    assert 'data-opens="cancel-call"' in shown
    assert "routes/routes.js" in shown, "what opens the dialog"
    answer = operator.post(f"/dialouts/{made.pk}/cancel", follow=True)
    assert "The call to +15550100 was cancelled." in answer.content.decode()
    made.refresh_from_db()
    assert (made.state, made.reason_code) == (State.CANCELLED, "cancelled")
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.kind, event.target) == (
        "dialout.cancelled",
        "dialout",
        str(made.pk),
    )


def test_a_carrier_is_asked_to_stop_what_rings(operator: Client) -> None:
    made = brought_to(ask(), State.PLACING, State.DIALING)
    answer = operator.post(f"/dialouts/{made.pk}/cancel", follow=True).content.decode()
    assert "The carrier is asked to stop calling +15550100." in answer
    assert "is being cancelled" in answer
    assert Dialout.objects.get(pk=made.pk).cancel_requested


@pytest.mark.parametrize(
    ("states", "said"),
    [
        ([State.PLACING, State.ANSWERED], "has answered already"),
        ([State.FAILED], "is over already"),
    ],
)
def test_what_was_answered_or_is_over_stays(
    operator: Client, states: list[State], said: str
) -> None:
    made = brought_to(ask(), *states, reason_code="busy")
    events = AuditEvent.objects.count()
    answer = operator.post(f"/dialouts/{made.pk}/cancel", follow=True)
    assert said in answer.content.decode()
    assert AuditEvent.objects.count() == events
    assert not Dialout.objects.get(pk=made.pk).cancel_requested


def test_who_may_not_place_calls_cannot_cancel(viewer: Client) -> None:
    made = ask()
    assert viewer.post(f"/dialouts/{made.pk}/cancel").status_code == 403
    shown = page(viewer, f"/dialouts/{made.pk}/")
    assert "Needs the role Operator or Administrator" in shown
    assert '<dialog id="cancel-call"' not in shown


# --- asking for one -------------------------------------------------------------------------------


@pytest.fixture
def bot(world: World) -> Bot:
    script = provider_create(name="script", kind="bot", plugin="script")
    sandbox = provider_create(name="sandbox", kind="carrier", plugin="sandbox")
    return bot_create(
        name="dialling",
        author="ann",
        provider=script,
        carrier_provider=sandbox,
        params={"dialoutCaller": "+12025550199"},
    )


FILLED = {
    "bot": "dialling",
    "target": "+12025550102",
    "machine": "detect",
    "timeout": "20",
    "metadata": '{"customer": 4711}',
}


def test_a_person_has_a_bot_call_a_number_of_the_sandbox(operator: Client, bot: Bot) -> None:
    shown = page(operator, "/dialouts/new")
    assert '<option value="+12025550102">+12025550102 · Is busy.</option>' in shown
    assert "+12025550199 is shown" in shown
    answer = operator.post("/dialouts/new", FILLED)
    made = Dialout.objects.get()
    assert answer.headers["Location"] == f"/dialouts/{made.pk}/"
    assert (made.target, made.caller, made.client) == ("tel:+12025550102", "+12025550199", None)
    assert (made.requested_by, made.machine_detection) == ("operator", "detect")
    assert (made.answer_timeout_s, made.metadata) == (20, {"customer": 4711})
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.kind, event.target) == (
        "dialout.requested",
        "dialout",
        str(made.pk),
    )


def test_times_are_those_of_the_reader(operator: Client, bot: Bot) -> None:
    day = (now() + timedelta(days=3)).date()
    times = {"first": f"{day}T09:30", "last": f"{day}T10:00", "zone": "America/New_York"}
    assert operator.post("/dialouts/new", FILLED | times).status_code == 302
    made = Dialout.objects.get()
    assert made.not_after - made.not_before == timedelta(minutes=30)
    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
    assert made.not_before - midnight in (timedelta(hours=13.5), timedelta(hours=14.5))


@pytest.mark.parametrize(
    ("sent", "field", "said"),
    [
        ({"target": "+4930"}, "target", ""),
        ({"caller": "a\r\nb"}, "caller", "give a number such as"),
        ({"timeout": "4"}, "timeout", ""),
        ({"timeout": "1e999"}, "timeout", ""),
        ({"metadata": "[1]"}, "metadata", "must be an object of names and values"),
        ({"metadata": '{"a": 1, "a": 2}'}, "metadata", "has the name a twice"),
        ({"metadata": '{"a": "\\ud800"}'}, "metadata", ""),
        ({"first": "2020-13-01T00:00"}, "first", ""),
        ({"last": "2020-01-01T00:00"}, "last", "must be in the future"),
        ({"first": "9999-12-31T23:59"}, "first", "must not be more than 31 days ahead"),
        ({"bot": "nobody"}, "bot", ""),
        ({"machine": "maybe"}, "machine", ""),
    ],
)
def test_what_cannot_be_placed_is_told_at_the_field(
    operator: Client, bot: Bot, sent: dict[str, str], field: str, said: str
) -> None:
    answer = operator.post("/dialouts/new", FILLED | sent)
    assert answer.status_code == 422
    errors = answer.context["form"].errors
    assert list(errors) == [field]
    assert said in errors[field][0]
    assert not Dialout.objects.exists()


def test_another_carrier_takes_any_number(operator: Client, bot: Bot) -> None:
    away = provider_create(
        name="vaic",
        kind="carrier",
        plugin="audiocodes",
        params={"dialoutUrl": "https://vaic.example/api/v1/actions/dialout"},
    )
    bot_update(bot=bot, expected_revision=1, author="ann", carrier_provider=away)
    shown = page(operator, "/dialouts/new?bot=dialling")
    assert '<input type="text" name="target"' in shown
    assert "The carrier vaic places the call." in shown


def test_a_bot_that_does_not_work_says_so(operator: Client, bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(params={"nonsense": 1})
    page(operator, "/dialouts/new")
    answer = operator.post("/dialouts/new", FILLED)
    assert "its configuration does not work" in answer.context["form"].errors["bot"][0]


def test_only_bots_with_a_carrier_that_are_reached_are_offered(world: World, bot: Bot) -> None:
    bot_create(name="mute", author="ann", provider=Provider.objects.get(name="script"))
    bot_create(name="paused", author="ann", base=None, provider=bot.provider, enabled=False)
    limited = browser(with_role("operator", name="limited", bots=[Bot.objects.get(name="mute")]))
    assert "No bot can call anybody yet" in page(limited, "/dialouts/new")
    assert limited.post("/dialouts/new", FILLED).context["form"].errors["bot"]
    everywhere = browser(world.people["operator"])
    context = everywhere.get("/dialouts/new").context
    assert list(context["carriers"]) == ["dialling"]
    assert not Dialout.objects.exists()


# --- queries --------------------------------------------------------------------------------------


def test_the_list_asks_as_much_for_many_as_for_one(
    world: World, operator: Client, repository: Path
) -> None:
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    for _ in range(10):
        ask(client=world.dialer)
    operator.get("/dialouts/")
    with CaptureQueriesContext(connection) as asked:
        operator.get("/dialouts/")
    assert len(asked) == agreed["calls:dialouts"]
