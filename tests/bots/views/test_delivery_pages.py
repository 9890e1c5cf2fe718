"""The pages of deliveries: what is listed for whom, and what people have done again."""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from bots.core.delivering import Outcome
from bots.deliveries.claims import Result, claim, settle
from bots.deliveries.listing import Place, place_of
from bots.deliveries.outbox import put
from bots.models import AuditEvent, Bot, Delivery, Destination
from tests.bots.deliveries.owed import again
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db

URL = "https://crm.example/hook?token=t0p"
CALL = "11111111-2222-4333-8444-555555555555"


def owe(kind: str = "call.ended", *, bot: str = "retail", url: str = URL, body: str = '{"n":1}',
        stream: str = "") -> Delivery:  # fmt: skip
    return put(stream=stream or f"call:{uuid4()}", kind=kind, url=url, body=body, bot=bot,
               at=timezone.now())  # fmt: skip


def given_up(**what: str) -> Delivery:
    delivery = owe(**what)
    [claimed] = [each for each in claim(timezone.now(), 10) if each.pk == delivery.pk]
    settle([Result(claimed, Outcome(status=410, problem="HTTP 410"), timezone.now())])
    return again(delivery)


def page(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def test_what_waits_and_what_was_given_up_is_counted_and_told_apart(operator: Client) -> None:
    assert "Nobody was told anything yet" in page(operator, "/deliveries/")
    waiting, dead = owe("call.started"), given_up(kind="call.ended")
    everything = page(operator, "/deliveries/")
    assert f"/deliveries/{waiting.pk}/" in everything
    assert f"/deliveries/{dead.pk}/" in everything
    assert 'class="count bad">1<' in everything
    only_dead = page(operator, "/deliveries/?state=dead")
    assert f"/deliveries/{waiting.pk}/" not in only_dead
    assert "HTTP 410" in only_dead
    assert "t0p" not in everything


@pytest.mark.parametrize(
    ("query", "is_found"),
    [("kind=call.ended", True), ("kind=call.line", False), ("bot=retail", True), ("bot=x", False),
     (f"stream=call:{CALL}", True), ("stream=call:1", False), ("state=waiting", True),
     ("state=delivered", False), ("state=nonsense", True), ("at=nonsense", True),
     ("destination=99999999999999999999", False), ("destination=x", True)],
)  # fmt: skip
def test_the_address_says_what_is_listed(operator: Client, query: str, is_found: bool) -> None:
    delivery = owe(stream=f"call:{CALL}")
    assert (f"/deliveries/{delivery.pk}/" in page(operator, f"/deliveries/?{query}")) is is_found


def test_a_long_list_has_pages_that_lead_back_and_forth(operator: Client) -> None:
    start = datetime(2026, 11, 21, tzinfo=UTC)
    owed = [
        put(stream=f"call:{n}", kind="call.ended", url=URL, body="{}", bot="retail",
            at=start + timedelta(seconds=n // 2))
        for n in range(120)
    ]  # fmt: skip

    def listed(path: str) -> tuple[set[str], dict[str, str]]:
        shown = page(operator, path)
        found = re.findall(r'href="(\?[^"]*at=(before|after)[^"]*)"', shown)
        links = {direction: link.replace("&amp;", "&") for link, direction in found}
        return {str(d.pk) for d in owed if f"/deliveries/{d.pk}/" in shown}, links

    first, links = listed("/deliveries/?kind=call.ended")
    assert set(links) == {"after"}
    second, links = listed(f"/deliveries/{links['after']}")
    assert set(links) == {"before", "after"}
    third, last = listed(f"/deliveries/{links['after']}")
    assert [len(first), len(second), len(third)] == [50, 50, 20]
    assert first | second | third == {str(each.pk) for each in owed}
    assert set(last) == {"before"}
    assert listed(f"/deliveries/{last['before']}")[0] == second
    assert listed(f"/deliveries/{links['before']}")[0] == first


@pytest.mark.pure
@pytest.mark.parametrize(
    "text",
    ["", "after", "x~2026-11-21T00:00:00+00:00~" + CALL, "after~2026-11-21T00:00:00~" + CALL,
     "after~2026-11-21T00:00:00+00:00~1", "after~0001-01-01T00:00:00+00:00~" + CALL],
)  # fmt: skip
def test_an_address_that_somebody_made_up_is_no_place(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        place_of(text)


@pytest.mark.pure
def test_a_place_comes_back_from_its_address() -> None:
    place = Place(datetime(2026, 11, 21, tzinfo=UTC), uuid4(), backwards=True)
    assert place_of(str(place)) == place


def test_a_person_sees_deliveries_of_reached_bots_only(world: World) -> None:
    mine, other = given_up(bot="retail"), given_up(bot="other", url="https://erp.example/")
    shared = given_up(bot="other")
    bot = Bot.objects.create(name="retail")
    client = browser(with_role("operator", name="scoped", bots=[bot]))
    shown = page(client, "/deliveries/")
    assert str(mine.pk) in shown
    assert str(other.pk) not in shown
    assert 'class="count bad">1<' in shown
    assert client.get(f"/deliveries/{other.pk}/").status_code == 404
    destinations = page(client, "/deliveries/destinations/")
    assert "erp.example" not in destinations
    assert client.post(f"/deliveries/destinations/{mine.destination_id}/replay").status_code == 302
    assert (again(mine).state, again(shared).state) == ("waiting", "dead")
    key = other.destination_id
    for act in ("replay", "close"):
        assert client.post(f"/deliveries/destinations/{key}/{act}").status_code == 404


def test_one_delivery_shows_what_it_says_and_what_it_waits_for(operator: Client) -> None:
    first = owe(stream="call:1", body='{"caller":"+1555"}')
    second = owe(stream="call:1", body="no JSON")
    assert "&quot;caller&quot;: &quot;+1555&quot;" in page(operator, f"/deliveries/{first.pk}/")
    shown = page(operator, f"/deliveries/{second.pk}/")
    assert "no JSON" in shown
    assert "It waits for an earlier one" in shown
    assert f"/deliveries/{first.pk}/" in shown


def test_what_was_said_is_for_readers_of_transcripts_and_their_reading_is_kept(
    world: World,
) -> None:
    line = owe("call.line", stream=f"call:{CALL}", body='{"text":"my PIN"}')
    path = f"/deliveries/{line.pk}/"
    assert "my PIN" not in page(browser(world.people["operator"]), path)
    assert not AuditEvent.objects.filter(target=CALL).exists()
    assert "my PIN" in page(browser(world.people["supervisor"]), path)
    event = AuditEvent.objects.get(target=CALL)
    assert (event.action, event.kind) == ("call.transcript_read", "call")


def test_what_was_given_up_is_made_again_with_its_id_and_number(operator: Client) -> None:
    dead = given_up()
    assert operator.post(f"/deliveries/{dead.pk}/replay").status_code == 302
    fresh = again(dead)
    assert (fresh.state, fresh.attempts, fresh.finished_at) == ("waiting", 0, None)
    assert (fresh.pk, fresh.seq) == (dead.pk, dead.seq)
    assert claim(timezone.now(), 10) == [fresh]
    event = AuditEvent.objects.get(action="delivery.replayed")
    assert (event.target, event.before) == (str(dead.pk), {"state": "dead", "attempts": 1})


def test_what_is_being_delivered_is_left_alone(operator: Client) -> None:
    delivery = owe()
    claim(timezone.now(), 10)
    response = operator.post(f"/deliveries/{delivery.pk}/replay", follow=True)
    assert "being delivered at this moment" in response.content.decode()
    assert again(delivery).lease_until is not None
    assert not AuditEvent.objects.filter(action="delivery.replayed").exists()


def test_all_that_a_destination_missed_is_made_again_at_once(operator: Client) -> None:
    dead = [given_up() for _ in range(3)]
    elsewhere = given_up(url="https://erp.example/")
    shown = page(operator, "/deliveries/destinations/")
    assert "Deliver 3 again" in " ".join(shown.split())
    path = f"/deliveries/destinations/{dead[0].destination_id}/replay"
    answer = operator.post(path, follow=True).content.decode()
    assert "3 deliveries to https://crm.example are made again." in answer
    assert {again(each).state for each in dead} == {"waiting"}
    assert again(elsewhere).state == "dead"
    assert AuditEvent.objects.get(action="delivery.replayed").after == {"deliveries": 3}


def test_a_destination_whose_circuit_is_open_can_be_tried_at_once(operator: Client) -> None:
    waiting = owe()
    destination = waiting.destination
    later = timezone.now() + timedelta(seconds=30)
    Delivery.objects.update(next_attempt_at=later, attempts=3)
    Destination.objects.update(failures=5, open_until=later)
    assert "Try now" in page(operator, "/deliveries/destinations/")
    operator.post(f"/deliveries/destinations/{destination.pk}/close")
    destination.refresh_from_db()
    assert (destination.failures, destination.open_until) == (0, None)
    assert [each.pk for each in claim(timezone.now(), 10)] == [waiting.pk]
    assert again(waiting).attempts == 3
    assert AuditEvent.objects.get(action="delivery.circuit_closed").before == {"failures": 5}
    assert operator.post("/deliveries/destinations/99999999999999999999/close").status_code == 404


def test_who_may_only_look_is_told_why(world: World) -> None:
    dead = given_up()
    client = browser(world.people["viewer"])
    for path in ("/deliveries/destinations/", f"/deliveries/{dead.pk}/"):
        assert "Needs the role Operator or Administrator." in page(client, path)
    assert client.post(f"/deliveries/{dead.pk}/replay").status_code == 403


def test_the_lists_make_the_agreed_number_of_queries(operator: Client, repository: Path) -> None:
    for n in range(20):
        owe(url=f"https://crm{n}.example/")
    page(operator, "/deliveries/")
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    for name, path in (("list", "/deliveries/"), ("destinations", "/deliveries/destinations/")):
        with CaptureQueriesContext(connection) as queries:
            page(operator, path)
        assert {name: len(queries)} == {name: agreed[f"deliveries:{name}"]}
