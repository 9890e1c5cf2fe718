"""How long the outbox keeps what is done, and how long anything waits for its turn."""

from datetime import UTC, datetime, timedelta

import pytest

from bots.core.delivering import Outcome
from bots.deliveries.claims import Result, claim, settle
from bots.deliveries.retention import PROBLEM, expire, give_up
from bots.models import Delivery, Destination
from tests.bots.deliveries.owed import owe

pytestmark = [pytest.mark.db, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


def done(status: int, days_ago: int, url: str) -> Delivery:
    at = NOW - timedelta(days=days_ago)
    delivery = owe(url, stream=f"{status} {days_ago} {url}", at=at)
    settle([Result(each, Outcome(status=status), at) for each in claim(at, 1)])
    return delivery


def test_what_arrived_is_kept_a_week_and_what_was_given_up_a_quarter() -> None:
    kept = [done(200, 6, "https://a.example/"), done(410, 89, "https://a.example/")]
    waiting = owe("https://b.example/", at=NOW - timedelta(days=400))
    for url in ("https://a.example/", "https://c.example/"):
        Delivery.objects.filter(pk=waiting.pk).update(next_attempt_at=NOW)
        done(200, 8, url)
        done(410, 91, url)
    assert expire(NOW) == 4
    left = {*Delivery.objects.values_list("pk", flat=True)}
    assert left == {*(each.pk for each in kept), waiting.pk}


def test_what_has_been_due_for_three_days_without_a_turn_is_given_up() -> None:
    stuck, fresh, again, leased = (
        owe(f"https://{name}.example/", at=NOW - timedelta(days=days))
        for name, days in (("stuck", 4), ("fresh", 2), ("again", 80), ("leased", 4))
    )
    Delivery.objects.filter(pk=again.pk).update(next_attempt_at=NOW)
    Delivery.objects.filter(pk=leased.pk).update(lease_until=NOW + timedelta(seconds=30))
    assert give_up(NOW) == 1
    for row in (stuck, fresh, again, leased):
        row.refresh_from_db()
    assert (stuck.state, stuck.last_problem, stuck.finished_at) == ("dead", PROBLEM, NOW)
    assert {fresh.state, again.state, leased.state} == {"waiting"}


def test_a_destination_goes_when_it_was_not_used_for_as_long() -> None:
    done(200, 91, "https://old.example/")
    done(200, 8, "https://recent.example/")
    done(410, 91, "https://failing.example/")
    Destination.objects.filter(origin="https://failing.example").update(last_failure_at=NOW)
    assert expire(NOW) == 3
    left = Destination.objects.values_list("origin", flat=True)
    assert sorted(left) == ["https://failing.example", "https://recent.example"]
