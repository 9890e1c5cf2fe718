"""``/metrics``: what Prometheus reads, of whom, and who may read it."""

import http.server
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.utils import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain
from pytest_django.fixtures import Settings

from alarms.core.catalogue import BOT_PROVIDER_FAILURE, CATALOGUE
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm
from bots.deliveries.outbox import put
from calls.telemetry import metrics as declared
from calls.telemetry.declare import DECLARED, Names
from calls.telemetry.families import Family, Sample, packed
from calls.telemetry.frames import TALLY, Frames
from gateway_project import measured, metrics
from gateway_project.measured import Installation

pytestmark = [pytest.mark.db, pytest.mark.django_db]

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
TOKEN = "of-prometheus-7c1d"


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path) -> None:
    monkeypatch.setattr(metrics, "_installation", Installation())
    settings.PROCESS_SOCKETS = tmp_path


def scraped(accept: str = "", **more: Any) -> dict[str, Any]:
    """The families by name, as Prometheus' own parser reads them."""
    response = Client().get("/metrics", headers={"Accept": accept, **more})
    assert response.status_code == 200, response.content
    parse = openmetrics if accept else plain
    return {family.name: family for family in parse(response.content.decode())}


def value(families: dict[str, Any], family: str, **labels: str) -> float:
    found = [
        sample.value
        for sample in families[family].samples
        if labels.items() <= sample.labels.items()
    ]
    assert len(found) == 1, found
    return float(found[0])


# --- the text -------------------------------------------------------------------------------------


@pytest.mark.parametrize("accept", ["", OPENMETRICS])
def test_prometheus_reads_every_metric_that_is_declared(accept: str) -> None:
    found = scraped(accept)
    assert {metric.family for metric in DECLARED.values()} <= set(found)
    for metric in DECLARED.values():
        assert found[metric.family].type == metric.kind
        assert found[metric.family].documentation == metric.help
    assert "process_resident_memory_bytes" in found


def test_each_sample_of_a_process_says_which_and_those_of_all_do_not() -> None:
    for family in scraped().values():
        metric = next((each for each in DECLARED.values() if each.family == family.name), None)
        shared = metric is not None and metric.scope == "installation"
        for sample in family.samples:
            assert ("process" in sample.labels) is not shared, sample


def test_the_format_is_the_one_that_is_asked_for() -> None:
    assert Client().get("/metrics")["Content-Type"].startswith("text/plain; version=0.0.4")
    answer = Client().get("/metrics", headers={"Accept": OPENMETRICS})
    assert answer["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
    assert answer.content.endswith(b"# EOF\n")
    assert "no-store" in answer["Cache-Control"]


def test_frames_of_calls_are_added_up_when_asked() -> None:
    before = scraped()
    call = Frames()
    TALLY.begin(call)
    call.came, call.sent, call.late = 50, 40, 1
    during = scraped()
    TALLY.end(call)
    after = scraped()
    for family, more in (("in", 50), ("out", 40), ("late", 1), ("dropped", 0)):
        name = f"gateway_frames_{family}"
        assert value(during, name) - value(before, name) == more
        assert value(after, name) == value(during, name)


# --- what the database says -----------------------------------------------------------------------


def test_queues_alarms_and_outbound_calls_are_read_from_the_database() -> None:
    now = timezone.now()
    put(
        stream="call:1",
        kind="call.ended",
        url="https://crm.example/hook",
        body="{}",
        bot="retail",
        at=now - timedelta(minutes=3),
    )
    ActiveAlarm.objects.create(
        type=BOT_PROVIDER_FAILURE.name,
        source="bot:retail",
        severity=Severity.CRITICAL,
        text="",
        raised_at=now,
        changed_at=now,
        last_at=now,
    )
    found = scraped()
    assert value(found, "gateway_queue_waiting", queue="deliveries") == 1
    assert 175 < value(found, "gateway_queue_oldest_seconds", queue="deliveries") < 200
    assert value(found, "gateway_queue_dead", queue="deliveries") == 0
    active = {sample.labels["type"]: sample for sample in found["gateway_alarm_active"].samples}
    assert set(active) == set(CATALOGUE)
    assert active[BOT_PROVIDER_FAILURE.name].value == 1
    assert active[BOT_PROVIDER_FAILURE.name].labels["severity"] == "critical"
    assert sum(sample.value for sample in active.values()) == 1
    assert value(found, "gateway_dialouts", state="queued") == 0
    assert value(found, "gateway_database_up") == 1


def test_the_database_is_asked_again_only_after_some_seconds(
    django_assert_num_queries: Any,
) -> None:
    now = [100.0]
    reader = Installation(clock=lambda: now[0])
    first = reader.families()
    with django_assert_num_queries(0):
        assert reader.families() is first
    now[0] += measured.FRESH_SECONDS
    assert reader.families() is not first


def test_without_the_database_the_rest_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError("away")

    with connection.execute_wrapper(away):
        found = scraped()
    assert value(found, "gateway_database_up") == 0
    assert "gateway_queue_waiting" not in found
    assert "gateway_frames_in" in found


def test_who_asks_beside_one_whom_the_database_does_not_answer_is_told_that(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measured, "ANSWER_SECONDS", 0.01)
    reader = Installation()
    with reader._lock:
        families = reader.families()
    assert [(each.name, each.samples[0].value) for each in families] == [("gateway_database_up", 0)]
    assert len(reader.families()) > 1


# --- requests -------------------------------------------------------------------------------------


def test_requests_are_counted_by_route_and_never_by_address() -> None:
    before = scraped()
    Client().get("/livez?secret=1")
    Client().get("/no/such/page/4711")
    Client().generic("BREW", "/livez")
    found = scraped()
    rows = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for sample in found["gateway_http_requests"].samples
    }
    known = {
        (sample.labels["route"], sample.labels["method"], sample.labels["status"]): sample.value
        for sample in before["gateway_http_requests"].samples
    }
    for row in (("livez", "GET", "2xx"), ("none", "GET", "4xx"), ("livez", "other", "2xx")):
        assert rows[row] == known.get(row, 0) + 1
    assert not any("4711" in part or "secret" in part for row in rows for part in row)


