"""The outbox: what is owed is written with the fact it tells, once and in order."""

import threading
from datetime import UTC, datetime

import pytest
from cryptography.fernet import Fernet
from django.db import close_old_connections, connection, transaction
from pytest_django import Settings

from bots.deliveries import waking
from bots.deliveries.outbox import put
from bots.models import Delivery, Destination
from bots.secrets import opened_texts
from bots.services import rotate_secrets
from bots.services.clients import api_client_create
from tests.bots.deliveries.owed import SECRET, again, owe

pytestmark = pytest.mark.db

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
URL = "https://user:pass@crm.example:8443/hooks/calls?token=t0p#part"


@pytest.mark.django_db
def test_a_delivery_shows_where_it_goes_but_not_what_the_address_carries() -> None:
    delivery = owe(URL, "{}", secret=SECRET, at=NOW)
    assert delivery.shown_url == "https://crm.example:8443/hooks/calls"
    assert delivery.destination.origin == "https://crm.example:8443"
    stored = str(Delivery.objects.values().get())
    assert not [word for word in ("t0p", "user:pass", SECRET) if word in stored]


@pytest.mark.django_db
def test_streams_are_numbered_from_one_without_gaps() -> None:
    numbers = [owe(URL, stream=stream).seq for stream in ("a", "b", "a", "a", "b")]
    assert numbers == [1, 1, 2, 3, 2]
    assert Destination.objects.count() == 1


@pytest.mark.django_db
@pytest.mark.parametrize("url", ["", "ftp://crm.example/", "crm.example", "http://", "file:///x"])
def test_only_http_can_be_owed(url: str) -> None:
    with pytest.raises(ValueError, match="not an http or https address"):
        owe(url)


@pytest.mark.django_db
def test_a_fact_is_told_once_however_often_it_is_put() -> None:
    def tell(fact: str, stream: str = "call:1") -> Delivery:
        return put(stream=stream, kind="k", url=URL, body=fact, at=NOW, fact=fact)

    first, other, elsewhere = tell("started"), tell("ended"), tell("started", "call:2")
    assert tell("started").pk == first.pk
    assert len({first.pk, other.pk, elsewhere.pk}) == 3
    assert [each.seq for each in (first, other, elsewhere)] == [1, 2, 1]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_owed_when_the_fact_is_rolled_back() -> None:
    with transaction.atomic():
        owe(URL)
        transaction.set_rollback(True)
    assert not Delivery.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_writers_of_one_stream_get_different_numbers_at_the_same_time() -> None:
    together = threading.Barrier(4)

    def write() -> None:
        try:
            together.wait(30)
            for _ in range(5):
                owe(URL)
        finally:
            close_old_connections()
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert list(Delivery.objects.order_by("seq").values_list("seq", flat=True)) == [*range(1, 21)]


@pytest.mark.django_db
def test_the_worker_is_woken_once_the_fact_is_there(
    django_capture_on_commit_callbacks: object,
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]  # a fixture
        owe(URL)
    assert waking.wake in callbacks


@pytest.mark.django_db
def test_a_rotation_of_keys_takes_what_is_owed_along(settings: Settings) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.FIELD_KEYS = (old,)
    client, _ = api_client_create(name="dialer", scopes=["calls:read"])
    owed, arrived = owe(URL, stream="a"), owe(URL, stream="b")
    Delivery.objects.filter(pk=arrived.pk).update(state="delivered", finished_at=NOW)
    settings.FIELD_KEYS = (new, old)
    assert rotate_secrets().reencrypted == 2
    assert rotate_secrets().current == 2
    settings.FIELD_KEYS = (new,)
    assert opened_texts(again(owed).target)["url"] == URL
    client.refresh_from_db()
    assert opened_texts(client.notification_secret)["secret"].startswith("whsec_")
    with pytest.raises(LookupError):
        opened_texts(again(arrived).target)
    assert rotate_secrets().unreadable == []


@pytest.mark.pure
def test_what_is_no_envelope_holds_no_texts() -> None:
    for wrong in (None, {}, {"url": URL}, {"$secret": "nonsense"}):
        with pytest.raises(LookupError):
            opened_texts(wrong)
