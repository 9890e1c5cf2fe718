"""The courier before receivers that work, fail, hang, lie and go away."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from django.utils import timezone
from structlog.testing import capture_logs

from bots.deliveries import claims, courier
from bots.models import Delivery, Destination
from bots.net import Answer, Outbound
from tests.bots.deliveries.owed import SECRET, again, deliver, overdue, owe
from tests.fakes.receiver import Receiver, Reply, receiving

pytestmark = [pytest.mark.wire, pytest.mark.db, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as fake:
        yield fake


def test_what_is_owed_arrives_in_order_byte_for_byte_with_its_headers(receiver: Receiver) -> None:
    bodies = ['{"a": "ä\\u0000  "}', "[]", '{"n":3}']
    owed = [owe(f"{receiver.url}/hook?key=1", body) for body in bodies]
    deliver()
    assert [each.body.decode() for each in receiver.received] == bodies
    assert [again(each).state for each in owed] == ["delivered"] * 3
    first = receiver.received[0]
    assert first.path == "/hook?key=1"
    assert first.headers["content-type"] == "application/json"
    assert first.headers["webhook-id"] == str(owed[0].pk)
    assert [each.headers["webhook-sequence"] for each in receiver.received] == ["1", "2", "3"]
    assert "webhook-signature" not in first.headers
    assert "authorization" not in first.headers


def test_a_receiver_can_verify_that_it_comes_from_here(receiver: Receiver) -> None:
    delivery = owe(receiver.answers("/", 500), '{"ü": 1}', secret=SECRET)
    deliver()
    overdue(delivery)
    deliver()
    assert len(receiver.received) == 2
    receiver.verify(SECRET)


def test_a_failure_is_repeated_with_the_same_id_and_body_and_holds_back_the_rest(
    receiver: Receiver,
) -> None:
    url = receiver.answers("/", 503, Reply(fault="cut"))
    first, second = owe(url, '{"n": 1}'), owe(url, '{"n": 2}')
    for _ in range(2):
        deliver()
        assert again(first).state == again(second).state == "waiting"
        overdue(first)
    deliver()
    assert [json.loads(each.body)["n"] for each in receiver.received] == [1, 1, 1, 2]
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert ids == [str(first.pk)] * 3 + [str(second.pk)]
    assert again(first).attempts == 3


@pytest.mark.parametrize(
    ("reply", "state", "problem"),
    [
        (Reply(204), "delivered", ""),
        (Reply(404), "dead", "HTTP 404"),
        (Reply(410), "dead", "HTTP 410"),
        (Reply(400), "waiting", "HTTP 400"),
        (Reply(302, (("Location", "/elsewhere"),)), "waiting", "HTTP 302"),
        (Reply(fault="cut"), "waiting", "connection lost"),
        (Reply(200, body=b"x" * 1_000_000), "delivered", ""),
    ],
)
def test_every_answer_has_its_consequence(
    receiver: Receiver, reply: Reply, state: str, problem: str
) -> None:
    delivery = owe(receiver.answers("/", reply))
    deliver()
    stored = again(delivery)
    assert (stored.state, stored.last_problem) == (state, problem)
    assert len(receiver.received) == 1


def test_a_receiver_that_asks_for_time_gets_it(receiver: Receiver) -> None:
    delivery = owe(receiver.answers("/", Reply(429, (("Retry-After", "100"),))))
    deliver()
    stored = again(delivery)
    assert 90 < (stored.next_attempt_at - timezone.now()).total_seconds() <= 100
    assert stored.last_status == 429


def test_a_receiver_that_hangs_keeps_no_other_waiting(receiver: Receiver) -> None:
    with receiving() as silent:
        silent.always("/", Reply(fault="silent"))
        stuck = [owe(silent.url, stream=f"stuck {n}") for n in range(20)]
        quick = [owe(receiver.url, stream=f"quick {n}") for n in range(40)]
        at_work = threading.Thread(target=deliver)
        at_work.start()
        receiver.wait_for(40)
        assert len(silent.received) <= 4, "all others went while the first of these hung"
        silent.released.set()
        at_work.join()
        assert len(silent.received) <= 8, "the circuit opens after five failures"
    assert {again(each).state for each in quick} == {"delivered"}
    assert {again(each).state for each in stuck} == {"waiting"}
    destination = Destination.objects.get(origin=silent.url)
    assert destination.open_until is not None
    assert destination.last_problem == "connection lost"


def test_a_receiver_that_never_answers_has_failed(receiver: Receiver) -> None:
    delivery = owe(receiver.answers("/", Reply(fault="silent")))
    deliver(deadline_s=0.05)
    assert again(delivery).last_problem == "no answer in time"


class BrokenOutbound(Outbound):
    """Fails for one path as nobody expects."""

    async def request(self, method: str, url: str, **given: Any) -> Answer:
        if url.endswith("/broken"):
            raise RuntimeError("a bug")
        return await super().request(method, url, **given)


def test_a_delivery_that_breaks_the_courier_costs_the_others_nothing(receiver: Receiver) -> None:
    broken = owe(f"{receiver.url}/broken", stream="call:1")
    others = [owe(receiver.url, stream=f"call:{number}") for number in range(2, 5)]
    courier.Courier(BrokenOutbound(["127.0.0.1"])).run()
    assert [again(each).state for each in others] == ["delivered"] * 3
    stored = again(broken)
    assert (stored.state, stored.attempts, stored.lease_until) == ("waiting", 1, None)
    assert stored.last_problem == "an error inside the gateway"


def test_nobody_there_is_a_failure(receiver: Receiver) -> None:
    with receiving() as gone:
        url = gone.url
    delivery = owe(url)
    deliver()
    assert again(delivery).last_problem == "no connection"


def test_an_address_that_may_not_be_reached_is_given_up_without_a_connection(
    receiver: Receiver,
) -> None:
    delivery = owe(receiver.url)
    with capture_logs() as logs:
        deliver(allow=())
    assert receiver.received == []
    stored = again(delivery)
    assert (stored.state, stored.last_problem) == ("dead", "address not allowed")
    [told] = [line for line in logs if line["event"] == "delivery.dead"]
    assert told["delivery"] == str(delivery.pk)


@pytest.mark.parametrize("secret", ["whsec_", "whsec_a", "ä"])
def test_a_secret_that_signs_nothing_is_told_instead_of_sending_unsigned(
    receiver: Receiver, secret: str
) -> None:
    delivery = owe(receiver.url, secret=secret)
    deliver()
    assert again(delivery).last_problem == "the signing secret is malformed"
    assert receiver.received == []


def test_what_no_key_decrypts_any_more_is_given_up_and_stops_nobody(receiver: Receiver) -> None:
    lost = owe(receiver.url, stream="lost")
    Delivery.objects.filter(pk=lost.pk).update(target={"$secret": "nonsense"})
    fine = owe(receiver.url, stream="fine")
    deliver()
    assert again(lost).last_problem == "the address cannot be decrypted"
    assert again(fine).state == "delivered"


def test_a_courier_who_died_before_noting_the_result_is_followed_by_one_who_repeats_it(
    receiver: Receiver,
) -> None:
    delivery = owe(receiver.url)
    [claimed] = claims.claim(timezone.now(), 10)
    deliver()
    assert receiver.received == [], "it is leased"
    Delivery.objects.filter(pk=claimed.pk).update(lease_until=timezone.now())
    deliver()
    assert again(delivery).state == "delivered"


def test_what_becomes_due_while_the_courier_is_at_work_goes_at_once(
    receiver: Receiver, settings: object
) -> None:
    settings.OUTBOUND_ALLOW = ["127.0.0.1"]  # type: ignore[attr-defined]  # pytest-django's
    with receiving() as silent:
        hanging = owe(silent.always("/", Reply(fault="silent")), stream="silent")
        at_work = threading.Thread(target=courier.deliver)
        at_work.start()
        silent.wait_for(1)
        owe(receiver.url, stream="later")
        courier.deliver()
        receiver.wait_for(1)
        assert again(hanging).attempts == 0, "and did not wait for the end of the other"
        courier.stop()
        silent.released.set()
        at_work.join()
    assert Delivery.objects.filter(state="delivered").count() == 1


def test_several_couriers_deliver_everything_once(receiver: Receiver) -> None:
    owed = [owe(receiver.url, f'"{n % 5} {n:02}"', stream=f"s {n % 5}") for n in range(40)]
    couriers = [threading.Thread(target=deliver) for _ in range(3)]
    for each in couriers:
        each.start()
    for each in couriers:
        each.join()
    deliver()
    ids = [each.headers["webhook-id"] for each in receiver.received]
    assert sorted(ids) == sorted(str(each.pk) for each in owed)
    assert receiver.most_at_once <= 4
    for stream in range(5):
        arrived = [b for b in receiver.bodies() if b.startswith(b'"%d ' % stream)]
        assert arrived == sorted(arrived)
