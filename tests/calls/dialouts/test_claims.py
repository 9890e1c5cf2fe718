"""Claims: within every limit, fair between clients, and never the same dialout twice."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import pytest
from django.db import OperationalError, connection
from structlog.testing import capture_logs

from bots.models import Bot
from bots.selectors import CallConfiguration, call_configuration
from calls.core.dialout import State
from calls.dialouts import advance, claims, request_cancel
from calls.dialouts.claims import Claims, claim_due
from calls.models import Dialout
from tests.calls.dialouts.rows import NOON, OWNER, bot, client, dialout, seconds, story, told

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def claimed(found: Claims) -> list[str]:
    return [each.dialout.target for each in found.taken]


def claim(room: int = 100, at: float = 0.0, owner: str = OWNER) -> list[str]:
    return claimed(claim_due(owner, NOON + seconds(at), room))


def queue(count: int, *, by: Any = None, of: Bot, name: str = "", **fields: Any) -> list[Dialout]:
    return [
        dialout(client=by, bot=of, target=f"tel:{name}{number}", **fields)
        for number in range(count)
    ]


def end(row: Dialout) -> None:
    advance(row.pk, State.FAILED, at=NOON, reason_code="busy")


def test_what_is_due_is_claimed_oldest_first_and_once() -> None:
    seller = bot()
    queue(2, of=seller, name="later", not_before=NOON + seconds(5))
    first, second = queue(2, of=seller)
    taken = claim_due(OWNER, NOON, 1).taken
    assert [each.dialout.pk for each in taken] == [first.pk]
    assert taken[0].configuration.bot == "seller"
    assert claim() == [second.target]
    assert claim() == []
    assert claim(at=5) == ["tel:later0", "tel:later1"]
    first.refresh_from_db()
    assert (first.state, first.owner, first.placed_at) == ("placing", OWNER, NOON)
    assert first.deadline_at == NOON + seconds(60)


def test_nothing_is_claimed_when_its_time_is_over_or_it_was_taken_back() -> None:
    late, taken_back = queue(2, of=bot())
    Dialout.objects.filter(pk=late.pk).update(not_after=NOON)
    request_cancel(taken_back.pk, now=NOON)
    assert claim() == []


def test_a_client_has_no_more_calls_under_way_than_it_may() -> None:
    seller, dialer = bot(), client(max_dialouts=2, dialouts_per_second=100)
    rows = queue(4, by=dialer, of=seller)
    assert len(claim()) == 2
    assert claim(at=1) == []
    end(rows[0])
    assert claim(at=2) == [rows[2].target]


@pytest.mark.parametrize(
    ("rate", "counts"), [(5.0, [5, 0, 5]), (2.5, [2, 2, 2]), (0.5, [1, 0, 0, 0, 1])]
)
def test_a_client_dials_no_faster_than_it_may(rate: float, counts: list[int]) -> None:
    queue(20, by=client(dialouts_per_second=rate), of=bot())
    step = {5.0: 0.5, 2.5: 0.8, 0.5: 0.5}[rate]
    assert [len(claim(at=number * step)) for number in range(len(counts))] == counts


def test_a_bot_has_no_more_calls_under_way_than_it_may_whoever_asks() -> None:
    seller = bot(dialoutMaxConcurrent=2)
    queue(2, by=client("one"), of=seller)
    queue(2, by=client("two"), of=seller)
    queue(2, of=seller)
    assert len(claim()) == 2
    assert claim(at=5) == []


def test_a_bot_dials_no_faster_than_it_may() -> None:
    queue(5, of=bot(dialoutPerSecond=2))
    assert [len(claim(at=at)) for at in (0, 0.5, 1, 2)] == [2, 0, 2, 1]


def test_what_waits_for_a_limit_or_for_room_is_held_back() -> None:
    queue(3, of=bot(dialoutMaxConcurrent=2))
    assert claim_due(OWNER, NOON, 1).held_back
    assert claim_due(OWNER, NOON, 9).held_back
    Dialout.objects.exclude(state="queued").delete()
    assert not claim_due(OWNER, NOON + seconds(9), 9).held_back


def test_a_busy_client_does_not_keep_the_others_waiting() -> None:
    seller = bot()
    queue(50, by=client("busy", dialouts_per_second=100), of=seller, name="busy")
    queue(3, by=client("quiet"), of=seller, name="quiet")
    names = Counter(target[4:8] for target in claim(room=8))
    assert names == {"busy": 4, "quie": 3}


def test_no_more_is_claimed_than_there_is_room_for_however_many_bots_wait() -> None:
    dialer = client(dialouts_per_second=100)
    for name in ("one", "two", "three"):
        queue(5, by=dialer, of=bot(name), name=name)
    assert len(claim(room=4)) == 4


def test_a_bot_at_its_limit_does_not_keep_other_bots_of_the_client_waiting() -> None:
    dialer = client(dialouts_per_second=100)
    queue(5, by=dialer, of=bot("full", dialoutMaxConcurrent=1), name="full")
    queue(5, by=dialer, of=bot("free"), name="free")
    assert Counter(target[4:8] for target in claim(room=6)) == {"full": 1, "free": 5}


def test_a_lane_that_breaks_does_not_keep_the_others_waiting(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(name: str) -> CallConfiguration:
        if name == "broken":
            raise RuntimeError("a bug")
        return call_configuration(name)

    monkeypatch.setattr(claims, "call_configuration", broken)
    for name in ("first", "broken", "last"):
        queue(1, of=bot(name), name=name)
    with capture_logs() as logs:
        assert claim() == ["tel:first0", "tel:last0"]
    assert [each["event"] for each in logs if "lane" in each["event"]] == ["dialouts.lane_broken"]


@pytest.mark.parametrize(("works", "found"), [(1, ["tel:a0"]), (0, None)])
def test_what_was_claimed_before_the_database_went_away_is_not_forgotten(
    works: int, found: list[str] | None
) -> None:
    for name in ("a", "b", "c"):
        queue(1, by=client(name), of=bot(f"bot-{name}"), name=name)
    lanes = 0

    def execute(run: Any, sql: str, *given: Any) -> Any:
        nonlocal lanes
        lanes += 'FROM "bots_apiclient"' in sql
        if lanes > works:
            raise OperationalError("away")
        return run(sql, *given)

    with connection.execute_wrapper(execute):
        if found is None:
            with pytest.raises(OperationalError):
                claim()
        else:
            taken = claim_due(OWNER, NOON, 100)
            assert (claimed(taken), taken.held_back) == (found, True)


def unplaceable(reason: str) -> Dialout:
    seller = bot(carrier=reason != "The bot has no carrier for outbound calls")
    dialer = client(enabled=reason != "The API client was disabled")
    row = dialout(bot=seller, client=dialer)
    if reason == "The bot is disabled":
        Bot.objects.filter(pk=seller.pk).update(enabled=False)
    elif reason == "The bot was deleted":
        seller.delete()
    elif reason.startswith("The bot is not configured"):
        Bot.objects.filter(pk=seller.pk).update(params={"tableAnswers": 7})
    return row


@pytest.mark.parametrize(
    "reason",
    [
        "The bot has no carrier for outbound calls",
        "The API client was disabled",
        "The bot is disabled",
        "The bot was deleted",
        "The bot is not configured correctly: tableAnswers",
    ],
)
def test_what_cannot_be_placed_fails_and_says_why(reason: str) -> None:
    row = unplaceable(reason)
    assert claim() == []
    row.refresh_from_db()
    assert (row.state, row.reason_code, row.reason) == ("failed", "error", reason)
    assert told(row) == ["dialout.failed"]


@pytest.mark.django_db(transaction=True)
def test_processes_that_claim_at_once_stay_within_every_limit() -> None:
    seller, other = bot(dialoutMaxConcurrent=4), bot("other")
    dialers = [client(name, max_dialouts=3, dialouts_per_second=100) for name in ("one", "two")]
    rows = [row for dialer in dialers for row in queue(4, by=dialer, of=seller)]
    rows += queue(4, by=dialers[0], of=other)
    starts = Barrier(4)

    def run(number: int) -> list[str]:
        starts.wait(30)
        try:
            taken = claim_due(f"web-{number}", NOON, 20).taken
            return [str(each.dialout.pk) for each in taken]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        taken = [one for each in pool.map(run, range(4)) for one in each]
    assert len(taken) == len(set(taken))
    placing = Dialout.objects.filter(state=State.PLACING)
    assert {str(row.pk) for row in placing} == set(taken)
    assert placing.filter(bot=seller).count() <= 4
    assert placing.filter(client=dialers[0]).count() == 3
    assert placing.filter(client=dialers[1]).count() <= 3
    assert all(len(story(row)) <= 2 for row in rows)
