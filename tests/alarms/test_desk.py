"""What is told at the desk of a process becomes alarms, whatever the database does."""

import fcntl
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.db.backends.signals import connection_created
from django.utils import timezone
from structlog.testing import capture_logs

from alarms.board import Board, Snapshot
from alarms.core.catalogue import (
    BOT_MISCONFIGURED,
    CATALOGUE,
    DATABASE_UNAVAILABLE,
    DISK_SPACE,
    OAUTH_REFRESH,
)
from alarms.core.declare import MAX_TEXT_CHARS, AlarmType
from alarms.core.evidence import REPEAT_S, RETRY_S, Key
from alarms.core.ports import Notice
from alarms.core.severity import Severity
from alarms.core.state import WITNESS_S
from alarms.desk import HANG_S, SWEEP_S, Desk, Notices
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Destination, Ledger
from alarms.services import emergency
from alarms.services.handling import silence
from alarms.services.ledger import locked_ledger, write
from bots.core.roles import ROLES
from bots.people import Person

WAIT_S = 30.0

db = pytest.mark.django_db


class Bench:
    """A desk with a board and a clock of its own."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.board = Board()
        self.desk = Desk(self.board, clock=lambda: self.now, look_s=0.02)

    def shown(self) -> set[tuple[str, Severity]]:
        """What the board shows after a turn."""
        self.desk.flush()
        return {(alarm.source, alarm.severity) for alarm in self.board.current().alarms}

    def sources(self) -> set[str]:
        return {source for source, _ in self.shown()}


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.desk.stop()


def customise(kind: AlarmType, **values: Any) -> None:
    AlarmRule.objects.create(type=kind.name, changed_at=timezone.now(), **values)
    news()


def news() -> None:
    """Have every board drawn anew."""
    with transaction.atomic():
        write(locked_ledger(), [])


# --- telling --------------------------------------------------------------------------------------


@db
def test_enough_failures_are_an_alarm_until_it_works(bench: Bench) -> None:
    bench.desk.failed(OAUTH_REFRESH, "azure", "HTTP 500")
    assert bench.shown() == set()
    bench.desk.failed(OAUTH_REFRESH, "azure", "HTTP 502")
    assert bench.shown() == {("token:azure", Severity.MAJOR)}
    assert ActiveAlarm.objects.get().text == "No token from azure: HTTP 502"
    bench.desk.worked(OAUTH_REFRESH, "azure")
    assert bench.shown() == set()
    assert [event.count for event in AlarmEvent.objects.all()] == [2, 2]


@db
def test_repeats_are_written_together(bench: Bench) -> None:
    bench.desk.failed(OAUTH_REFRESH, "azure", certain=True)
    bench.shown()
    for _ in range(7):
        bench.desk.failed(OAUTH_REFRESH, "azure")
    bench.shown()
    assert ActiveAlarm.objects.get().count == 1
    bench.now += REPEAT_S
    bench.shown()
    assert ActiveAlarm.objects.get().count == 8


@db
def test_a_condition_holds_until_it_is_over(bench: Bench) -> None:
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    assert bench.shown() == {("host", Severity.MAJOR)}
    bench.desk.holds(DISK_SPACE, "", "1 % left", Severity.CRITICAL)
    assert bench.shown() == {("host", Severity.CRITICAL)}
    bench.desk.over(DISK_SPACE)
    assert bench.shown() == set()


@db
def test_only_what_was_found_holds(bench: Bench) -> None:
    bench.desk.only(BOT_MISCONFIGURED, {"taxi": "no voice", "pizza": "no bot"})
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    assert bench.sources() == {"bot:taxi", "bot:pizza", "host"}
    bench.desk.only(BOT_MISCONFIGURED, {"pizza": "no bot", "hotel": "no voice"})
    assert bench.sources() == {"bot:pizza", "bot:hotel", "host"}


@db
def test_what_works_needs_no_memory(bench: Bench) -> None:
    for number in range(3):
        bench.desk.worked(OAUTH_REFRESH, str(number))
        bench.desk.over(DISK_SPACE, str(number))
    assert len(bench.desk._evidence) == 0


@db
def test_what_another_process_raised_is_cleared_by_who_knows_that_it_works(bench: Bench) -> None:
    other = Bench()
    other.desk.failed(OAUTH_REFRESH, "azure", certain=True)
    other.desk.holds(DISK_SPACE, "", "2 % left")
    other.shown()
    assert bench.sources() == {"token:azure", "host"}
    bench.desk.worked(OAUTH_REFRESH, "azure")
    bench.desk.over(DISK_SPACE)
    # The other process sees that the disk is full; this one has never seen it.
    assert bench.sources() == {"host"}
    ActiveAlarm.objects.update(last_at=timezone.now() - 2 * timedelta(seconds=WITNESS_S))
    bench.now += RETRY_S
    bench.desk.over(DISK_SPACE)
    assert bench.sources() == set()


@db
def test_what_is_away_and_held_comes_back_as_it_came(bench: Bench) -> None:
    for _ in range(2):
        bench.desk.failed(OAUTH_REFRESH, "azure")
    assert bench.sources() == {"token:azure"}
    now = timezone.now()
    ActiveAlarm.objects.update(held_since=now, held_until=now + timedelta(minutes=1))
    news()
    bench.shown()
    bench.now += REPEAT_S
    # One failure is none as long as it takes two; that it works is no news.
    bench.desk.failed(OAUTH_REFRESH, "azure")
    bench.desk.worked(OAUTH_REFRESH, "azure")
    bench.shown()
    assert ActiveAlarm.objects.get().held_since == now
    bench.desk.failed(OAUTH_REFRESH, "azure")
    bench.shown()
    alarm = ActiveAlarm.objects.get()
    assert (alarm.held_since, alarm.count) == (None, 4)
    bench.desk.worked(OAUTH_REFRESH, "azure")
    assert bench.shown() == set()


@db
@pytest.mark.parametrize(
    "text",
    ["a\0b", "a\r\nb", "a\ud800b", "\x1b]0;x\x07", "x" * 10_000_000, "{source}{detail}", "%s"],
)
def test_hostile_names_and_details_are_stored_as_one_line(bench: Bench, text: str) -> None:
    bench.desk.failed(OAUTH_REFRESH, text, text, certain=True)
    bench.shown()
    alarm = ActiveAlarm.objects.get()
    assert alarm.source.isprintable()
    assert alarm.detail.isprintable()
    assert len(alarm.text) <= MAX_TEXT_CHARS
    bench.desk.worked(OAUTH_REFRESH, text)
    assert bench.shown() == set()


@db
def test_rules_count_from_the_next_turn(bench: Bench) -> None:
    bench.shown()
    customise(BOT_MISCONFIGURED, severity=2, sources=["taxi"])
    customise(OAUTH_REFRESH, count=1)
    bench.shown()
    bench.desk.holds(BOT_MISCONFIGURED, "taxi")
    bench.desk.holds(BOT_MISCONFIGURED, "pizza")
    bench.desk.failed(OAUTH_REFRESH, "azure")
    assert bench.shown() == {("bot:taxi", Severity.WARNING), ("token:azure", Severity.MAJOR)}


@db
def test_the_room_below_tells_by_names(bench: Bench) -> None:
    notices = Notices(bench.desk)
    notices.failed(OAUTH_REFRESH.name, "azure", "HTTP 401", certain=True)
    assert bench.sources() == {"token:azure"}
    notices.worked(OAUTH_REFRESH.name, "azure")
    assert bench.sources() == set()
    with capture_logs() as logs:
        notices.failed("unknown", "x", "", certain=True)
        notices.worked("unknown", "x")
    assert [line["event"] for line in logs] == ["alarms.unknown_type"]


@db
def test_time_alone_is_looked_after_now_and_then(bench: Bench) -> None:
    bench.desk.failed(OAUTH_REFRESH, "azure", certain=True)
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    bench.shown()
    mia = Person(user_id=1, name="mia", permissions=ROLES["operator"].grants)
    disk, token = ActiveAlarm.objects.order_by("source")
    silence([disk.alarm_id], who=mia, until=timezone.now() + timedelta(hours=1))
    ActiveAlarm.objects.filter(pk=disk.pk).update(silenced_until=timezone.now())
    ActiveAlarm.objects.filter(pk=token.pk).update(last_at=token.last_at - timedelta(hours=1))
    news()
    assert bench.sources() == {"host", "token:azure"}
    bench.now += SWEEP_S
    bench.desk.flush()
    bench.desk.flush()
    assert bench.sources() == {"host"}
    assert bench.board.current().alarms[0].silenced_until is None


# --- the board ------------------------------------------------------------------------------------


@db
def test_the_board_is_drawn_anew_only_when_something_changed(
    bench: Bench, django_assert_num_queries: Any
) -> None:
    seen: list[Snapshot] = []
    unsubscribe = bench.board.subscribe(seen.append)
    assert bench.board.current().version == -1
    assert bench.board.refresh()
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    bench.desk.flush()
    assert seen[-1] is bench.board.current()
    assert seen[-1].keys == {Key(DISK_SPACE.name, "host")}
    assert seen[-1].counts == {Severity.MAJOR: 1}
    assert seen[-1].policies.keys() == CATALOGUE.keys()
    with django_assert_num_queries(1):
        assert not bench.board.refresh()
    unsubscribe()
    Ledger.objects.update(version=99)
    assert bench.board.refresh()
    assert len(seen) == 2


@db
def test_what_has_not_changed_is_the_same_object_for_all_who_look(bench: Bench) -> None:
    mia = Person(user_id=1, name="mia", permissions=ROLES["operator"].grants)
    stranger = Person(user_id=2, name="eve", permissions=frozenset())
    bench.desk.only(BOT_MISCONFIGURED, {"taxi": "", "pizza": ""})
    bench.desk.flush()
    first = bench.board.visible_to(mia)
    news()
    assert bench.board.refresh()
    assert bench.board.visible_to(mia) is first
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    bench.desk.flush()
    then = bench.board.visible_to(mia)
    assert {id(each) for each in first} < {id(each) for each in then}
    assert bench.board.visible_to(stranger) == ()


@db
def test_a_broken_listener_keeps_nobody_from_anything(bench: Bench) -> None:
    seen: list[Snapshot] = []

    def broken(snapshot: Snapshot) -> None:
        raise ValueError("no")

    bench.board.subscribe(broken)
    bench.board.subscribe(seen.append)
    with capture_logs() as logs:
        assert bench.board.refresh()
    assert len(seen) == 1
    assert [line["event"] for line in logs] == ["board.listener_failed"]


@db
def test_the_board_shows_each_what_they_may_see(bench: Bench) -> None:
    bench.desk.only(BOT_MISCONFIGURED, {"taxi": "", "pizza": ""})
    bench.desk.flush()
    operator = ROLES["operator"].grants
    mia = Person(user_id=1, name="mia", permissions=operator)
    tom = Person(user_id=2, name="tom", permissions=operator, bots=frozenset({"taxi"}))
    assert len(bench.board.visible_to(mia)) == 2
    assert [alarm.source for alarm in bench.board.visible_to(tom)] == ["bot:taxi"]


# --- without a database ---------------------------------------------------------------------------


class Outage:
    """Whether statements fail, in every thread."""

    def __init__(self) -> None:
        self.away = False
        self.full = False
        self.refuses = ""
        self.noticed = threading.Event()

    def __call__(self, execute: Any, sql: str, *arguments: Any) -> Any:
        if self.away:
            self.noticed.set()
            raise OperationalError("connection refused\nat password=secret")
        if self.full and sql.startswith(("INSERT", "UPDATE")):
            raise OperationalError("database or disk is full")
        if self.refuses and self.refuses in str(arguments[0]):
            raise ValueError("cannot be encoded")
        return execute(sql, *arguments)

    def listen(self, connection: Any, **_: Any) -> None:
        if self not in connection.execute_wrappers:
            connection.execute_wrappers.append(self)


@pytest.fixture
def outage() -> Iterator[Outage]:
    made = Outage()
    with connection.execute_wrapper(made):
        connection_created.connect(made.listen)
        yield made
        made.away = False
        connection_created.disconnect(made.listen)


@db
def test_an_outage_of_the_database_delays_and_loses_nothing(bench: Bench, outage: Outage) -> None:
    bench.desk.failed(OAUTH_REFRESH, "azure", certain=True)
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    assert len(bench.shown()) == 2
    outage.away = True
    bench.desk.over(DISK_SPACE)
    bench.desk.failed(OAUTH_REFRESH, "google", "first", certain=True)
    for _ in range(1000):
        bench.desk.failed(OAUTH_REFRESH, "azure")
        bench.desk.failed(OAUTH_REFRESH, "google", "last")
    for _ in range(3):
        bench.now += REPEAT_S
        with pytest.raises(OperationalError):
            bench.desk.flush()
    outage.away = False
    assert bench.sources() == {"token:azure", "token:google"}
    counts = ActiveAlarm.objects.order_by("source").values_list("count", "detail")
    assert list(counts) == [(1001, ""), (1001, "last")]


@db
def test_a_report_that_the_database_refuses_takes_no_other_with_it(
    bench: Bench, outage: Outage
) -> None:
    bench.shown()
    outage.refuses = "poison"
    bench.desk.failed(OAUTH_REFRESH, "azure", certain=True)
    bench.desk.failed(OAUTH_REFRESH, "poison", certain=True)
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    with capture_logs() as logs:
        assert bench.sources() == {"token:azure", "host"}
    refused = [line for line in logs if line["event"] == "alarms.report_refused"]
    assert [line["alarm"] for line in refused] == [OAUTH_REFRESH.name]
    bench.now += 60
    with capture_logs() as logs:
        bench.desk.flush()
    assert logs == []


@pytest.mark.django_db(transaction=True)
def test_the_threads_outlive_everything(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    passed = threading.Semaphore(0)

    def broken(*_: Any) -> None:
        passed.release()
        raise RuntimeError("a bug in a driver")

    monkeypatch.setattr("alarms.desk.rest", broken)
    monkeypatch.setattr(bench.desk._absence, "tell", broken)
    with capture_logs() as logs:
        bench.desk.start()
        for _ in range(6):
            assert passed.acquire(timeout=WAIT_S)
        assert [thread.is_alive() for thread in bench.desk._threads] == [True, True]
        bench.desk.stop()
    assert {"alarms.connection_stuck", "alarms.watch_failed"} <= {each["event"] for each in logs}


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_soon_and_at_the_end(bench: Bench) -> None:
    came = threading.Event()
    bench.board.subscribe(lambda snapshot: came.set() if snapshot.alarms else None)
    bench.desk.start()
    bench.desk.start()
    bench.desk.holds(DISK_SPACE, "", "2 % left")
    assert came.wait(WAIT_S)
    bench.desk.holds(BOT_MISCONFIGURED, "taxi", "no voice")
    bench.desk.stop()
    assert ActiveAlarm.objects.count() == 2
    assert not [each for each in threading.enumerate() if each.name.startswith("alarms")]
    bench.desk.stop()


@pytest.mark.django_db(transaction=True)
def test_destinations_learn_of_an_outage_while_it_lasts_and_the_history_after_it(
    bench: Bench, outage: Outage, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    customise(DATABASE_UNAVAILABLE, hold_off_s=3, clear_after_s=0)
    noc = Destination.objects.create(name="noc", notifier="webhook")
    news()
    told: list[Notice] = []
    sent, back = threading.Event(), threading.Event()

    def send(notice: Notice, destination: Destination) -> None:
        told.append(notice)
        emergency.told(destination.pk)
        sent.set()

    def look(snapshot: Snapshot) -> None:
        if noc.pk and not snapshot.alarms and AlarmEvent.objects.count() == 2:
            back.set()

    emergency.remember()
    emergency.send_by(send)
    bench.desk.flush()
    bench.board.subscribe(look)
    try:
        with capture_logs() as logs:
            outage.away = True
            bench.desk.start()
            assert outage.noticed.wait(WAIT_S)
            assert not sent.is_set()
            bench.now += 3
            assert sent.wait(WAIT_S)
            outage.away = False
            assert back.wait(WAIT_S)
    finally:
        bench.desk.stop()
        emergency.send_by(None)
    assert [line["event"] for line in logs] == ["alarms.database_away"]
    assert {notice.text for notice in told} == {"The database does not answer: connection refused"}
    raised, cleared = AlarmEvent.objects.order_by("seq")
    assert (raised.kind, cleared.kind) == ("raised", "cleared")
    assert str(raised.alarm_id) == told[0].alarm_id
    kinds = noc.notifications.order_by("seq").values_list("kind", "state")
    assert list(kinds) == [("raised", "delivered"), ("cleared", "waiting")]
    assert emergency.known() is None


@db
def test_who_writes_first_that_the_database_was_away_writes_what_was_told(
    bench: Bench, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    customise(DATABASE_UNAVAILABLE, hold_off_s=0, clear_after_s=0)
    emergency.remember()
    emergency.send_by(lambda notice, destination: None)
    try:
        emergency.away("connection refused")
        told = emergency.known()
        assert told is not None
        emergency._watch.release()
        with (tmp_path / emergency.LOCK).open("ab") as other_process:
            fcntl.flock(other_process, fcntl.LOCK_EX)
            bench.desk.holds(DATABASE_UNAVAILABLE, "", "seen here as well")
            bench.shown()
            # It is for the other one to say that it is over.
            assert emergency.known() == told
        assert ActiveAlarm.objects.get().alarm_id == told.alarm_id
        bench.desk.flush()
        assert emergency.known() is None
        assert bench.shown() == set()
    finally:
        emergency.send_by(None)
    assert AlarmEvent.objects.count() == 2


def test_a_database_that_only_hangs_is_away_as_well(bench: Bench) -> None:
    absence = bench.desk._absence
    with absence.asking():
        bench.now += HANG_S - 1
        assert absence.detail(0) == ""
        bench.now += 1
        assert absence.detail(0) == "no answer for 10 s"
        assert absence.detail(11) == ""
    bench.now += 100
    assert absence.detail(0) == ""


@db
def test_who_knows_that_the_database_comes_and_goes_is_not_told_again(
    bench: Bench, settings: Any, tmp_path: Path
) -> None:
    settings.VAR_DIR = tmp_path
    customise(DATABASE_UNAVAILABLE, hold_off_s=0)
    Destination.objects.create(name="noc", notifier="webhook")
    bench.desk.holds(DATABASE_UNAVAILABLE, "", "gone")
    bench.shown()
    emergency.remember()
    sent: list[Notice] = []
    emergency.send_by(lambda notice, destination: sent.append(notice))
    bench.desk._absence.failed(OperationalError("gone again"))
    try:
        bench.desk.alert()
        assert (sent, emergency.known()) == ([], None)
        ActiveAlarm.objects.all().delete()
        news()
        bench.board.refresh()
        bench.desk.alert()
        assert [notice.detail for notice in sent] == ["gone again"]
    finally:
        emergency.send_by(None)
        emergency.written()


@db
def test_a_database_that_answers_but_takes_nothing_is_away(bench: Bench, outage: Outage) -> None:
    bench.shown()
    bench.desk.holds(DISK_SPACE, "", "0 % left")
    outage.full = True
    with pytest.raises(OperationalError) as full:
        bench.desk.flush()
    assert bench.desk._absence.failed(full.value)
    bench.now += 5
    with pytest.raises(OperationalError):
        bench.desk.flush()
    assert bench.desk._absence.detail(5) == "database or disk is full"
    outage.full = False
    assert bench.sources() == {"host"}
    assert bench.desk._absence.detail(5) == ""


def test_why_the_database_is_away_is_one_line(bench: Bench) -> None:
    absence = bench.desk._absence
    assert absence.failed(OperationalError("no\nway"))
    assert not absence.failed(OperationalError(""))
    assert absence.detail(0) == "it fails"
    absence.ended()
    assert absence.detail(0) == ""
