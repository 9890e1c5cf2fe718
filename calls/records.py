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
from itertools import chain, repeat
from typing import TypeVar

import msgspec
import structlog
from django.db import (
    InterfaceError,
    OperationalError,
    close_old_connections,
    transaction,
)
from django.db.models import Q

from calls import callevents
from calls.dialouts import progress
from calls.facts import (
    AgentTold,
    CallClosed,
    CallDescribed,
    CallOpened,
    Detail,
    DialoutAnswered,
    DialoutDetected,
    DialoutPutBack,
    DialoutRefused,
    DialoutTaken,
    EffectiveValues,
    EventHappened,
    Fact,
    LineHeard,
    Placing,
    Row,
    ServiceFailure,
    TurnTimed,
)
from calls.models import Call, CallEvent, ServiceFault, Snapshot, TranscriptEntry, TurnTiming
from calls.services import LOST_REASON

FLUSH_S = 0.5
BATCH_ROWS = 100
MAX_QUEUED = 20_000
RETRY_S = (0.5, 1.0, 2.0, 5.0)

TOLD = (CallOpened, LineHeard, AgentTold, CallClosed)
"""Facts that a call's webhook may be told."""

M = TypeVar("M", TranscriptEntry, TurnTiming, CallEvent, ServiceFault)

log = structlog.get_logger(__name__)


class RecordWriter:
    """The writer thread of one process: `start`, any number of `put`, `stop`."""

    def __init__(self) -> None:
        self.lost_details = 0
        self._queue: deque[Fact] = deque()
        self._written_at = time.monotonic()
        """When the queue was last empty, or something of it was written."""
        self._wake = threading.Event()
        self._stopping = False
        self._thread: threading.Thread | None = None

    @property
    def waiting(self) -> int:
        """How many facts are not written yet."""
        return len(self._queue)

    @property
    def behind_s(self) -> float:
        """For how long nothing could be written although something waits; 0 without a delay."""
        return time.monotonic() - self._written_at if self._queue else 0.0

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
        if not self._queue:
            self._written_at = time.monotonic()
        self._queue.append(fact)
        if _urgent(fact) or len(self._queue) >= BATCH_ROWS:
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
        except Exception:  # noqa: BLE001 - logged with the fact that it is about
            for fact in batch:
                _write_alone(fact)
        for _ in batch:
            self._queue.popleft()
        self._written_at = time.monotonic()


def _urgent(fact: Fact) -> bool:
    """Whether somebody waits for ``fact``: the live page links to a call, dialers want to know."""
    if isinstance(fact, CallClosed):
        return fact.dialout_id is not None
    return isinstance(fact, CallOpened | DialoutAnswered | Placing)


def _write_patiently(facts: Sequence[Fact]) -> None:
    """Write ``facts``, again and again while the database is away.

    Raises:
        Exception: the database is there and does not take them, or its driver cannot encode them (a
            lone surrogate, an integer beyond the column, a bot's result that is no JSON or too
            deep), or what they tell others cannot be made; nothing was written.
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
    except Exception as error:  # noqa: BLE001 - the thread must outlive every fact
        kind, reason = type(fact).__name__, type(error).__name__
        whose = fact.dialout_id if isinstance(fact, Placing) else fact.call_id
        log.error("records.refused", fact=kind, call=str(whose), error=reason)
        lesser = _lesser(fact)
        if lesser is not None:
            _write_alone(lesser)


def _lesser(fact: Fact) -> Fact | None:
    """``fact`` without what may be the trouble: a webhook, a deleted bot, a snapshot, a result."""
    if isinstance(fact, CallOpened) and fact.webhook is not None:
        return msgspec.structs.replace(fact, webhook=None)
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
            _follow(fact)
        _tell(batch)


def _follow(fact: Fact) -> None:
    """Change what is there already: the call's row, and its dialout."""
    match fact:
        case CallOpened(dialout_id=uuid.UUID() as dialout_id):
            at = fact.started_at
            progress.opened(dialout_id, call_id=fact.call_id, owner=fact.owner, at=at)
        case DialoutAnswered():
            progress.answered(fact.dialout_id, call_id=fact.call_id, at=fact.at)
        case DialoutDetected():
            progress.detected(fact.dialout_id, call_id=fact.call_id, what=fact.detected)
        case CallDescribed() | CallClosed():
            _update(fact)
        case DialoutTaken():
            progress.taken(fact.dialout_id, carrier_call_id=fact.carrier_call_id, at=fact.at)
        case DialoutRefused():
            progress.refused(**msgspec.structs.asdict(fact))
        case DialoutPutBack():
            progress.put_back(**msgspec.structs.asdict(fact))


def _tell(batch: Sequence[Fact]) -> None:
    """Tell the webhooks of calls what the batch holds; telling it again changes nothing."""
    told = [fact for fact in batch if isinstance(fact, TOLD)]
    ids = {fact.call_id for fact in told}
    calls = {call.pk: call for call in Call.objects.filter(pk__in=ids, webhook__isnull=False)}
    for fact in told:
        if fact.call_id not in calls:
            continue
        call = calls[fact.call_id]
        match fact:
            case CallOpened():
                callevents.started(call)
            case LineHeard():
                callevents.line(call, fact)
            case AgentTold():
                callevents.agent(call, fact)
            case CallClosed():
                callevents.ended(call)


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


def _row(model: type[M], fact: Row) -> M:
    return model(**msgspec.structs.asdict(fact))


def _update(fact: CallDescribed | CallClosed) -> None:
    values = msgspec.structs.asdict(fact)
    dialout_id: uuid.UUID | None = values.pop("dialout_id", None)
    unfinished = Q(state=Call.State.ACTIVE)
    if isinstance(fact, CallClosed):
        values["state"] = Call.State.ENDED
        # After an outage of the database a living process may have been taken for dead.
        unfinished |= Q(reason=LOST_REASON)
    Call.objects.filter(unfinished, pk=values.pop("call_id")).update(**values)
    if isinstance(fact, CallClosed) and dialout_id is not None:
        progress.closed(
            dialout_id,
            call_id=fact.call_id,
            ended_by=fact.ended_by,
            reason_code=fact.reason_code,
            reason=fact.reason,
            at=fact.ended_at,
        )
