"""Reading when certificates end."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from bots.models import Provider
from bots.net import Outbound
from calls.database import db
from calls.health import certificates
from calls.health.certificates import AGAIN, EVERY, Certificates, Place, Unread, end_of, places
from calls.health.worker import WorkerLease
from calls.models import ProcessLease
from tests.fakes.key_vault import vault
from tests.fakes.web import serving

pytestmark = pytest.mark.db

END = datetime(2099, 1, 1, tzinfo=UTC)


async def test_the_end_is_read_without_trusting_anybody(tmp_path: Path, loopback: Outbound) -> None:
    async with vault(tmp_path) as fake:
        host, _colon, port = fake.url.removeprefix("https://").partition(":")
        assert await end_of(Place(host, int(port))) == END


async def test_a_provider_leads_nowhere_that_the_guard_forbids(tmp_path: Path) -> None:
    async with vault(tmp_path) as fake:
        host, _colon, port = fake.url.removeprefix("https://").partition(":")
        with pytest.raises(Unread, match="not allowed"):
            await end_of(Place(host, int(port)))
        assert await end_of(Place(host, int(port), ours=True)) == END


async def test_who_speaks_no_tls_has_no_certificate(loopback: Outbound) -> None:
    async with serving() as plain:
        port = int(plain.url.rpartition(":")[2])
        with pytest.raises(Unread):
            await end_of(Place("127.0.0.1", port))
    with pytest.raises(Unread):
        await end_of(Place("127.0.0.1", 1))


def test_no_certificate_is_judged() -> None:
    assert certificates._indifferent().verify_mode is ssl.CERT_NONE


@pytest.mark.django_db
def test_the_own_address_and_those_of_providers_are_looked_at(settings: Settings) -> None:
    settings.PUBLIC_URL = "https://voice.example"
    params = {
        "a": "wss://Bots.example:8443/chat",
        "b": ["grpcs://stt.example", {"c": "https://voice.example/x"}],
        "d": "http://plain.example",
        "e": "https://[broken",
        "f": 3,
        "g": "https://bots.example:99999",
    }
    Provider.objects.create(name="x", kind="bot", plugin="script", params=params)
    assert [str(place) for place in places()] == [
        "voice.example",
        "bots.example:8443",
        "stt.example",
        "voice.example",
    ]
    assert [place.ours for place in places()] == [True, False, False, False]


@pytest.mark.django_db
def test_they_are_looked_at_daily_and_those_that_could_not_be_read_earlier(
    settings: Settings,
) -> None:
    settings.PUBLIC_URL = "https://127.0.0.1:1"
    known, now = Certificates(), timezone.now()
    known.look(now)
    assert known.vitals() == {}
    assert known._due == {"127.0.0.1:1": now + AGAIN}
    known._ends["127.0.0.1:1"] = END
    known.look(now + timedelta(minutes=1))
    assert known._due == {"127.0.0.1:1": now + AGAIN}
    assert known.vitals() == {"127.0.0.1:1": END.isoformat()}
    settings.PUBLIC_URL = "http://127.0.0.1"
    known.look(now + EVERY)
    assert known.vitals() == known._due == {}


async def test_our_own_address_is_read_also_where_a_provider_has_it_and_more_often_near_its_end(
    transactional_db: None, tmp_path: Path, settings: Settings
) -> None:
    async with vault(tmp_path) as fake:
        settings.PUBLIC_URL = fake.url  # on the loopback, where no provider leads
        own = fake.url.removeprefix("https://")
        made = {"name": "x", "kind": "bot", "plugin": "script", "params": {"a": fake.url}}
        await db(Provider.objects.create, **made)
        known, now = Certificates(), timezone.now()
        await db(known.look, now)
        assert known.vitals() == {own: END.isoformat()}
        assert known._due == {own: now + EVERY}
        near = END - timedelta(days=1)
        await db(known.look, near)
        assert known._due == {own: near + AGAIN}


@pytest.mark.django_db(transaction=True)
def test_the_worker_has_a_lease_while_it_is_there() -> None:
    lease = WorkerLease()
    lease.renew()
    row = ProcessLease.objects.get()
    assert (row.role, row.owner) == ("worker", lease.owner)
    assert {"rss_mb", "certificates"} <= row.vitals.keys()
    lease.start()
    lease.start()
    lease.stop()
    lease.stop()
    assert not ProcessLease.objects.exists()
