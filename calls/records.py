"""The records of a process: one writer thread that puts CDRs and transcripts into the database.

Calls hand their facts over and go on; the thread writes them in batches (every 0.5 s or 100 rows,
one transaction each), and at once when a call begins. A database that is away delays records,
never a call: the batch is tried again until it is written. A fact that the database refuses is
logged and takes no other with it; the start and the end of a call are then tried without what they
can do without. The queue is bounded; when it is full, transcript lines and turns are given up
first, counted and logged, and the start and the end of a call never are.
"""

import threading
import time
import uuid
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from itertools import chain, repeat
from typing import Any, TypeVar

import msgspec
import structlog
from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    transaction,
)
from django.db.models import Q

from calls.models import Call, CallEvent, ServiceFault, Snapshot, TranscriptEntry, TurnTiming
from calls.services import LOST_REASON

FLUSH_S = 0.5
BATCH_ROWS = 100
MAX_QUEUED = 20_000
RETRY_S = (0.5, 1.0, 2.0, 5.0)

REFUSALS = (DatabaseError, ValueError, OverflowError, TypeError, RecursionError)
"""What a fact that cannot be stored raises: by the database, or by its driver that cannot encode it
(a lone surrogate, an integer beyond the column, a bot's result that is no JSON or too deep)."""

M = TypeVar("M", TranscriptEntry, TurnTiming, CallEvent, ServiceFault)

log = structlog.get_logger(__name__)


class EffectiveValues(msgspec.Struct, frozen=True, kw_only=True):
    """What a call is configured with; the fields are those of `calls.models.Snapshot`."""

    digest: str
    values: dict[str, Any]


class CallOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A call began; the fields are those of `calls.models.Call`."""

    call_id: uuid.UUID
    conversation_id: str
    channel: str
    mode: str
    direction: str
    is_test: bool
    bot_id: int | None
    bot_name: str
    bot_revision: int
    caller: str
    callee: str
    owner: str
    started_at: datetime
    transcript_days: int
    snapshot: EffectiveValues | None = None
    dialout_id: uuid.UUID | None = None


class CallDescribed(msgspec.Struct, frozen=True, kw_only=True):
    """The voice side told who calls whom, after the call was opened."""

    call_id: uuid.UUID
    caller: str
    callee: str


class DialoutAnswered(msgspec.Struct, frozen=True, kw_only=True):
    """The callee of an outbound call answered."""

    call_id: uuid.UUID
    dialout_id: uuid.UUID
    at: datetime


class DialoutDetected(msgspec.Struct, frozen=True, kw_only=True):
    """It became clear what answered: ``human`` or ``machine``."""

    call_id: uuid.UUID
    dialout_id: uuid.UUID
    detected: str


class LineHeard(msgspec.Struct, frozen=True, kw_only=True):
    """One final transcript line; the fields are those of `calls.models.TranscriptEntry`."""

    call_id: uuid.UUID
    seq: int
    offset_ms: int
    side: str
    kind: str
    text: str
    full_text: str
    confidence: float | None
    delay_ms: int | None


class TurnTimed(msgspec.Struct, frozen=True, kw_only=True):
    """When what happened in one turn; the fields are those of `calls.models.TurnTiming`."""

    call_id: uuid.UUID
    turn: int
    kind: str
    caller_stopped_ms: int
    end_decided_ms: int
    final_text_ms: int
    sent_to_bot_ms: int
    bot_answered_ms: int | None
    audio_ready_ms: int | None
    audio_sent_ms: int | None
    playback_ended_ms: int | None


class EventHappened(msgspec.Struct, frozen=True, kw_only=True):
    """Something beside what was said; the fields are those of `calls.models.CallEvent`."""

    call_id: uuid.UUID
    seq: int
    offset_ms: int
    source: str
    name: str
    detail: dict[str, Any]


class ServiceFailure(msgspec.Struct, frozen=True, kw_only=True):
    """A service failed; the fields are those of `calls.models.ServiceFault`."""

    call_id: uuid.UUID
    at: datetime
    service: str
    provider: str
    fault: str
    detail: str


class CallClosed(msgspec.Struct, frozen=True, kw_only=True):
    """A call ended; completes the CDR."""

    call_id: uuid.UUID
    ended_at: datetime
    ended_by: str
    reason_code: str
    reason: str
    cause: str
    turns: int
    frames_in: int
    frames_dropped: int
    bot_result: dict[str, object] | None
    recordings: list[str]
    transcript_expires_at: datetime | None
    faults: int = 0
    silence_median_ms: int | None = None
    silence_max_ms: int | None = None
    dialout_id: uuid.UUID | None = None


Detail = LineHeard | TurnTimed | EventHappened | ServiceFailure
"""What a call's record can do without."""
Fact = CallOpened | CallDescribed | DialoutAnswered | DialoutDetected | Detail | CallClosed