def test_a_label_that_people_choose_has_a_bound() -> None:
    names = Names(most=3)
    assert [names(each) for each in ("a", "b", "a", "c", "d", "c", "")] == [
        "a", "b", "a", "c", "other", "c", "other",
    ]  # fmt: skip


# --- who may read ---------------------------------------------------------------------------------


def status(**meta: Any) -> int:
    return Client().get("/metrics", **meta).status_code


def test_without_a_token_only_this_machine_reads_and_for_nobody_else() -> None:
    assert status(REMOTE_ADDR="127.0.0.1") == status(REMOTE_ADDR="::1") == 200
    assert status(REMOTE_ADDR="::ffff:127.0.0.1") == 200
    assert status(REMOTE_ADDR="192.0.2.7") == status(REMOTE_ADDR="") == 403
    for header in ("X_FORWARDED_FOR", "FORWARDED", "X_REAL_IP", "VIA"):
        assert status(REMOTE_ADDR="127.0.0.1", **{f"HTTP_{header}": "127.0.0.1"}) == 403


def test_with_a_token_whoever_has_it_reads(settings: Settings, caplog: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert status(REMOTE_ADDR="192.0.2.7", HTTP_AUTHORIZATION=f"Bearer {TOKEN}") == 200
    assert status(REMOTE_ADDR="192.0.2.7", HTTP_AUTHORIZATION=f"bearer  {TOKEN} ") == 200
    for wrong in ("", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer ä\ud800"):
        answer = Client().get("/metrics", REMOTE_ADDR="127.0.0.1", HTTP_AUTHORIZATION=wrong)
        assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer"), wrong
    assert TOKEN not in caplog.text


def test_behind_a_proxy_with_tls_this_machine_reads_without(settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/login/").status_code == 301
    assert Client().get("/metrics").status_code == 200
    assert Client().get("/metrics/process").status_code == 401


def test_metrics_are_read_only() -> None:
    assert Client().post("/metrics").status_code == 405
    assert Client().post("/metrics/process").status_code == 405


def test_the_metrics_of_one_process_are_for_its_siblings(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN
    for given in ("", f"Bearer {TOKEN}"):
        answer = Client().get("/metrics/process", HTTP_AUTHORIZATION=given)
        assert answer.status_code == 401


# --- siblings -------------------------------------------------------------------------------------


class Sibling(socketserver.ThreadingUnixStreamServer):
    """Another web process, as far as its metrics go; ``body`` None: our own view answers."""

    daemon_threads = True
    body: bytes | None = None

    def get_request(self) -> Any:
        """NB The standard library's handler wants an address with two parts."""
        return self.socket.accept()[0], ("sibling", 0)


class Answer(http.server.BaseHTTPRequestHandler):
    server: Sibling

    def do_GET(self) -> None:
        body, code = self.server.body, 200
        if body is None:
            asked = self.headers["Authorization"]
            response = Client().get(self.path, HTTP_AUTHORIZATION=asked)
            body, code = response.content, response.status_code
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def sibling(tmp_path: Path) -> Iterator[Sibling]:
    with Sibling(str(tmp_path / "web-4711.sock"), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_one_process_tells_of_all(sibling: Sibling) -> None:
    found = scraped(OPENMETRICS)
    assert value(found, "gateway_processes_unreachable") == 0
    processes = {sample.labels["process"] for sample in found["gateway_build_info"].samples}
    assert processes == {f"web-{os.getpid()}", "web-4711"}
    assert len(found["gateway_database_up"].samples) == 1


@pytest.mark.parametrize("body", [b"no metrics", b"", packed([])[:0] + b"\x91\xc0"])
def test_a_sibling_that_talks_nonsense_is_left_out_and_counted(
    sibling: Sibling, body: bytes
) -> None:
    sibling.body = body
    found = scraped()
    assert value(found, "gateway_processes_unreachable") == 1
    assert {sample.labels["process"] for sample in found["gateway_frames_in"].samples} == {
        f"web-{os.getpid()}"
    }


def test_a_sibling_that_is_gone_leaves_nothing(tmp_path: Path) -> None:
    gone = tmp_path / "web-4712.sock"
    with closing(socketserver.UnixStreamServer(str(gone), Answer).socket):
        pass
    assert gone.exists()
    assert value(scraped(), "gateway_processes_unreachable") == 0


def test_a_sibling_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "SIBLING_SECONDS", 0.05)
    with closing(socketserver.UnixStreamServer(str(tmp_path / "web-4713.sock"), Answer).socket):
        assert value(scraped(), "gateway_processes_unreachable") == 1


def test_what_a_sibling_tells_of_unknown_metrics_is_shown_too(sibling: Sibling) -> None:
    sample = Sample("gateway_of_tomorrow", {"bot": "demo"}, 7.0)
    sibling.body = packed([Family("gateway_of_tomorrow", "gauge", "More.", "", [sample])])
    assert value(scraped(), "gateway_of_tomorrow", process="web-4711", bot="demo") == 7


def test_every_declared_metric_is_filled() -> None:
    """Those read at a scrape would else be declared in vain."""
    families = {family.name for family in (*measured.own_families(), *Installation().families())}
    missing = {each.name for each in DECLARED.values() if each.family not in families}
    assert missing <= {declared.UNREACHABLE.name}
