"""The filter of the call history as an address says it."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from calls.core.callfilter import CallFilter, parse, zone

pytestmark = pytest.mark.pure

NOW = datetime(2026, 11, 21, 13, 30, tzinfo=UTC)


def parsed(query: str, now: datetime = NOW) -> CallFilter:
    return parse(parse_qs(query, keep_blank_values=True), now, UTC)


def test_an_address_without_conditions_hides_only_test_calls() -> None:
    assert parsed("") == CallFilter()
    assert not parsed("test=shown&size=50").narrows


@pytest.mark.parametrize(
    ("query", "name", "value"),
    [
        ("bot=retail", "bot", "retail"),
        ("bot=+retail+", "bot", "retail"),
        ("number=%2B49", "number", "+49"),
        ("direction=outbound", "direction", "outbound"),
        ("channel=audiocodes", "channel", "audiocodes"),
        ("mode=text", "mode", "text"),
        ("result=failed", "result", "failed"),
        ("reason=tts:timeout", "reason", "tts:timeout"),
        ("by=operator", "ended_by", "operator"),
        ("longer=0", "longer_s", 0),
        ("slower=1500", "slower_ms", 1500),
        ("has=fault&has=dtmf&has=magic", "has", frozenset({"fault", "dtmf"})),
        ("test=only", "tests", "only"),
        ("q=pay+my+bill", "text", "pay my bill"),
        ("bot=a&bot=b", "bot", "b"),
        ("range=1h", "since", NOW - timedelta(hours=1)),
        ("range=24h", "since", NOW - timedelta(days=1)),
        ("range=7d", "since", NOW - timedelta(days=7)),
        ("range=30d", "since", NOW - timedelta(days=30)),
        ("range=today", "since", datetime(2026, 11, 21, tzinfo=UTC)),
        ("from=2026-11-20T10:00", "since", datetime(2026, 11, 20, 10, tzinfo=UTC)),
        (
            "range=custom&to=2026-11-20T10:00%2B02:00",
            "until",
            datetime(2026, 11, 20, 8, tzinfo=UTC),
        ),
    ],
)
def test_each_part_of_an_address_is_one_condition(query: str, name: str, value: Any) -> None:
    found = parsed(query)
    assert found == CallFilter(**{name: value})
    assert found.narrows


@pytest.mark.parametrize(
    "query",
    [
        "direction=up",
        "mode=fax",
        "result=lost",
        "by=nobody",
        "longer=-1",
        "longer=1.5",
        "longer=²",
        "slower=99999999999999",
        "slower=2000000001",
        "test=no",
        "q=ab",
        "q=" + "x" * 201,
        "number=" + "1" * 201,
        "bot=a%00b",
        "range=never",
        "from=noon",
        "from=0001-01-01T00:00",
        "to=9999-12-31T23:59",
    ],
)
def test_a_part_that_is_not_understood_is_named_and_no_condition(query: str) -> None:
    assert parsed(query) == CallFilter(ignored=(query.partition("=")[0],))
    assert not parsed(query).narrows


def test_moments_count_only_beside_no_other_period() -> None:
    assert parsed("range=1h&from=2020-01-01T00:00").since == NOW - timedelta(hours=1)
    assert parsed("range=1h&from=nonsense").ignored == ()


def test_a_day_is_the_readers_day() -> None:
    late = datetime(2026, 11, 21, 23, 30, tzinfo=UTC)
    berlin = parsed("range=today&zone=Europe/Berlin", late)
    assert berlin.since == datetime(2026, 11, 21, 23, tzinfo=UTC)
    given = parsed("range=custom&from=2026-11-20T10:00&zone=Europe/Berlin")
    assert given.since == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_yesterday_is_one_day_of_the_calendar_even_when_clocks_change() -> None:
    monday = datetime(2026, 10, 26, 12, tzinfo=UTC)
    sunday = parsed("range=yesterday&zone=Europe/Berlin", monday)
    assert sunday.since is not None
    assert sunday.until is not None
    assert sunday.until.astimezone(UTC) - sunday.since.astimezone(UTC) == timedelta(hours=25)


@pytest.mark.parametrize(
    "name", ["", "Mars/Base", "../../etc/passwd", "/etc/passwd", "a" * 65, "Europe", "\0"]
)
def test_an_unknown_zone_is_the_usual_one(name: str) -> None:
    assert zone({"zone": [name]}, UTC) is UTC


def test_the_audit_log_gets_what_differs_as_json() -> None:
    found = parsed("bot=demo&has=fault&from=2026-11-20T10:00&longer=60&q=ab")
    assert found.summary() == {
        "bot": "demo",
        "has": ["fault"],
        "since": "2026-11-20T10:00:00Z",
        "longer_s": 60,
    }