class RecordWriter:
    """The writer thread of one process: `start`, any number of `put`, `stop`."""

    def __init__(self) -> None:
        self.lost_details = 0
        self._queue: deque[Fact] = deque()
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread; safe to call twice."""
        if self._thread is None:
            self._stopping = False
            self._thread = threading.Thread(target=self._run, name="records", daemon=True)
            self._thread.start()

    def put(self, fact: Fact) -> None:
        """Hand over one fact; never blocks. Facts of one call are written in this order."""
        if len(self._queue) >= MAX_QUEUED and isinstance(fact, Detail):
            self.lost_details += 1
            if self.lost_details == 1:
                log.error("records.full", queued=len(self._queue))
            return
        self._queue.append(fact)
        # The live page links to a call at once, so its row must not wait for the next flush.
        if isinstance(fact, CallOpened) or len(self._queue) >= BATCH_ROWS:
            self._wake.set()

    def stop(self, timeout_s: float) -> bool:
        """Write what is queued and end the thread; False when ``timeout_s`` was not enough."""
        if self._thread is None:
            return True
        self._stopping = True
        self._wake.set()
        self._thread.join(timeout_s)
        if self._thread.is_alive():
            log.error("records.unwritten", queued=len(self._queue))
            return False
        self._thread = None
        return True

    def _run(self) -> None:
        try:
            while not (self._stopping and not self._queue):
                self._wake.wait(FLUSH_S)
                self._wake.clear()
                while self._queue:
                    self._write_batch()
        finally:
            close_old_connections()

    def _write_batch(self) -> None:
        batch = [self._queue[i] for i in range(min(BATCH_ROWS, len(self._queue)))]
        try:
            _write_patiently(batch)
        except REFUSALS:
            for fact in batch:
                _write_alone(fact)
        for _ in batch:
            self._queue.popleft()


def _write_patiently(facts: Sequence[Fact]) -> None:
    """Write ``facts``, again and again while the database is away.

    Raises:
        REFUSALS: the database is there and does not take them; nothing was written.
    """
    for wait_s in chain(RETRY_S, repeat(RETRY_S[-1])):
        try:
            write(facts)
        except (OperationalError, InterfaceError) as error:
            log.warning("records.retry", error=type(error).__name__, wait_s=wait_s)
            close_old_connections()
            time.sleep(wait_s)
        else:
            return


def _write_alone(fact: Fact) -> None:
    """Write one fact, if need be without what the call's record can do without."""
    try:
        _write_patiently([fact])
    except REFUSALS as error:
        kind, reason = type(fact).__name__, type(error).__name__
        log.error("records.refused", fact=kind, call=str(fact.call_id), error=reason)
        lesser = _lesser(fact)
        if lesser is not None:
            _write_alone(lesser)


def _lesser(fact: Fact) -> Fact | None:
    """``fact`` without what may be the trouble: a deleted bot, a snapshot, the bot's result."""
    if isinstance(fact, CallOpened) and fact.bot_id is not None:
        return msgspec.structs.replace(fact, bot_id=None)
    if isinstance(fact, CallOpened) and fact.snapshot is not None:
        return msgspec.structs.replace(fact, snapshot=None)
    if isinstance(fact, CallClosed) and fact.bot_result is not None:
        return msgspec.structs.replace(fact, bot_result=None)
    return None


def write(batch: Sequence[Fact]) -> None:
    """Write facts in one transaction; writing the same facts again changes nothing.

    Raises:
        DatabaseError: nothing was written.
    """
    opened = [fact for fact in batch if isinstance(fact, CallOpened)]
    lines = [_row(TranscriptEntry, fact) for fact in batch if isinstance(fact, LineHeard)]
    turns = [_row(TurnTiming, fact) for fact in batch if isinstance(fact, TurnTimed)]
    happened = [_row(CallEvent, fact) for fact in batch if isinstance(fact, EventHappened)]
    failures = [_row(ServiceFault, fact) for fact in batch if isinstance(fact, ServiceFailure)]
    with transaction.atomic():
        snapshots = _snapshots([fact.snapshot for fact in opened if fact.snapshot is not None])
        calls = [_call(fact, snapshots) for fact in opened]
        Call.objects.bulk_create(calls, ignore_conflicts=True)
        TranscriptEntry.objects.bulk_create(lines, ignore_conflicts=True)
        TurnTiming.objects.bulk_create(turns, ignore_conflicts=True)
        CallEvent.objects.bulk_create(happened, ignore_conflicts=True)
        ServiceFault.objects.bulk_create(failures)
        for fact in batch:
            if isinstance(fact, CallDescribed | CallClosed):
                _update(fact)


def _snapshots(wanted: Sequence[EffectiveValues]) -> dict[str, int]:
    """The keys of the rows of ``wanted`` by digest; rows that are missing are made."""
    if not wanted:
        return {}
    by_digest = {each.digest: each for each in wanted}
    rows = Snapshot.objects.filter(digest__in=by_digest).values_list("digest", "pk")
    known = dict(rows)
    if missing := by_digest.keys() - known.keys():
        made = [Snapshot(digest=digest, values=by_digest[digest].values) for digest in missing]
        Snapshot.objects.bulk_create(made, ignore_conflicts=True)
        known = dict(rows.all())
    return known


def _call(fact: CallOpened, snapshots: dict[str, int]) -> Call:
    values = msgspec.structs.asdict(fact)
    snapshot: EffectiveValues | None = values.pop("snapshot")
    del values["dialout_id"]
    snapshot_id = snapshots[snapshot.digest] if snapshot is not None else None
    return Call(id=values.pop("call_id"), snapshot_id=snapshot_id, **values)


def _row(model: type[M], fact: Detail) -> M:
    return model(**msgspec.structs.asdict(fact))


def _update(fact: CallDescribed | CallClosed) -> None:
    values = msgspec.structs.asdict(fact)
    values.pop("dialout_id", None)
    unfinished = Q(state=Call.State.ACTIVE)
    if isinstance(fact, CallClosed):
        values["state"] = Call.State.ENDED
        # After an outage of the database a living process may have been taken for dead.
        unfinished |= Q(reason=LOST_REASON)
    Call.objects.filter(unfinished, pk=values.pop("call_id")).update(**values)
