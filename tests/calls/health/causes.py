"""Real causes of alarms, one for each type that can be caused without a call.

A cause makes the trouble, has it noticed, and yields the source that is then told; afterwards it
mends the trouble and has that noticed. Where nothing can be mended (somebody tried passwords), time
passes.
"""

import asyncio
import shutil
import socket
import threading
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from channels.layers import channel_layers
from django.db import OperationalError
from django.db.backends.signals import connection_created
from django.test import Client, override_settings
from django.utils import timezone
from pydantic import SecretStr

from alarms import desk
from alarms.core import catalogue
from alarms.core.declare import AlarmType
from alarms.models import ActiveAlarm
from bots.core import registry
from bots.core.errors import ServiceError
from bots.models import ApiClient, Bot, Delivery, Destination, Provider
from bots.net import outbound
from bots.oauth import Bearer, ClientCredentials
from bots.services.clients import api_client_create, mint_token
from bots.vault import KeyVault, Secret
from calls.channels.voice_consumer import _admit
from calls.core import commands
from calls.core.closing import Cause
from calls.core.ports import CallStart
from calls.core.silence import DEAF_S, LONGEST_S, UNHEARD_PIECES
from calls.facts import CallDescribed
from calls.health import installation, process
from calls.health.conversations import EndlessCalls, SilentCalls
from calls.health.lag import WINDOW, loop_lag
from calls.hooks.registration import registered
from calls.leases import give_back, renew_lease
from calls.models import Call, Dialout, ProcessLease
from calls.session.host import NoCapacity, SessionHost
from calls.session.witness import CallWitness
from tests.bots.deliveries.owed import owe
from tests.calls.dialouts.rows import bot, dialout
from tests.calls.session.calling import Leg, Line
from tests.fakes.oauth_server import CLIENT, SECRET, oauth_server

Steps = Iterator[str]
CAUSES: dict[AlarmType, list[Callable[[pytest.MonkeyPatch], Steps]]] = {}
FORGOTTEN = ""
"""Yielded where only time mends it."""

HOUR = timedelta(hours=1)


def cause(kind: AlarmType) -> Callable[[Any], Any]:
    """A cause of ``kind``."""

    def enter(steps: Callable[[pytest.MonkeyPatch], Steps]) -> Any:
        CAUSES.setdefault(kind, []).append(steps)
        return steps

    return enter


# --- requests -------------------------------------------------------------------------------------


@cause(catalogue.API_AUTHENTICATION)
def wrong_tokens(_patch: pytest.MonkeyPatch) -> Steps:
    """Of the API, by somebody who has another one each time."""
    stranger = Client(REMOTE_ADDR="198.51.100.7")  # its failures are counted by address
    for number in range(catalogue.API_AUTHENTICATION.count):
        stranger.get("/api/v1/system", headers={"Authorization": f"Bearer {number}"})
    yield "api"
    yield FORGOTTEN


@cause(catalogue.API_AUTHENTICATION)
def wrong_client_secrets(_patch: pytest.MonkeyPatch) -> Steps:
    """At the token endpoint."""
    stranger = Client(REMOTE_ADDR="198.51.100.8")  # as above
    for number in range(catalogue.API_AUTHENTICATION.count):
        form = {"grant_type": "client_credentials", "client_id": f"x{number}", "client_secret": "y"}
        stranger.post("/oauth/token", form)
    yield "api"
    yield FORGOTTEN


@cause(catalogue.SIGN_IN_FAILURE)
def wrong_passwords(_patch: pytest.MonkeyPatch) -> Steps:
    """Of many people."""
    for number in range(catalogue.SIGN_IN_FAILURE.count):
        Client().post("/login/", {"username": f"somebody-{number}", "password": "guess"})
    yield "console"
    yield FORGOTTEN


# --- services outside -----------------------------------------------------------------------------


@cause(catalogue.OAUTH_REFRESH)
def no_token(_patch: pytest.MonkeyPatch) -> Steps:
    """The token server does not know the client, and then it does."""
    places = []

    async def ask(secret: str) -> None:
        async with oauth_server() as server:
            places.append(server.url)
            client = ClientCredentials(
                token_url=server.url, client_id=CLIENT, client_secret=SecretStr(secret)
            )
            try:
                await Bearer("bot:x", token=SecretStr(""), client=client).headers()
            except ServiceError:
                assert secret != SECRET
            finally:
                await outbound().close()

    asyncio.run(ask("wrong"))
    yield f"token:{CLIENT} at {places[0]}"
    yield FORGOTTEN


