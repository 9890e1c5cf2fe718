"""A crowd of processes that report alarms all at once; run it with the environment of a gateway.

``crowd.py HISTORY PROCESSES SINGLE BATCHES SIZE``: the history holds ``HISTORY`` events, less than
are told while some reports wait for the lock. Each process makes ``SINGLE`` reports one by one and
``BATCHES`` times ``SIZE`` together. What was reported and what came of it is written into the table
``crowd``, in the transaction that holds the lock, so that its numbers are the order of the lock.
One more process looks at the history all the time. The exit code is 0 when nobody failed; what is
left is printed as JSON.
"""

import json
import os
import random
import sys
import time
from datetime import UTC, datetime, timedelta

import django

START = datetime(2026, 5, 4, 12, tzinfo=UTC)
FAST = 1000
"""Reports are made within seconds and say that they were made within hours."""


def main(history: int, processes: int, single: int, batches: int, size: int) -> int:
    """Run the crowd."""
    from django.conf import settings

    django.setup()
    settings.ALARM_HISTORY = history
    _make_table()
    begin = time.monotonic() + 0.1
    done, end = os.pipe()
    children = [_fork(_report, seed, begin, single, batches, size) for seed in range(processes)]
    watcher = _fork(_watch, done, end)
    os.close(done)
    failed = sum(os.waitpid(child, 0)[1] != 0 for child in children)
    os.close(end)
    failed += os.waitpid(watcher, 0)[1] != 0
    print(json.dumps(_left()))
    return failed


def _fork(action: object, *arguments: object) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            action(*arguments)  # type: ignore[operator]
            code = 0
        finally:
            os._exit(code)
    return child


def _make_table() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE crowd (n BIGINT PRIMARY KEY, reports TEXT, events TEXT)")
    connection.close()
    if hasattr(connection, "close_pool"):
        connection.close_pool()  # NB a pool is not to be shared with children


def _report(seed: int, begin: float, single: int, batches: int, size: int) -> None:
    from alarms.core.catalogue import STT_PROVIDER_FAILURE, WORKER_DOWN
    from alarms.core.severity import Severity
    from alarms.core.state import Report

    chance = random.Random(seed)
    severities = [None, None, Severity.MINOR, Severity.CRITICAL, Severity.CLEAR, Severity.CLEAR]
    keys = [(STT_PROVIDER_FAILURE.name, f"provider:{n}") for n in range(5)]
    keys.append((WORKER_DOWN.name, "worker"))

    def made() -> Report:
        kind, source = chance.choice(keys)
        elapsed = max(0.0, time.monotonic() - begin) * FAST
        return Report(
            type=kind,
            source=source,
            at=START + timedelta(seconds=elapsed - chance.choice([0, 0, 0, 5, 600])),
            severity=chance.choice(severities),
            count=chance.randint(1, 3),
            own=chance.random() < 0.7,
        )

    sizes = [1] * single + [size] * batches
    chance.shuffle(sizes)
    time.sleep(max(0.0, begin - time.monotonic()))
    for many in sizes:
        _tell([made() for _ in range(many)])


def _tell(reports: list[object]) -> None:
    import msgspec
    from django.db import connection, transaction

    from alarms.services.ledger import locked_ledger
    from alarms.services.reporting import tell

    with transaction.atomic():
        locked_ledger()
        events = [
            (each.type, each.source, each.kind, each.previous, each.severity, each.seq)
            for each in tell(reports)  # type: ignore[arg-type]
        ]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO crowd SELECT COALESCE(MAX(n), 0) + 1, %s, %s FROM crowd",
                [msgspec.json.encode(reports).decode(), json.dumps(events)],
            )


def _watch(done: int, end: int) -> None:
    """Look until everybody is done; fails when the history was ever larger than it may be."""
    import select

    from django.conf import settings

    from alarms.models import AlarmEvent

    os.close(end)
    looks = 0
    while not select.select([done], [], [], 0.005)[0]:
        seqs = list(AlarmEvent.objects.values_list("seq", flat=True))
        assert len(seqs) <= settings.ALARM_HISTORY, len(seqs)
        assert seqs == list(range(max(seqs, default=0), max(seqs, default=0) - len(seqs), -1))
        looks += 1
    assert looks > 3


def _left() -> dict[str, object]:
    """What everybody reported, the history, what is active, the last number."""
    from django.db import connection

    from alarms.models import ActiveAlarm, AlarmEvent, Ledger

    with connection.cursor() as cursor:
        cursor.execute("SELECT reports, events FROM crowd ORDER BY n")
        told = cursor.fetchall()
    columns = ("type", "source", "kind", "previous", "severity", "seq")
    return {
        "told": [(json.loads(reports), json.loads(events)) for reports, events in told],
        "history": list(AlarmEvent.objects.order_by("seq").values_list(*columns)),
        "active": list(ActiveAlarm.objects.values_list("type", "source", "severity", "count")),
        "last_seq": Ledger.objects.get().last_seq,
    }


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
