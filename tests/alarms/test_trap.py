"""What a trap carries."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.core.trap import (
    _BY_CAUSE,
    EVENT_TYPES,
    OBJECTS,
    SEVERITIES,
    TEST_NUMBER,
    Engine,
    date_and_time,
    event_type,
    octets,
    varbinds,
)
from tests.alarms.notices import HOSTILE, notice

pytestmark = pytest.mark.pure
ARC = "1.3.6.1.4.1.99999"


def test_the_time_and_the_type_come_first() -> None:
    up, what, *others = varbinds(notice(), arc=ARC, up=timedelta(seconds=1.5))
    assert (up.oid, up.form, up.value) == ("1.3.6.1.2.1.1.3.0", "ticks", 150)
    assert (what.oid, what.form, what.value) == ("1.3.6.1.6.3.1.1.4.1.0", "oid", f"{ARC}.0.3")
    assert [each.oid for each in others] == [f"{ARC}.1.{n}.0" for n in range(1, 16)]


def test_a_clear_differs_from_its_raise_in_severity_and_change_only() -> None:
    raised = varbinds(notice(), arc=ARC, up=timedelta())
    clear = notice(kind="cleared", severity=Severity.CLEAR)
    cleared = varbinds(clear, arc=ARC, up=timedelta())
    differing = [one.oid for one, other in zip(raised, cleared, strict=True) if one != other]
    assert differing == [f"{ARC}.1.5.0", f"{ARC}.1.14.0"]


def test_counters_wrap_as_their_types_do() -> None:
    up, _, *others = varbinds(notice(seq=2**32 + 5), arc=ARC, up=timedelta(days=1000))
    assert up.value == 86_400_00 * 1000 % 2**32
    assert others[-1].value == 5


def test_texts_are_bounded_lines() -> None:
    assert octets(HOSTILE).startswith(b"a b  To: c ")
    assert len(octets(HOSTILE)) <= 255
    assert octets("abc", 2) == b"ab"


def test_times_are_in_utc() -> None:
    local = datetime(2026, 5, 4, 1, 2, 3, 456_000, tzinfo=timezone(timedelta(hours=2)))
    assert date_and_time(local) == bytes([7, 234, 5, 3, 23, 2, 3, 4]) + b"+\0\0"


def test_every_cause_has_a_kind_of_event() -> None:
    assert {kind.cause for kind in CATALOGUE.values()} <= _BY_CAUSE.keys()
    assert event_type("thresholdCrossed") == EVENT_TYPES["qualityOfServiceAlarm"]
    assert event_type("unheardOf") == EVENT_TYPES["other"]


def test_severities_are_numbered_as_in_the_product_description() -> None:
    assert [int(each) for each in SEVERITIES] == [0, 1, 2, 3, 4, 5]


def test_no_type_has_the_number_of_the_test() -> None:
    assert TEST_NUMBER not in {kind.number for kind in CATALOGUE.values()}
    assert len({each.number for each in OBJECTS}) == len(OBJECTS)


def test_an_engine_is_never_younger_than_its_first_moment() -> None:
    since = datetime(2026, 5, 4, tzinfo=UTC)
    engine = Engine(b"\x80", 1, since, ARC)
    assert engine.up(since - timedelta(days=1)) == timedelta()
    assert engine.up(since + timedelta(days=1)) == timedelta(days=1)