@cause(catalogue.SECRET_UNREADABLE)
def a_vault_that_is_away(_patch: pytest.MonkeyPatch) -> Steps:
    """And comes back."""
    url = "https://retail.vault.azure.net/secrets/k"
    vault = KeyVault(connect=_Vault, clock=time.monotonic)
    _Vault.value = ""
    with pytest.raises(ServiceError):
        vault.read_again(url)
    yield "secret:vault retail.vault.azure.net/secrets/k"
    installation.look_at_secrets(timezone.now())
    yield "secret:vault retail.vault.azure.net/secrets/k"
    _Vault.value = "x"
    vault.read_again(url)


class _Vault:
    value = ""

    def __init__(self, url: str) -> None:
        self.url = url

    def get_secret(self, name: str, version: str | None = None) -> Secret:
        """The value, if there is one."""
        return self


# --- this process ---------------------------------------------------------------------------------


@cause(catalogue.EVENT_LOOP_DELAYED)
def a_loop_that_stalls(_patch: pytest.MonkeyPatch) -> Steps:
    """For a second."""
    host = SessionHost()
    for _ in range(WINDOW):
        loop_lag.note(0.001)
    process.look_at_loop(host)
    loop_lag.note(1.0)
    process.look_at_loop(host)
    yield f"process:{host.owner}"
    loop_lag.stop()
    process.look_at_loop(host)


@cause(catalogue.CALL_CAPACITY)
def a_call_too_many(_patch: pytest.MonkeyPatch) -> Steps:
    """Is refused."""
    host = SessionHost()
    with override_settings(MAX_CALLS=0):
        with pytest.raises(NoCapacity):
            host.admit()
        yield f"process:{host.owner}"
    process.look_at_capacity(host)


@cause(catalogue.CALL_CAPACITY)
def a_full_process(_patch: pytest.MonkeyPatch) -> Steps:
    """Seen before anybody is refused."""
    host = SessionHost()
    with override_settings(MAX_CALLS=0):
        process.look_at_capacity(host)
    yield f"process:{host.owner}"
    process.look_at_capacity(host)


@cause(catalogue.RECORDS_DELAYED)
def records_that_nobody_writes(_patch: pytest.MonkeyPatch) -> Steps:
    """More than usual."""
    host = SessionHost()
    process.look_at_records(host)
    fact = CallDescribed(call_id=uuid4(), caller="", callee="")
    for _ in range(process.BEHIND_RECORDS + 1):
        host.records.put(fact)
    process.look_at_records(host)
    yield f"process:{host.owner}"
    host.records._queue.clear()
    process.look_at_records(host)


@cause(catalogue.DISK_SPACE)
def a_full_disk(patch: pytest.MonkeyPatch) -> Steps:
    """Of the gateway."""
    usage = namedtuple("usage", "total used free")
    patch.setattr(socket, "gethostname", lambda: "here")
    with patch.context() as full:
        full.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 10**12, 10**6))
        process.look_at_disks(process.places())
    yield "host:here"
    with patch.context() as roomy:
        roomy.setattr(shutil, "disk_usage", lambda _path: usage(10**12, 0, 10**12))
        process.look_at_disks({"nothing yet": Path("/nowhere/at/all")})


@cause(catalogue.DATABASE_UNAVAILABLE)
def a_database_that_is_away(_patch: pytest.MonkeyPatch) -> Steps:
    """And comes back."""
    database = process.Database()

    def away(**_signal: Any) -> None:
        raise OperationalError("no")

    connection_created.connect(away)
    try:
        asyncio.run(database.look())
    finally:
        connection_created.disconnect(away)
    yield "database"
    asyncio.run(database.look())
    database.close()


@cause(catalogue.DATABASE_UNAVAILABLE)
def a_database_that_hangs(patch: pytest.MonkeyPatch) -> Steps:
    """The one question that is asked meanwhile is answered later."""
    patch.setattr(process, "ANSWER_S", 0.01)
    database = process.Database()
    release = asyncio.run(_hang(database))
    yield "database"
    release()
    patch.setattr(process, "ANSWER_S", 20.0)
    asyncio.run(database.look())
    asyncio.run(database.look())
    database.close()


async def _hang(database: process.Database) -> Callable[[], None]:
    held = threading.Event()
    database._thread.submit(held.wait, 20)
    await database.look()
    asked = database._asked
    await database.look()
    assert database._asked is asked
    return held.set


