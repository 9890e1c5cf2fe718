"""Telling that the database is away, while nothing can be read or written there.

One process of a machine does so, whoever holds a lock on a file, with destinations that it keeps in
memory. What it told is in a second file, so that any process can go on with it or write it down
when the database is back.
"""

import fcntl
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import msgspec
import structlog
from django.conf import settings
from django.utils import timezone

from alarms.core.catalogue import DATABASE_UNAVAILABLE
from alarms.core.policy import Policy
from alarms.core.ports import Notice
from alarms.core.severity import Severity
from alarms.models import Destination, Ledger
from alarms.selectors import policies_of
from alarms.services.notices import about, wants
from alarms.services.notifying import Emergency

LOCK, STATE = "alarms.lock", "alarms.emergency.json"

Sender = Callable[[Notice, Destination], None]
"""Sends a notice to a destination soon, and calls `told` when that worked; returns at once."""

log = structlog.get_logger(__name__)


class _Watch:
    """What this process knows for the time without a database."""

    def __init__(self) -> None:
        self.destinations: tuple[Destination, ...] = ()
        self.policy: Policy | None = None
        self.version = -1
        self.sender: Sender | None = None
        self._file: IO[bytes] | None = None
        self._unwritten: Emergency | None = None
        self._writing = threading.Lock()

    def holds(self) -> bool:
        """Whether this process is the one that tells; where nobody can write, each one does."""
        with self._writing:
            if self._file is None:
                try:
                    file = (settings.VAR_DIR / LOCK).open("ab")
                except OSError:
                    return True
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except OSError:
                    file.close()
                    return False
                self._file = file
            return True

    def release(self) -> None:
        """Let another process tell the next time."""
        with self._writing:
            if self._file is not None:
                self._file.close()
                self._file = None

    def begin(self, detail: str, at: datetime) -> Emergency | None:
        """The emergency that goes on or begins; None: it is not wanted, or nobody is known."""
        policy, source = self.policy, DATABASE_UNAVAILABLE.source()
        if policy is None or not policy.applies(source):
            return None
        with self._writing:
            known = self.known()
            if known is None:
                known = Emergency(
                    alarm_id=uuid.uuid4(),
                    at=at,
                    severity=int(policy.severity),
                    text=policy.worded(source, detail),
                    detail=detail,
                )
                self._keep(known)
        return known

    def known(self) -> Emergency | None:
        """What was told, by any process, and may not be written down yet."""
        return self._unwritten or _read()

    def forget(self) -> None:
        """It is written down."""
        self._unwritten = None
        _file().unlink(missing_ok=True)

    def _keep(self, known: Emergency) -> None:
        # NB the disk that is full may be why the database is away: then memory has to do.
        try:
            _write(known)
        except OSError as error:
            log.warning("alarms.emergency_not_kept", error=type(error).__name__)
            self._unwritten = known
        else:
            self._unwritten = None

    def told(self, destination: int) -> None:
        """Note that ``destination`` has it."""
        with self._writing:
            known = self.known()
            if known is not None and destination not in known.told:
                self._keep(msgspec.structs.replace(known, told=(*known.told, destination)))


_watch = _Watch()


def send_by(sender: Sender | None) -> None:
    """Have notices sent by ``sender``, that of the courier of this process."""
    _watch.sender = sender


def remember() -> Sequence[Destination] | None:
    """Keep in memory what is needed without the database; asks the database.

    The destinations that are switched on, when something may have changed.
    """
    version = Ledger.objects.filter(pk=1).values_list("version", flat=True).first() or 0
    if version != _watch.version:
        # NB the destinations last: another thread takes them for all that is needed.
        _watch.policy = policies_of([DATABASE_UNAVAILABLE])[DATABASE_UNAVAILABLE.name]
        _watch.destinations = tuple(Destination.objects.filter(enabled=True))
        _watch.version = version
        return _watch.destinations
    return None


def away(detail: str) -> None:
    """The database is still away; to be called every second or so. Never raises, never waits."""
    try:
        _away(detail)
    except OSError as error:
        log.warning("alarms.emergency_failed", error=type(error).__name__)


def _away(detail: str) -> None:
    sender = _watch.sender
    if sender is None or not _watch.holds():
        return
    emergency = _watch.begin(detail, timezone.now())
    if emergency is None:
        return
    for destination in _waiting(_watch.destinations, emergency):
        sender(_notice(emergency, destination), destination)


def _waiting(destinations: Sequence[Destination], emergency: Emergency) -> list[Destination]:
    kind, source = DATABASE_UNAVAILABLE.name, DATABASE_UNAVAILABLE.source()
    return [
        each
        for each in destinations
        if each.pk not in emergency.told and wants(each, kind, source, emergency.severity)
    ]


def _notice(emergency: Emergency, destination: Destination) -> Notice:
    return about(
        DATABASE_UNAVAILABLE,
        id=str(uuid.uuid5(emergency.alarm_id, str(destination.pk))),
        kind="raised",
        seq=0,
        alarm_id=str(emergency.alarm_id),
        source=DATABASE_UNAVAILABLE.source(),
        severity=Severity(emergency.severity),
        previous=None,
        text=emergency.text,
        detail=emergency.detail,
        at=emergency.at,
        raised_at=emergency.at,
        count=1,
    )


def told(destination: int) -> None:
    """``destination`` has what `Sender` was given for it."""
    try:
        _watch.told(destination)
    except OSError as error:
        log.warning("alarms.emergency_failed", error=type(error).__name__)


def known() -> Emergency | None:
    """What was told while the database was away and may not be written down yet, by any process.

    Whoever writes down that the database was away writes this, and not an alarm of its own.
    """
    try:
        return _watch.known()
    except OSError:
        return None


def ended() -> Emergency | None:
    """What was told while the database was away and is not written down yet.

    It is for the process that told it, as long as that lives: the database may still be out of its
    reach when others have it back.
    """
    try:
        told = _watch.known()
        return told if told is not None and _watch.holds() else None
    except OSError:
        return None


def written() -> None:
    """It is written down; the next time is another one."""
    _watch.forget()
    _watch.release()


def _file() -> Path:
    path: Path = settings.VAR_DIR / STATE
    return path


def _read() -> Emergency | None:
    try:
        return msgspec.json.decode(_file().read_bytes(), type=Emergency)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        # Cut off by a full disk or a crash: nothing to go on with.
        _file().unlink(missing_ok=True)
        return None


def _write(emergency: Emergency) -> None:
    draft = _file().with_suffix(".new")
    draft.write_bytes(msgspec.json.encode(emergency))
    draft.replace(_file())
