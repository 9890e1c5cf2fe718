"""The runner with a real host and real sessions; only the far end is in memory."""

import asyncio
import hashlib
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from django.conf import LazySettings
from django.db import DatabaseError
from structlog.testing import capture_logs

from bots.models import Bot
from bots.selectors import call_configuration
from calls.core.dialout import State
from calls.database import db
from calls.dialout import placing
from calls.dialout import runner as runner_module
from calls.dialout.runner import DialoutRunner, wake_runner
from calls.dialouts import advance, request_cancel
from calls.dialouts.claims import Claims, claim_due
from calls.models import Call, Dialout
from calls.session.host import SessionHost
from tests.calls.dialout.carrier import MemoryCarrier
from tests.calls.dialout.conftest import PATIENCE_S, Ask
from tests.calls.dialouts.rows import story, told

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]

Becomes = Callable[..., Awaitable[Dialout]]
FINAL = ("completed", "failed", "cancelled")


async def carrier_of(host: SessionHost) -> MemoryCarrier:
    return cast("MemoryCarrier", host.carrier(await db(call_configuration, "seller")))


async def cancel(row: Dialout) -> str:
    came = await db(request_cancel, row.pk, now=datetime.now(UTC))
    wake_runner()
    return came


async def test_a_dialout_is_placed_answered_and_completed(
    running: DialoutRunner, host: SessionHost, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("answers", metadata={"order": 7}, caller="+15550100"), *FINAL)
    assert [state for state, _ in await db(story, row)] == [
        "queued",
        "placing",
        "dialing",
        "answered",
        "completed",
    ]
    assert (row.reason_code, row.carrier) == ("client-disconnected", "seller-carrier")
    assert await db(told, row) == ["dialout.answered", "dialout.completed"]
    call = await db(Call.objects.get)
    assert (row.call_id, call.direction, call.callee) == (call.pk, "outbound", row.target)
    order = (await carrier_of(host)).orders[0]
    assert (order.dialout_id, order.metadata, order.caller) == (
        str(row.pk),
        {"order": 7},
        "+15550100",
    )


@pytest.mark.parametrize("what", ["busy", "declined", "no-answer"])
async def test_a_callee_who_does_not_answer_fails_the_dialout(
    running: DialoutRunner, ask: Ask, becomes: Becomes, what: str
) -> None:
    row = await becomes(await ask(what), *FINAL)
    assert (row.state, row.reason_code) == ("failed", what)
    assert await db(told, row) == ["dialout.failed"]


@pytest.mark.parametrize(
    ("what", "code", "reason"),
    [
        ("refused", "declined", "Not this number"),
        ("broken", "error", "An error inside the gateway prevented the call"),
        ("confused", "error", "An error inside the gateway prevented the call"),
    ],
)
async def test_a_carrier_that_places_no_call_fails_that_dialout_only(
    running: DialoutRunner, ask: Ask, becomes: Becomes, what: str, code: str, reason: str
) -> None:
    row, other = await ask(what), await ask("answers")
    row = await becomes(row, *FINAL)
    assert (row.state, row.reason_code, row.reason) == ("failed", code, reason)
    assert (await becomes(other, *FINAL)).state == "completed"


async def test_a_busy_carrier_is_asked_again(
    running: DialoutRunner, host: SessionHost, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("engaged"), "dialing")
    assert [state for state, _ in await db(story, row)].count("placing") == 2
    assert len((await carrier_of(host)).orders) == 2