@cause(catalogue.MESSAGE_BUS_UNAVAILABLE)
def a_bus_that_is_away(_patch: pytest.MonkeyPatch) -> Steps:
    """Nobody listens where Redis should be."""
    nowhere = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": ["redis://127.0.0.1:1"]},
        }
    }
    with override_settings(CHANNEL_LAYERS=nowhere):
        channel_layers.backends.clear()
        asyncio.run(process.look_at_bus())
    channel_layers.backends.clear()
    yield "bus"
    asyncio.run(process.look_at_bus())


@cause(catalogue.WORKER_DOWN)
def no_worker(patch: pytest.MonkeyPatch) -> Steps:
    """Until one begins."""
    database = process.Database()
    database._tell_worker(there=False)
    database._started_at -= process.GRACE_S + 1
    database._tell_worker(there=False)
    yield "worker"
    database._tell_worker(there=True)
    database.close()


# --- calls ----------------------------------------------------------------------------------------


@cause(catalogue.VOICE_CHANNEL_FAILURE)
def broken_connections(_patch: pytest.MonkeyPatch) -> Steps:
    """Then a call that ends as it should; test calls do not count."""
    for broken in (Cause.CONNECTION_LOST, Cause.VOICE_SIDE, Cause.CONNECTION_LOST):
        _ended(broken)
    yield "channel:audiocodes"
    _ended(Cause.INTERNAL)
    yield "channel:audiocodes"
    _ended("", is_test=True)
    yield "channel:audiocodes"
    _ended("")


def _ended(why: str, *, is_test: bool = False) -> None:
    witness = CallWitness({})
    witness.opened(CallStart(conversation_id="c", channel="audiocodes", is_test=is_test))
    witness.closed(
        commands.Finish(
            at=1.0, ended_by="caller", reason_code="error", reason="", cause=why, turns=0
        )
    )


@cause(catalogue.NO_CALLER_AUDIO)
def callers_without_audio(_patch: pytest.MonkeyPatch) -> Steps:
    """Two of them; then audio comes in one."""

    async def calls() -> None:
        silent = SilentCalls()
        for number in (1, 2):
            line, session = _call()
            session.open_ear()
            silent.look([session], session._loop.time())
            silent.look([session], session._loop.time() + DEAF_S + 1)
            silent.look([session], session._loop.time() + DEAF_S + 2)
            assert len(silent._told) == 1
            if number == 2:
                later.append((silent, session))
            await _over(line)
        silent.look([], 0.0)
        assert not silent._told

    later: list[Any] = []
    asyncio.run(calls())
    yield "channel:test"
    silent, session = later[0]
    session.frames.came += 1
    silent.look([session], 0.0)


@cause(catalogue.AUDIO_UNHEARD)
def audio_that_nobody_plays(_patch: pytest.MonkeyPatch) -> Steps:
    """In two calls whose voice side would tell; then it plays some."""

    async def calls() -> None:
        for _number in (1, 2):
            line, session = _call()
            session.leg.plays = False
            session.frames.sent += UNHEARD_PIECES
            SilentCalls().look([session], 0.0)
            last[:] = [session]
            await _over(line)

    last: list[Any] = []
    asyncio.run(calls())
    yield "channel:test"
    last[0].leg.plays = True
    SilentCalls().look(last, 0.0)


@cause(catalogue.CALL_NOT_ENDED)
def a_call_that_does_not_end(_patch: pytest.MonkeyPatch) -> Steps:
    """For a night; and another one beside it."""
    endless = EndlessCalls()

    async def calls() -> None:
        line, session = _call()
        now = session._loop.time()
        endless.look([session], now)
        endless.look([session, session], now + 2 * LONGEST_S)
        await _over(line)

    asyncio.run(calls())
    yield "bot:test"
    endless.look([], 0.0)


def _call() -> tuple[Line, Any]:
    line = Line(Leg(audio=True))
    return line, line.session


async def _over(line: Line) -> None:
    line.task.cancel()
    await asyncio.gather(line.task, return_exceptions=True)


# --- the installation -----------------------------------------------------------------------------


@cause(catalogue.PROCESS_LOST)
def a_process_that_died(_patch: pytest.MonkeyPatch) -> Steps:
    """Another one, which ended in good order, is not missed."""
    now = timezone.now()
    for owner in ("one", "dead", "sweep", "polite"):
        renew_lease(owner, "here", 1, now, vitals={"calls": 3})
    ProcessLease.objects.filter(owner="one").update(since=now - timedelta(minutes=9))
    give_back("polite")
    ProcessLease.objects.exclude(owner="one").update(renewed_at=now - timedelta(seconds=40))
    installation.look_at_processes(now)
    yield "process:dead"
    # The process that lives was born since: no calls come back with it.
    installation.look_at_processes(now)
    assert ActiveAlarm.objects.get().detail.endswith("silent for 40 s; 3 calls were cut off")
    yield FORGOTTEN


