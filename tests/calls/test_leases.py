"""Leases of processes, and the calls that lost theirs."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone
from oauth2_provider.models import get_access_token_model

from bots.models import ApiClient
from calls import tasks
from calls.leases import (
    GAP_SECONDS,
    JUDGING_SECONDS,
    LEASE_KEPT,
    LEASE_SECONDS,
    give_back,
    may_judge,
    renew_lease,
)
from calls.models import Call, ProcessLease
from calls.services import LOST_CAUSE, LOST_REASON, close_lost_calls

pytestmark = [pytest.mark.db, pytest.mark.django_db]

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
DEAD = NOW - timedelta(seconds=LEASE_SECONDS + 1)


def active_call(
    owner: str, started_at: datetime = NOW - timedelta(minutes=5), transcript_days: int = 1
) -> Call:
    return Call.objects.create(
        conversation_id="c",
        channel="audiocodes",
        mode="voice",
        bot_name="demo",
        bot_revision=1,
        owner=owner,
        started_at=started_at,
        transcript_days=transcript_days,
    )


def test_a_lease_is_renewed_in_place() -> None:
    renew_lease("one", "host", 1, DEAD)
    renew_lease("one", "host", 1, NOW)
    lease = ProcessLease.objects.get()
    assert (lease.owner, lease.host, lease.pid, lease.renewed_at) == ("one", "host", 1, NOW)


@pytest.mark.parametrize("lease", ["missing", "expired"])
def test_a_call_whose_process_is_gone_is_ended(lease: str) -> None:
    if lease == "expired":
        renew_lease("one", "host", 1, DEAD)
    call = active_call("one")
    assert close_lost_calls(NOW) == 1
    call.refresh_from_db()
    assert (call.state, call.ended_by, call.reason_code) == ("ended", "gateway", "error")
    assert (call.reason, call.cause, call.ended_at) == (LOST_REASON, LOST_CAUSE, NOW)
    assert ProcessLease.objects.exists() is (lease == "expired")


def test_a_dead_process_is_shown_for_an_hour_and_one_that_ended_well_is_not() -> None:
    renew_lease("dead", "host", 1, NOW - LEASE_KEPT)
    close_lost_calls(NOW)
    assert ProcessLease.objects.get().owner == "dead"
    close_lost_calls(NOW + timedelta(seconds=1))
    assert not ProcessLease.objects.exists()
    renew_lease("ended", "host", 1, NOW)
    give_back("ended")
    assert not ProcessLease.objects.exists()


def test_a_lease_that_is_just_old_enough_to_count_keeps_its_calls() -> None:
    renew_lease("one", "host", 1, NOW - timedelta(seconds=LEASE_SECONDS))
    active_call("one")
    assert close_lost_calls(NOW) == 0
    assert ProcessLease.objects.filter(owner="one").exists()


def test_only_the_calls_of_the_lost_process_are_ended() -> None:
    renew_lease("alive", "host", 1, NOW)
    alive, lost = active_call("alive"), active_call("dead")
    assert close_lost_calls(NOW) == 1
    alive.refresh_from_db()
    lost.refresh_from_db()
    assert (alive.state, lost.state) == ("active", "ended")


def test_a_call_that_has_ended_keeps_its_own_reason() -> None:
    call = active_call("dead")
    Call.objects.filter(pk=call.pk).update(
        state="ended",
        ended_at=NOW,
        ended_by="caller",
        reason_code="client-disconnected",
        transcript_expires_at=NOW,
    )
    assert close_lost_calls(NOW + timedelta(minutes=1)) == 0
    call.refresh_from_db()
    assert (call.ended_by, call.ended_at) == ("caller", NOW)


def test_the_transcripts_of_lost_calls_are_kept_as_long_as_each_bot_says() -> None:
    kept = {days: active_call("dead", transcript_days=days) for days in (0, 1, 30)}
    assert close_lost_calls(NOW) == 3
    for days, call in kept.items():
        call.refresh_from_db()
        assert call.transcript_expires_at == (NOW + timedelta(days=days) if days else None)


def test_a_call_that_starts_after_the_clock_was_read_is_left_for_the_next_run() -> None:
    active_call("dead", started_at=NOW + timedelta(seconds=1))
    assert close_lost_calls(NOW) == 0
    assert close_lost_calls(NOW + timedelta(seconds=15)) == 1


def renewed(owner: str, *moments: float) -> None:
    """Renew the lease of ``owner`` so many seconds after `NOW`."""
    for moment in moments:
        renew_lease(owner, "host", 1, NOW + timedelta(seconds=moment))


def judging(moment: float) -> bool:
    return may_judge(NOW + timedelta(seconds=moment))


def test_nobody_judges_before_a_lease_was_renewed_for_a_while() -> None:
    assert not judging(0)
    renewed("one", 0, 10)
    assert not judging(JUDGING_SECONDS - 1)
    assert judging(JUDGING_SECONDS)


def test_after_the_database_was_away_the_living_have_time_to_say_so() -> None:
    renewed("one", -40, -30, -20, -10, 0)
    renewed("two", -40, -30, -20, -10, 0)
    back = LEASE_SECONDS + 10
    renewed("one", back)
    assert not judging(back)
    renewed("one", back + 10)
    assert not judging(back + JUDGING_SECONDS - 1)
    renewed("one", back + JUDGING_SECONDS)
    assert judging(back + JUDGING_SECONDS)


def test_a_gap_that_no_lease_outlived_by_much_is_a_gap() -> None:
    # One was renewed at the last moment before, so that its lease just has not run out.
    renewed("two", -40, -30, -20, -10, -3)
    renewed("one", -40, -30, -20, -10, 0)
    assert not judging(LEASE_SECONDS - 1)


def test_a_steady_lease_tells_that_others_are_dead() -> None:
    renewed("dead", -20, -10, 0)
    renewed("one", *range(-20, LEASE_SECONDS + 10, GAP_SECONDS))
    assert judging(LEASE_SECONDS + 5)


def test_the_task_spares_everybody_until_it_may_judge() -> None:
    now = timezone.now()
    call = active_call("dead", started_at=now)
    tasks.close_lost_calls()
    call.refresh_from_db()
    assert call.state == "active"
    assert ProcessLease.objects.get().owner == tasks.SWEEP


def test_the_task_ends_lost_calls_by_the_wall_clock() -> None:
    now = timezone.now()
    call = active_call("dead", started_at=now)
    renew_lease("alive", "host", 1, now)
    ProcessLease.objects.update(since=now - timedelta(seconds=JUDGING_SECONDS))
    kept = active_call("alive", started_at=now)
    tasks.close_lost_calls()
    call.refresh_from_db()
    kept.refresh_from_db()
    assert (call.state, kept.state) == ("ended", "active")


def test_the_task_deletes_only_access_tokens_that_have_expired() -> None:
    client = ApiClient.objects.create(name="dialer")
    tokens = get_access_token_model().objects
    for number, age in enumerate((timedelta(days=-1), timedelta(days=1))):
        tokens.create(
            application=client, token=f"token-{number}", expires=timezone.now() + age, scope=""
        )
    tasks.clear_expired_tokens()
    assert tokens.count() == 1
    assert tokens.get().expires > timezone.now()
