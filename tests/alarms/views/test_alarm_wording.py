"""What pages say of alarms: spans of time, and where a source leads."""

from datetime import UTC, datetime, timedelta

import pytest

from alarms.views.wording import calls_url, ids, source_url, span
from bots.core.roles import Permission
from bots.people import NOBODY, Person

pytestmark = pytest.mark.pure

EVERYBODY = Person(user_id=1, name="ada", permissions=frozenset(Permission))
NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.9, "59 s"),
        (60, "1 min"),
        (90, "1 min 30 s"),
        (3600, "1 h"),
        (3605, "1 h"),
        (7500, "2 h 5 min"),
        (86_400 + 7200, "1 day 2 h"),
        (3 * 86_400, "3 days 0 h"),
    ],
)
def test_a_span_has_two_units_at_most(seconds: float, told: str) -> None:
    assert span(timedelta(seconds=seconds)) == told


@pytest.mark.parametrize(
    ("source", "address"),
    [
        ("provider:azure-1", "/providers/azure-1/"),
        ("bot:retail", "/bots/retail/"),
        ("channel:audiocodes", "/calls/?channel=audiocodes"),
        ("api", "/clients/"),
        ("console", "/audit/"),
        ("origin:https://crm.example", "/deliveries/destinations/"),
        ('provider:"><script>', ""),
        ("provider", ""),
        ("token:azure", ""),
        ("unheard-of:x", ""),
    ],
)
def test_a_source_leads_to_its_page(source: str, address: str) -> None:
    assert source_url(source, EVERYBODY) == address
    assert source_url(source, NOBODY) == ""


def test_calls_around_an_alarm_are_those_of_its_bot() -> None:
    until = NOON + timedelta(minutes=5)

    assert calls_url("bot:retail", EVERYBODY, NOON, until) == (
        "/calls/?from=2026-05-04T12%3A00%3A00Z&to=2026-05-04T12%3A05%3A00Z&range=custom&bot=retail"
    )
    assert "bot=" not in calls_url("provider:azure-1", EVERYBODY, NOON, until)
    assert calls_url("bot:retail", NOBODY, NOON, until) == ""


def test_ids_that_are_none_are_left_out() -> None:
    known = "11111111-2222-4333-8444-555555555555"
    assert [str(each) for each in ids([known, "", "x" * 1000, "\ud800"])] == [known]