@cause(catalogue.PROCESS_LOST)
def a_worker_that_died(_patch: pytest.MonkeyPatch) -> Steps:
    """It is over when another one lives; one that lived beside it takes nobody's place."""
    now = timezone.now()
    early = now - timedelta(minutes=9)
    for owner, role in (("web", "web"), ("dead", "worker"), ("other", "worker")):
        renew_lease(owner, "here", 1, now, role=role, started_at=early)
    ProcessLease.objects.filter(owner="web").update(since=early)
    other = ProcessLease.objects.filter(owner="other")
    ProcessLease.objects.exclude(owner="web").update(renewed_at=now - timedelta(seconds=40))
    other.update(renewed_at=now)
    installation.look_at_processes(now)
    yield "process:dead"
    installation.look_at_processes(now)
    assert ActiveAlarm.objects.get().detail.endswith("another worker process is at work")
    other.update(started_at=now)
    installation.look_at_processes(now)
    desk.flush()
    assert not ActiveAlarm.objects.exists()
    # Who looks later tells of it no second time.
    installation.look_at_processes(now)


@cause(catalogue.QUEUE_DELAYED)
def a_late_dialout(_patch: pytest.MonkeyPatch) -> Steps:
    """That nobody places."""
    now = timezone.now()
    row = dialout(bot=None, not_before=now - HOUR, not_after=now + HOUR, created_at=now - HOUR)
    dialout(bot=None, not_before=now, not_after=now + HOUR, created_at=now)
    installation.look_at_queues(now)
    yield "queue:dialouts"
    Dialout.objects.filter(pk=row.pk).delete()
    installation.look_at_queues(now)


@cause(catalogue.QUEUE_DELAYED)
def a_late_delivery(_patch: pytest.MonkeyPatch) -> Steps:
    """One to a destination that is left in peace does not count."""
    now = timezone.now()
    owe("https://crm.example/hook", at=now - HOUR)
    owe("https://gone.example/hook", stream="call:2", at=now - HOUR)
    gone = Destination.objects.filter(origin__contains="gone")
    gone.update(open_until=now + HOUR)
    installation.look_at_queues(now)
    yield "queue:deliveries"
    Delivery.objects.filter(destination__origin__contains="crm").delete()
    installation.look_at_queues(now)


@cause(catalogue.DELIVERIES_GIVEN_UP)
def a_destination_that_never_answered(_patch: pytest.MonkeyPatch) -> Steps:
    """Until it takes something again."""
    now = timezone.now()
    owe("https://crm.example/hook", at=now)
    Delivery.objects.update(state="dead", finished_at=now)
    installation.look_at_given_up(now)
    yield "origin:https://crm.example"
    Destination.objects.update(last_success_at=now + HOUR)
    installation.look_at_given_up(now)


def _rate(service: str) -> Callable[[pytest.MonkeyPatch], Steps]:
    def steps(_patch: pytest.MonkeyPatch) -> Steps:
        now = timezone.now()
        for owner in ("one", "two"):
            told = {f"{service}:azure-1": [15, 3], f"{service}:other": [100, 1], "odd": ["x"]}
            renew_lease(owner, "here", 1, now, vitals={"providers": told})
        renew_lease("old", "here", 1, now, vitals={"providers": None})
        installation.look_at_rates(now)
        yield "provider:azure-1"
        ProcessLease.objects.all().delete()
        installation.look_at_rates(now)

    return steps


for _service, _kind in installation.RATES.items():
    cause(_kind)(_rate(_service))


@cause(catalogue.VOICE_CHANNEL_ERROR_RATE)
def many_calls_that_end_with_an_error(_patch: pytest.MonkeyPatch) -> Steps:
    """A few that do not make it a rate."""
    now = timezone.now()
    for number in range(30):
        Call.objects.create(
            conversation_id=str(number),
            channel="audiocodes" if number < 25 else "browser",
            mode="voice",
            bot_name="demo",
            bot_revision=1,
            owner="one",
            started_at=now - HOUR,
            state="ended",
            ended_at=now,
            ended_by="caller",
            reason_code="error" if number % 5 == 0 else "client-disconnected",
            transcript_expires_at=now,
        )
    installation.look_at_rates(now)
    yield "channel:audiocodes"
    installation.look_at_rates(now + HOUR)


