"""The page about the gateway itself, and its switch."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from pytest_django.fixtures import Settings

from bots.deliveries.outbox import put
from bots.models import ApiClient, AuditEvent, Delivery, Provider
from calls.leases import renew_lease
from calls.models import ProcessLease
from calls.system.runs import ran
from tests import servers
from tests.worlds import World, browser

pytestmark = pytest.mark.db

VITALS = {"calls": 4, "most_calls": 5, "lag_p99_ms": 120.4, "rss_mb": 1234, "cpu_percent": 31}


@pytest.fixture(autouse=True)
def no_bus(settings: Settings) -> None:
    settings.REDIS_URL = f"redis://127.0.0.1:{servers.free_port()}/0"


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["administrator"])


def page(client: Client, url: str = "/system/", status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def test_processes_are_shown_with_their_load(client: Client) -> None:
    renew_lease("host:1:a", "host-a", 4711, now(), version="9.9", vitals=VITALS)
    renew_lease("host:2:b", "host-b", 2, now() - timedelta(minutes=5), vitals={"calls": 77})
    shown = page(client)
    for text in ("host-a", "4711", "9.9", "takes calls", "120.4 ms", "1,234 MB", "31 %", "silent"):
        assert text in shown
    assert '<rect width="80" height="6" class="fill" data-band="slow">' in shown
    assert "4 calls" in shown  # the dead one carries none
    assert shown.count('id="drain-') == 1


def test_what_has_told_nothing_is_a_dash_and_no_process_is_explained(client: Client) -> None:
    assert "No process has said that it is alive" in page(client)
    renew_lease("a", "host-a", 1, now())
    shown = page(client)
    assert "None" not in shown
    assert "No process has said" not in shown


def test_parts_queues_and_providers_lead_to_their_pages(client: Client) -> None:
    put(stream="call:1", kind="call.ended", url="https://a.example/", body="", bot="d", at=now())
    Delivery.objects.update(state="dead", finished_at=now())
    Provider.objects.create(name="azure", kind="stt", plugin="tones")
    shown = page(client)
    assert 'href="/deliveries/?state=dead"' in shown
    assert 'href="/providers/azure/"' in shown
    assert 'data-state="failing"' in shown  # no bus
    assert "No process of the role worker is alive." in shown


def test_what_runs_out_and_what_keeps_house(client: Client) -> None:
    crm = ApiClient.objects.create(
        name="crm", previous_secret="hash", previous_secret_until=now() + timedelta(days=2)
    )
    ran("calls.tasks.sweep_tts_cache", now(), now(), "PermissionError")
    ran("bots.tasks.forget_answers", now() - timedelta(days=2), now() - timedelta(days=2))
    shown = page(client)
    assert f'href="/clients/{crm.pk}/tokens/"' in shown
    assert 'data-near="soon"' in shown
    assert "PermissionError" in shown
    assert "overdue" in shown


def test_many_expiries_are_cut_and_counted(client: Client) -> None:
    soon = now() + timedelta(days=40)
    for number in range(22):
        ApiClient.objects.create(
            name=f"c-{number}", previous_secret="hash", previous_secret_until=soon
        )
    assert "2 more run out later." in page(client)


@pytest.mark.parametrize(("part", "shows"), [("live", "Processes"), ("kept", "Keeps house")])
def test_parts_are_fetched_again_one_by_one(part: str, shows: str, client: Client) -> None:
    response = client.get(f"/system/part/{part}")
    assert shows in response.content.decode()
    assert "<html" not in response.content.decode()
    assert "no-store" in response.headers["cache-control"]
    page(client, "/system/part/secrets", 404)


def test_texts_of_hosts_are_shown_as_text(client: Client) -> None:
    renew_lease("<img src=x>", "<img src=x>", 1, now(), role="<b>", version="<i>")
    assert "<img src=x" not in page(client)


def test_draining_is_asked_for_first_then_done_and_taken_back(client: Client) -> None:
    renew_lease("host:1:a", "host-a", 4711, now(), vitals={"calls": 4})
    shown = page(client, "/system/drain/?process=host:1:a")
    assert "Process 4711 on host-a takes no more calls" in shown
    assert "(4 at this moment)" in shown
    assert "No other process takes calls" in shown
    assert not ProcessLease.objects.get().drain
    answer = client.post("/system/drain/", {"process": "host:1:a"}, follow=True)
    assert answer.redirect_chain == [("/system/", 302)]
    assert "1 process takes no more calls." in answer.content.decode()
    assert "will drain" in answer.content.decode()
    renew_lease("host:1:a", "host-a", 4711, now(), vitals={"calls": 4, "draining": True})
    assert "draining, 4 calls left" in page(client)
    renew_lease("host:1:a", "host-a", 4711, now(), vitals={"calls": 0, "draining": True})
    assert "drained" in page(client)
    assert 'id="drain-' not in page(client)
    answer = client.post("/system/undrain/", {"process": "host:1:a"}, follow=True)
    assert "1 process takes calls again." in answer.content.decode()
    actions = AuditEvent.objects.order_by("pk").values_list("actor", "action")
    assert [each for each in actions if each[1].startswith("process.")] == [
        ("administrator", "process.drained"),
        ("administrator", "process.undrained"),
    ]


def test_all_drain_together(client: Client) -> None:
    for owner in ("a", "b"):
        renew_lease(owner, "host", 1, now(), vitals={"calls": 1})
    shown = page(client, "/system/drain/")
    assert "The whole gateway takes no more calls" in shown
    assert "No other process takes calls" in shown
    client.post("/system/drain/")
    assert ProcessLease.objects.filter(drain=True).count() == 2
    shown = page(client)
    assert "Take calls again everywhere" in shown
    assert 'href="/system/drain/"' not in shown
    client.post("/system/undrain/")
    assert not ProcessLease.objects.filter(drain=True).exists()


def test_who_drains_one_of_several_of_a_machine_is_told_who_takes_the_calls(
    client: Client,
) -> None:
    for owner, host in (("a", "alpha"), ("b", "alpha"), ("c", "beta")):
        renew_lease(owner, host, 1, now())
    shown = page(client, "/system/drain/?process=a")
    assert "1 other process of this machine takes the calls meanwhile" in shown
    assert '<a href="?host=alpha">Drain all processes on alpha instead</a>' in shown
    shown = page(client, "/system/drain/?host=alpha")
    assert "All processes on alpha take no more calls" in shown
    assert "1 process of other machines takes the calls meanwhile" in shown
    answer = client.post("/system/drain/", {"process": "", "host": "alpha"}, follow=True)
    assert "2 processes take no more calls." in answer.content.decode()
    drained = ProcessLease.objects.filter(drain=True).values_list("owner", flat=True)
    assert set(drained) == {"a", "b"}
    assert "No other process takes calls" in page(client, "/system/drain/?process=c")
    page(client, "/system/drain/?host=gamma", 404)


@pytest.mark.parametrize("process", ["gone", "w", "%ED%A0%80", "a" * 10_000])
def test_a_process_that_is_gone_cannot_drain(process: str, client: Client) -> None:
    renew_lease("w", "host", 1, now(), role="worker")
    sent, form = f"process={process}", "application/x-www-form-urlencoded"
    assert client.get(f"/system/drain/?{sent}").status_code == 404
    assert client.post("/system/drain/", sent, content_type=form).status_code == 404
    assert client.post("/system/undrain/", sent, content_type=form).status_code == 404


def test_a_process_that_was_told_twice_drains_once(client: Client) -> None:
    renew_lease("a", "host", 1, now())
    for _ in range(2):
        client.post("/system/drain/", {"process": "a"})
    assert AuditEvent.objects.filter(action="process.drained").count() == 1


def test_the_page_makes_the_agreed_number_of_queries(client: Client, repository: Path) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client)
        return len(captured)

    few = queries()
    for number in range(4):
        renew_lease(f"p{number}", "host", number, now(), vitals=VITALS)
        Provider.objects.create(name=f"v{number}", kind="tts", plugin="offline")
    assert queries() == few
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert few == agreed["calls:system"]