async def test_the_database_may_be_away_when_the_runner_looks(
    running: DialoutRunner, ask: Ask, becomes: Becomes, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = [DatabaseError("away"), RuntimeError("a bug")]

    def claim_when_back(owner: str, now: datetime, room: int) -> Claims:
        if failures:
            raise failures.pop()
        return claim_due(owner, now, room)

    monkeypatch.setattr(runner_module, "LOOK_S", 0.01)
    monkeypatch.setattr(runner_module, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(runner_module, "claim_due", claim_when_back)
    row = await ask("answers")
    assert (await becomes(row, *FINAL)).state == "completed"
    assert not failures


class SlowClaims:
    """`claim_due` whose answer is `released` by the test."""

    def __init__(self) -> None:
        self.claimed = asyncio.Event()
        self.released = threading.Event()
        self._loop = asyncio.get_running_loop()

    def claim(self, owner: str, now: datetime, room: int) -> Claims:
        claims = claim_due(owner, now, room)
        if claims.taken:
            self._loop.call_soon_threadsafe(self.claimed.set)
            assert self.released.wait(PATIENCE_S)
        return claims


@pytest.fixture
async def slow_claims(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SlowClaims]:
    slow = SlowClaims()
    monkeypatch.setattr(runner_module, "claim_due", slow.claim)
    yield slow
    slow.released.set()


async def test_what_was_claimed_is_placed_however_late_the_database_answers(
    slow_claims: SlowClaims,
    running: DialoutRunner,
    ask: Ask,
    becomes: Becomes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner_module, "BACK_OFF_S", (0.01,))
    monkeypatch.setattr(runner_module, "DATABASE_S", 0.5)
    row = await ask("answers")
    async with asyncio.timeout(PATIENCE_S):
        await slow_claims.claimed.wait()
    with capture_logs() as logs:
        async with asyncio.timeout(PATIENCE_S):
            # The log is all that tells that the runner has given the answer up for now.
            while not any(each["event"] == "dialouts.retry" for each in logs):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
    monkeypatch.setattr(runner_module, "DATABASE_S", 15.0)
    slow_claims.released.set()
    assert (await becomes(row, *FINAL)).state == "completed"
    assert [state for state, _ in await db(story, row)].count("placing") == 1


async def test_what_was_claimed_last_goes_back_to_the_queue_when_the_runner_stops(
    slow_claims: SlowClaims,
    host: SessionHost,
    ask: Ask,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(runner_module, "STOP_S", 0.05)
    runner = DialoutRunner(host)
    row = await ask("answers")
    runner.start()
    async with asyncio.timeout(PATIENCE_S):
        await slow_claims.claimed.wait()
    await runner.stop()
    await db(row.refresh_from_db)
    assert (row.state, row.owner) == ("queued", "")


async def test_a_dialout_waits_for_its_time(
    running: DialoutRunner, ask: Ask, becomes: Becomes
) -> None:
    soon = datetime.now(UTC) + timedelta(milliseconds=300)
    row = await becomes(await ask("answers", not_before=soon), *FINAL)
    assert row.placed_at is not None
    assert row.placed_at >= soon


async def test_a_ringing_call_is_cancelled_at_once(
    running: DialoutRunner, host: SessionHost, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("rings"), "dialing")
    assert await cancel(row) == "asked"
    row = await becomes(row, *FINAL)
    assert (row.state, row.reason) == ("cancelled", "Cancelled")
    assert await db(told, row) == ["dialout.failed"]
    leg = cast("Any", (await carrier_of(host)).sessions[0].leg)
    assert ("hang up", "bot-disconnected") in leg.told


async def test_a_call_that_has_no_session_here_is_cancelled_at_its_carrier(
    running: DialoutRunner, host: SessionHost, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("elsewhere"), "dialing")
    assert row.carrier_call_id == "far-1"
    await cancel(row)
    assert (await becomes(row, *FINAL)).state == "cancelled"
    assert (await carrier_of(host)).cancelled == [(row.target, "far-1")]


async def test_a_call_that_comes_back_while_its_carrier_is_to_stop_it_ends_too(
    running: DialoutRunner,
    host: SessionHost,
    ask: Ask,
    becomes: Becomes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(placing, "CANCEL_S", 10 * PATIENCE_S)
    row = await becomes(await ask("stubborn"), "dialing")
    await cancel(row)
    carrier = await carrier_of(host)
    async with asyncio.timeout(PATIENCE_S):
        await carrier.cancelling.wait()
        carrier.bring(carrier.orders[0], carrier.desks[0])
        wake_runner()
        await carrier.sessions[0].leg.until("close")  # type: ignore[attr-defined]  # a leg of tests
    carrier.lets_go.set()
    assert (await becomes(row, *FINAL)).state == "cancelled"


async def test_an_answered_call_is_not_cancelled(
    running: DialoutRunner, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("talks"), "answered")
    assert await cancel(row) == "answered"


async def test_a_call_whose_dialout_was_given_up_elsewhere_ends(
    running: DialoutRunner, host: SessionHost, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("rings"), "dialing")
    now = datetime.now(UTC)
    assert await db(advance, row.pk, State.FAILED, at=now, reason_code="busy")
    wake_runner()
    session = (await carrier_of(host)).sessions[0]
    async with asyncio.timeout(PATIENCE_S):
        await session.leg.until("close")  # type: ignore[attr-defined]  # a leg of tests
    assert (await db(story, row))[-1] == ("failed", "busy")


async def test_parameters_of_the_request_count_for_its_call_alone(
    running: DialoutRunner, host: SessionHost, ask: Ask, becomes: Becomes
) -> None:
    own = await ask("answers", params={"language": "de-DE"})
    plain = await ask("answers")
    await becomes(own, *FINAL)
    await becomes(plain, *FINAL)
    carrier = await carrier_of(host)
    languages = {
        order.dialout_id: desk.configuration.resolved.values()["language"]
        for order, desk in zip(carrier.orders, carrier.desks, strict=True)
    }
    assert languages == {str(own.pk): "de-DE", str(plain.pk): "en-US"}


async def test_parameters_that_do_not_fit_fail_the_dialout(
    running: DialoutRunner, ask: Ask, becomes: Becomes
) -> None:
    row = await becomes(await ask("answers", params={"nonsense": 1}), *FINAL)
    assert (row.state, row.reason) == (
        "failed",
        "The bot is not configured correctly: nonsense",
    )


async def test_a_carrier_that_reports_gets_an_address_that_only_it_knows(
    running: DialoutRunner,
    host: SessionHost,
    ask: Ask,
    becomes: Becomes,
    settings: LazySettings,
) -> None:
    settings.PUBLIC_URL = "https://gateway.example"
    carrier = await carrier_of(host)
    quiet = await becomes(await ask("rings"), "dialing")
    assert (quiet.callback_digest, carrier.desks[0].callback_url) == ("", "")
    carrier.calls_back = True
    row = await becomes(await ask("rings"), "dialing")
    address, _, token = carrier.desks[1].callback_url.rpartition("/")
    assert address == f"https://gateway.example/voice/test/dialouts/{row.pk}"
    assert row.callback_digest == hashlib.sha256(token.encode()).hexdigest()


async def test_a_host_without_room_leaves_dialouts_in_the_queue(
    running: DialoutRunner, ask: Ask, becomes: Becomes, settings: LazySettings
) -> None:
    settings.MAX_CALLS = 1
    first = await becomes(await ask("rings"), "dialing")
    second = await ask("answers")
    await cancel(first)
    await becomes(second, *FINAL)
    assert len(await db(story, second)) == 5


async def test_a_runner_that_stops_keeps_what_a_carrier_was_asked_to_place(
    host: SessionHost, seller: Bot, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "STOP_S", 0.05)
    runner = DialoutRunner(host)
    row = await ask("slow")
    runner.start()
    carrier = await carrier_of(host)
    async with asyncio.timeout(PATIENCE_S):
        await carrier.placing.wait()
    await runner.stop()
    # The carrier was asked: there may be a call, so nobody else may have it placed again.
    await db(row.refresh_from_db)
    assert row.state == "placing"


def test_without_a_runner_nobody_is_woken() -> None:
    wake_runner()