@cause(catalogue.DIALOUT_FAILURE_RATE)
def many_dialouts_that_fail(_patch: pytest.MonkeyPatch) -> Steps:
    """People who are busy are no failure."""
    now = timezone.now()
    for number in range(40):
        code = ("error", "busy")[number % 2] if number < 20 else "no-answer"
        name = "seller" if number < 20 else "caller"
        dialout(bot_name=name, state="failed", ended_at=now, reason_code=code)
    installation.look_at_rates(now)
    yield "bot:seller"
    installation.look_at_rates(now + HOUR)


@cause(catalogue.CERTIFICATE_EXPIRING)
def a_certificate_that_ends_tomorrow(_patch: pytest.MonkeyPatch) -> Steps:
    """Until it is renewed."""
    now = timezone.now()
    ends = {"sbc.example": now + timedelta(days=1), "new.example": now + timedelta(days=80)}
    _worker_found(ends)
    installation.look_at_expiries(now)
    yield "certificate:sbc.example"
    _worker_found({name: now + timedelta(days=90) for name in ends})
    installation.look_at_expiries(now)


def _worker_found(ends: dict[str, Any]) -> None:
    told = {name: end.isoformat() for name, end in ends.items()}
    renew_lease("w", "here", 1, timezone.now(), role="worker", vitals={"certificates": told})


@cause(catalogue.SECRET_EXPIRING)
def a_token_that_ends_soon(_patch: pytest.MonkeyPatch) -> Steps:
    """Another one has time."""
    now = timezone.now()
    client, _secret = api_client_create(name="dialer", scopes=("calls:read",))
    mint_token(client, name="crm", scopes=("calls:read",), days=5)
    mint_token(client, name="erp", scopes=("calls:read",), days=50)
    installation.look_at_expiries(now)
    yield "secret:client-token dialer: crm"
    ApiClient.objects.update(enabled=False)
    installation.look_at_expiries(now)


@cause(catalogue.SECRET_UNREADABLE)
def a_secret_without_its_key(_patch: pytest.MonkeyPatch) -> Steps:
    """Until it is set again."""
    provider = Provider.objects.create(
        name="broken",
        kind="stt",
        plugin="rehearsal",
        credentials={"rehearsalKey": {"$secret": "no-token-at-all"}},
    )
    installation.look_at_secrets(timezone.now())
    yield "secret:provider broken: rehearsalKey"
    provider.delete()
    installation.look_at_secrets(timezone.now())


@cause(catalogue.PLUGIN_UNAVAILABLE)
def a_plug_in_that_does_not_load(patch: pytest.MonkeyPatch) -> Steps:
    """Until the gateway is started again without it."""
    with patch.context() as there:
        there.setitem(registry.broken, "acme_stt", "no module named acme")
        installation.look_at_plugins(timezone.now())
    yield "plugin:acme_stt"
    installation.look_at_plugins(timezone.now())


@cause(catalogue.PLUGIN_UNAVAILABLE)
def hooks_that_do_not_load(patch: pytest.MonkeyPatch) -> Steps:
    """The same."""
    with patch.context() as there:
        there.setitem(registered.broken, "greet", "invalid syntax")
        installation.look_at_plugins(timezone.now())
    yield "plugin:hooks greet"
    installation.look_at_plugins(timezone.now())


@cause(catalogue.BOT_MISCONFIGURED)
def a_bot_without_its_credentials(_patch: pytest.MonkeyPatch) -> Steps:
    """Which only a call looks at; then the bot is switched off."""
    made = bot()
    envelope = {"rehearsalKey": {"$secret": "no-token-at-all"}}
    stt = Provider.objects.create(
        name="broken", kind="stt", plugin="rehearsal", credentials=envelope
    )
    Bot.objects.filter(pk=made.pk).update(stt_provider=stt)
    assert _admit(made.name, None, None)[1] is None
    yield "bot:seller"
    installation.look_at_bots(timezone.now())
    yield "bot:seller"
    Bot.objects.filter(pk=made.pk).update(enabled=False)
    installation.look_at_bots(timezone.now())


@cause(catalogue.BOT_MISCONFIGURED)
def a_bot_whose_plug_in_is_gone(_patch: pytest.MonkeyPatch) -> Steps:
    """Until it is there again."""
    made = bot()
    Provider.objects.filter(bots=made).update(plugin="gone")
    installation.look_at_bots(timezone.now())
    yield "bot:seller"
    Provider.objects.filter(bots=made).update(plugin="table")
    installation.look_at_bots(timezone.now())
