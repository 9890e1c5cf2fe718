"""The way of traces out of a process: a bounded queue and one thread.

Calls hand over what happened and go on. When the collector is away or slow, the oldest of what
waits is given up and counted; that the collector is away is said once, and once that it is back.
"""

import threading
from collections import deque
from collections.abc import Mapping

import structlog

from calls.telemetry.traces import Send, Span, Tell, Told

MAX_WAITING = 10_000
"""Turns and calls."""
BATCH = 200
FLUSH_S = 5.0
PAUSES_S = (1.0, 5.0, 30.0)
"""Before what could not be sent is tried again; then it is given up."""
STOP_S = 3.0

log = structlog.get_logger(__name__)


class Exporter:
    """Sends what it is told until `stop`; ``sent`` and ``dropped`` count turns and calls."""

    def __init__(self, send: Send, *, most: int = MAX_WAITING) -> None:
        self.sent = 0
        self.dropped = 0
        self._send = send
        self._waiting: deque[Told] = deque()
        self._most = most
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._away = False
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def tell(self, told: Told) -> None:
        """Take it along; never blocks. Any thread may tell."""
        if len(self._waiting) >= self._most:
            self._waiting.popleft()
            self.dropped += 1
        self._waiting.append(told)
        if len(self._waiting) >= BATCH:
            self._wake.set()

    def stop(self) -> None:
        """Send what waits, once, and end the thread; takes `STOP_S` at most."""
        self._stopping.set()
        self._wake.set()
        self._thread.join(STOP_S)

    def _run(self) -> None:
        stopping = False
        while not stopping:
            self._wake.wait(FLUSH_S)
            self._wake.clear()
            # NB before the flush: what was told meanwhile is sent by one more.
            stopping = self._stopping.is_set()
            try:
                self.flush()
            except Exception:
                # The root of the thread: what broke is given up, later traces go on.
                log.exception("traces.export_failed")

    def flush(self) -> None:
        """Send all that waits by now, in batches."""
        left = len(self._waiting)
        while left > 0:
            batch = [self._waiting.popleft() for _ in range(min(left, BATCH, len(self._waiting)))]
            left -= max(1, len(batch))
            taken = False
            try:
                taken = self._taken([span for told in batch for span in told()])
            finally:
                self.sent += len(batch) if taken else 0
                self.dropped += 0 if taken else len(batch)

    def _taken(self, spans: list[Span]) -> bool:
        for pause_s in (*PAUSES_S, None):
            if self._send(spans):
                if self._away:
                    log.info("traces.collector_back")
                self._away = False
                return True
            if not self._away:
                log.warning("traces.collector_away")
            self._away = True
            if pause_s is None or self._stopping.wait(pause_s):
                break
        return False


_exporter: Exporter | None = None


def start(endpoint: str, resource: Mapping[str, str]) -> None:
    """Send the traces of this process to the collector at ``endpoint``; empty: nowhere.

    ``resource`` says what the traces are from. Safe to call twice.
    """
    global _exporter
    if not endpoint or _exporter is not None:
        return
    try:
        from calls.telemetry import otlp
    except ImportError:
        log.error("traces.extra_missing", hint="pip install 'voice-ai-gateway[otel]'")
        return
    _exporter = Exporter(otlp.sender(endpoint, resource))
    _exporter.start()


def stop() -> None:
    """Send what is left and end; safe to call without `start`."""
    global _exporter
    ending, _exporter = _exporter, None
    if ending is not None:
        ending.stop()


def listening() -> Tell | None:
    """Whom to tell of calls; None when traces go nowhere."""
    return None if _exporter is None else _exporter.tell


def figures() -> tuple[int, int]:
    """How many turns and calls were sent, and how many were given up."""
    return (0, 0) if _exporter is None else (_exporter.sent, _exporter.dropped)
