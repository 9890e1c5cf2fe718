"""Requests a second: OAuth tokens, a read of the API, and dialouts that are accepted.

Starts a gateway on PostgreSQL and Redis servers of its own and asks it over real HTTP from several
callers at once::

    .venv/bin/python -m benchmarks.api --seconds 10 --callers 8 --web-processes 1

The callers run in a process of their own and share the processors with the gateway, as the dialers
of a small installation do. Dialouts are accepted for later, so that none of them becomes a call.
Beside the rate stands what a request cost the web processes in processor time, which says the same
on a busy machine.
"""

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import aiohttp
from cryptography.fernet import Fernet

from tests import servers
from tests.e2e import installation
from tests.e2e.installation import Gateway

Ask = Callable[[aiohttp.ClientSession], Awaitable[int]]
SCOPES = ("bots:read", "actions:dialout")
UNLIMITED = 1_000_000


def client(gateway: Gateway) -> tuple[str, str]:
    """A client without limits that may dial out with the demo bot: its id and secret."""
    scopes = [word for scope in SCOPES for word in ("--scope", scope)]
    answer = gateway.manage("apiclient", "create", "--name", "benchmark", *scopes)
    made = json.loads(answer.stdout)
    gateway.query(
        "from bots.models import ApiClient, Bot\n"
        "from bots.services import bot_update\n"
        f"ApiClient.objects.update(rate_per_second={UNLIMITED})\n"
        "bot = Bot.objects.get(name='demo')\n"
        f"allowed = {{**bot.params, 'dialoutClients': ['{made['client_id']}']}}\n"
        "bot_update(bot=bot, expected_revision=bot.revision, author='benchmark', params=allowed)"
    )
    return made["client_id"], made["client_secret"]


async def rate(ask: Ask, *, callers: int, seconds: float) -> tuple[int, list[float], set[int]]:
    """Ask again and again: answers counted, the time each took in ms, and the statuses seen."""
    took: list[float] = []
    statuses: set[int] = set()
    connector = aiohttp.TCPConnector(limit=callers)
    async with aiohttp.ClientSession(connector=connector) as session:
        until = time.perf_counter() + seconds

        async def call() -> None:
            while (began := time.perf_counter()) < until:
                statuses.add(await ask(session))
                took.append((time.perf_counter() - began) * 1000)

        async with asyncio.TaskGroup() as group:
            for _ in range(callers):
                group.create_task(call())
    return len(took), took, statuses


def spent(gateway: Gateway) -> float:
    """Seconds of processor time that the web processes have used so far."""
    ticks = 0
    for name, pid in gateway.children().items():
        if name.startswith("web"):
            # Source: proc_pid_stat(5); the fields after the name in parentheses begin with the 3rd.
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


async def measure(gateway: Gateway, secret: tuple[str, str], seconds: float, callers: int) -> None:
    """Print one row for each kind of request."""
    basic = {"Authorization": aiohttp.encode_basic_auth(*secret)}
    grant = {"grant_type": "client_credentials"}
    url = gateway.url

    async def token(session: aiohttp.ClientSession) -> int:
        async with session.post(f"{url}/oauth/token", data=grant, headers=basic) as answer:
            return (await answer.read() and answer.status) or 0

    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{url}/oauth/token", data=grant, headers=basic) as answer,
    ):
        bearer = {"Authorization": f"Bearer {(await answer.json())['access_token']}"}

    async def bot(session: aiohttp.ClientSession) -> int:
        async with session.get(f"{url}/api/v1/bots/demo", headers=bearer) as answer:
            return (await answer.read() and answer.status) or 0

    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    wanted = {"bot": "demo", "target": "tel:+12025550101", "caller": "+12025550100"}

    async def dialout(session: aiohttp.ClientSession) -> int:
        async with session.post(
            f"{url}/api/v1/actions/dialout",
            json={**wanted, "notBefore": later},
            headers={**bearer, "Idempotency-Key": str(uuid4())},
        ) as answer:
            return (await answer.read() and answer.status) or 0

    print(f"{'':20}{'a second':>10}{'p50 ms':>10}{'p99 ms':>10}{'CPU ms':>10}  statuses")
    for name, ask in {"token": token, "read a bot": bot, "accept a dialout": dialout}.items():
        await rate(ask, callers=callers, seconds=1)  # warm
        before = spent(gateway)
        count, took, statuses = await rate(ask, callers=callers, seconds=seconds)
        cost = (spent(gateway) - before) / count * 1000
        cuts = statistics.quantiles(took, n=100)
        figures = (count / seconds, cuts[49], cuts[98], cost)
        print(f"{name:20}" + "".join(f"{each:10.1f}" for each in figures) + f"  {statuses}")


def main() -> None:
    """Start everything, measure, stop everything."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--callers", type=int, default=8)
    parser.add_argument("--web-processes", type=int, default=1)
    given = parser.parse_args()
    with contextlib.ExitStack() as stack:
        environ = {
            "DATABASE_URL": stack.enter_context(servers.postgres()),
            "REDIS_URL": stack.enter_context(servers.redis()),
            "FIELD_KEYS": Fernet.generate_key().decode("ascii"),
            "WEB_PROCESSES": str(given.web_processes),
        }
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        gateway = stack.enter_context(installation.running(directory, environ))
        asyncio.run(measure(gateway, client(gateway), given.seconds, given.callers))


if __name__ == "__main__":
    main()
