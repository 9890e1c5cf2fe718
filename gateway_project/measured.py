"""What is read at the moment somebody asks for metrics, and requests as they are answered."""

import platform
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import structlog
from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.db.models import Count
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm
from calls.health.lag import lag_p99_ms
from calls.models import Dialout
from calls.session.host import session_host
from calls.system.processes import processes
from calls.system.queues import queues
from calls.telemetry import exporter, metrics
from calls.telemetry.declare import REGISTRY, Names
from calls.telemetry.families import Family, families_of
from calls.telemetry.frames import TALLY

FRESH_SECONDS = 5.0
"""What the database says is asked again after that, however many ask."""
ANSWER_SECONDS = 2.0
"""How long one that asks waits for another that is asking the database."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
UNDER_WAY = ("queued", "placing", "dialing", "answered")

route_name = Names(most=500)
log = structlog.get_logger(__name__)


def own_families() -> list[Family]:
    """The metrics of this process."""
    host, frames = session_host(), TALLY.total()
    traces_sent, traces_dropped = exporter.figures()
    build = (settings.VERSION, platform.python_version())
    return [
        *families_of(REGISTRY),
        metrics.FRAMES_IN.of({(): frames.came}),
        metrics.FRAMES_OUT.of({(): frames.sent}),
        metrics.FRAMES_DROPPED.of({(): frames.dropped}),
        metrics.FRAMES_LATE.of({(): frames.late}),
        metrics.CALLS_LIMIT.of({(): settings.MAX_CALLS}),
        metrics.DRAINING.of({(): host.draining}),
        metrics.LOOP_LAG.of({(): lag_p99_ms() / 1000}),
        metrics.RECORDS_WAITING.of({(): host.records.waiting}),
        metrics.RECORDS_LOST.of({(): host.records.lost_details}),
        metrics.TRACES_SENT.of({(): traces_sent}),
        metrics.TRACES_DROPPED.of({(): traces_dropped}),
        metrics.BUILD.of({build: 1}),
    ]


class Installation:
    """The metrics of the whole installation, from the database; any thread may ask."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._families: list[Family] = []
        self._fresh_until = 0.0

    def families(self) -> list[Family]:
        """As of now, or of `FRESH_SECONDS` ago; without the database only that it is away."""
        if not self._lock.acquire(timeout=ANSWER_SECONDS):
            # Somebody has asked the database, which does not answer: one thread waits, no more.
            return [metrics.DATABASE_UP.of({(): 0})]
        try:
            if self._clock() >= self._fresh_until:
                self._families = self._read()
                self._fresh_until = self._clock() + FRESH_SECONDS
            return self._families
        finally:
            self._lock.release()

    def _read(self) -> list[Family]:
        try:
            return [metrics.DATABASE_UP.of({(): 1}), *_stored()]
        except (DatabaseError, InterfaceError) as error:
            log.warning("metrics.no_database", error=type(error).__name__)
            return [metrics.DATABASE_UP.of({(): 0})]


def _stored() -> Iterator[Family]:
    now = timezone.now()
    running = processes(now)
    # Each process tells its own records; nobody's are left out.
    waiting = [queue for queue in queues(now, running) if queue.name != "records"]
    ages = {(each.name,): (now - (each.oldest or now)).total_seconds() for each in waiting}
    yield metrics.PROCESSES.of(Counter((each.role, each.state) for each in running))
    yield metrics.QUEUE_WAITING.of({(each.name,): each.waiting for each in waiting})
    yield metrics.QUEUE_OLDEST.of({name: max(0.0, age) for name, age in ages.items()})
    yield metrics.QUEUE_DEAD.of(
        {(each.name,): each.dead for each in waiting if each.dead is not None}
    )
    states = Dialout.objects.filter(state__in=UNDER_WAY).order_by().values_list("state")
    under_way = dict(states.annotate(Count("pk")))
    yield metrics.DIALOUTS.of({(state,): under_way.get(state, 0) for state in UNDER_WAY})
    yield metrics.ALARMS.of(_active())


def _active() -> dict[tuple[str, ...], float]:
    """How many alarms there are; none of a type is said of the severity that was declared."""
    found: dict[tuple[str, ...], float] = {}
    rows = ActiveAlarm.objects.order_by().values_list("type", "severity").annotate(Count("pk"))
    for kind, severity, count in rows:
        found[kind, Severity(severity).name.lower()] = count
    known = {kind for kind, _ in found}
    for name, declared in CATALOGUE.items():
        if name not in known:
            found[name, declared.severity.name.lower()] = 0
    return found


def requests(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Count each request by its route, whose names are those of the URL table."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        began = time.perf_counter()
        status = 500
        try:
            response = get_response(request)
            status = response.status_code
        finally:
            match = request.resolver_match
            route = route_name(match.view_name or "unnamed") if match is not None else "none"
            method = request.method or ""
            method = method if method in METHODS else "other"
            metrics.HTTP_REQUESTS.labels(route, method, f"{status // 100}xx").inc()
            metrics.HTTP_DURATION.labels(route).observe(time.perf_counter() - began)
        return response

    return middleware
