"""What metrics, traces and watchers add to the processor time of a relayed frame.

See benchmarks/README.md. One gateway relays audio between callers and a voice agent, as in
`voice_bot.py`. While the same calls go on, its instrumentation is taken out and put back, turn of
talk by turn of talk; neighbouring stretches are compared. Each second of a shared machine is faster
or slower than the next: a fixed piece of work, done between the frames, tells how fast it was.
"""

import argparse
import ast
import asyncio
import base64
import inspect
import json
import math
import os
import random
import statistics
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.voice_bot import FRAME_S, PAUSE, SPEECH, Caller, prepared, running  # noqa: E402 - needs the path

MEDIA = "raw/mulaw"
FRAMES_A_SECOND = 50
PERIOD_S = FRAME_S * (SPEECH + PAUSE)
"""A stretch is as long, so that each holds the same speech, the same pauses and the same turns."""
WARM_S = 6.0
PACE_STEP_S, PACE_WORK = 0.02, 20
PACE_FRAME = json.dumps({"type": "userStream.chunk", "audioChunk": "aGVs" * 53})
SCRAPE_S = 15.0
"""As often as Prometheus usually reads."""


# --- in the gateway: what is taken out --------------------------------------------------------


class _Uncounted(ast.NodeTransformer):
    """Leaves out what adds to the frames of a call."""

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | None:
        return None if "frames." in ast.unparse(node.target) else node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        self.generic_visit(node)
        return node if node.body else None


def uncounted(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` without the lines that count frames."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    _Uncounted().visit(tree)
    if ast.unparse(tree) == ast.unparse(ast.parse(textwrap.dedent(inspect.getsource(function)))):
        raise SystemExit(f"{function.__qualname__} counts nothing")
    found: dict[str, Any] = {}
    code = compile(ast.fix_missing_locations(tree), "<uncounted>", "exec")
    exec(code, function.__globals__, found)  # our own source, less some lines
    return found[function.__name__]  # type: ignore[no-any-return]  # it has the same signature


class Switch:
    """Takes the instrumentation of the calls of this process out, and puts it back."""

    def __init__(self) -> None:
        from calls.health.process import watchers
        from calls.media.pacer import Pacer
        from calls.session.call import CallSession
        from calls.session.witness import CallWitness
        from calls.telemetry.calls import CallMetrics
        from calls.telemetry.traces import CallTrace

        self._watchers = watchers()
        self._looks = self._watchers._looks
        self._off_since = 0.0
        self._without: list[tuple[type, str, Any, Any]] = [
            (owner, name, getattr(owner, name), uncounted(getattr(owner, name)))
            for owner, name in ((CallSession, "hear"), (Pacer, "take"))
        ]
        for owner in (CallMetrics, CallWitness, CallTrace):
            for name in ("happened", "commanded", "turn", "failed"):
                if hasattr(owner, name):
                    method = getattr(owner, name)
                    self._without.append((owner, name, method, _nothing))

    def turn(self, *, on: bool) -> None:
        """From here on."""
        from calls.health.lag import loop_lag

        for owner, name, whole, without in self._without:
            setattr(owner, name, whole if on else without)
        self._watchers._looks = self._looks if on else []
        (loop_lag.start if on else loop_lag.stop)()
        self._keep_rate(on=on)

    def _keep_rate(self, *, on: bool) -> None:
        """What came due meanwhile is not caught up with: it would be done twice as often."""
        now = asyncio.get_running_loop().time()
        if on and self._off_since:
            passed_s = now - self._off_since
            self._watchers._due = [due + passed_s for due in self._watchers._due]
            self._off_since = 0.0
        elif not on:
            self._off_since = self._off_since or now


def read_metrics() -> None:
    """What a scrape takes."""
    from calls.telemetry.families import Gathered, exposed
    from gateway_project.measured import Installation, own_families

    exposed(Gathered({"web": own_families()}, Installation().families()), "")


def _nothing(*_: Any, **__: Any) -> None:
    """In place of what is taken out."""


def serve() -> None:
    """The gateway's web server; tells the processor time of each stretch on standard output."""
    from gateway_project.server import GatewayServer  # isort: skip  # first: it installs the reactor
    from gateway_project.asgi import application
    from gateway_project.management.commands import web as command

    async def start() -> None:
        await command.start()
        start.turns = asyncio.create_task(turns())  # type: ignore[attr-defined]  # kept

    server = GatewayServer(
        application,
        host="127.0.0.1",
        port=int(os.environ["PORT"]),
        proxy_headers=False,
        on_start=start,
        on_drain=command.drain,
    )
    sys.exit(server.serve())


async def turns() -> None:
    """On and off in turns; which of a pair comes first is tossed. Metrics are read while on."""
    switch, unread_s = Switch(), 0.0
    due = time.perf_counter()
    while True:
        first = random.random() < 0.5
        for on in (first, not first):
            switch.turn(on=on)
            began, used = time.perf_counter(), time.process_time()
            unread_s += PERIOD_S if on else 0
            if unread_s >= SCRAPE_S:
                unread_s = 0.0
                await asyncio.to_thread(read_metrics)
            due += PERIOD_S
            paces_s = await paces_until(due)
            used = time.process_time() - used - sum(paces_s)
            told = {
                "on": on,
                "used_s": used,
                "pace_s": statistics.mean(paces_s),
                "took_s": time.perf_counter() - began,
            }
            print(json.dumps(told), flush=True)


async def paces_until(due: float) -> list[float]:
    """What the same piece of work took now and then: how fast the machine is."""
    paces_s = []
    while (left_s := due - time.perf_counter()) > 0:
        await asyncio.sleep(min(left_s, PACE_STEP_S))
        began = time.thread_time()
        for _ in range(PACE_WORK):
            frame = json.loads(PACE_FRAME)
            frame["audioChunk"] = base64.b64encode(base64.b64decode(frame["audioChunk"])).decode()
            json.dumps(frame)
        paces_s.append(time.thread_time() - began)
    return paces_s


# --- around it --------------------------------------------------------------------------------


@contextmanager
def gateway(own: dict[str, str]) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """The gateway: its port, and what it has told so far."""
    from tests.servers import free_port

    port, told = free_port(), []
    environ = {**os.environ, **own, "PORT": str(port)}
    command = [sys.executable, __file__, "--serve"]
    server = subprocess.Popen(command, env=environ, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    lines = server.stdout

    def read() -> None:
        for line in lines:
            told.append(json.loads(line))

    threading.Thread(target=read, daemon=True).start()
    try:
        yield port, told
    finally:
        server.kill()
        server.wait()


async def collect() -> tuple[web.AppRunner, str]:
    """A collector of traces that throws away what it gets."""

    async def take(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(content_type="application/x-protobuf")

    app = web.Application()
    app.router.add_post("/v1/traces", take)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}"


async def talk(own: dict[str, str], options: argparse.Namespace) -> list[Any]:
    """What the gateway told while calls went on."""
    calls, pairs = options.calls, options.pairs
    runner, collector = await collect()
    own = {**own, "OTEL_EXPORTER_OTLP_ENDPOINT": collector if options.traces else ""}
    with gateway(own) as (port, told):
        url = f"http://127.0.0.1:{port}"
        async with aiohttp.ClientSession() as session:
            for _ in range(300):
                try:
                    async with session.get(f"{url}/livez"):
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.1)
            lasting_s = WARM_S + (2 * pairs + 4) * PERIOD_S
            until = time.perf_counter() + lasting_s
            callers = [Caller(MEDIA, until) for _ in range(calls)]
            voice = f"ws://127.0.0.1:{port}/voice/audiocodes/agent"
            talking = []
            for each in callers:  # not all at once: they would speak and pause together
                talking.append(asyncio.create_task(each.through(session, voice)))
                await asyncio.sleep(PERIOD_S / calls)
            await asyncio.sleep(WARM_S - PERIOD_S)
            begun = len(told) + 1 + (len(told) + 1) % 2  # a pair that is whole
            await asyncio.sleep((2 * pairs + 2) * PERIOD_S)
            found = told[begun : begun + 2 * pairs]
            await asyncio.gather(*talking)
    await runner.cleanup()
    return found


def report(told: list[dict[str, Any]], calls: int) -> str:
    """The difference with its interval of 95 %.

    A busy machine makes some stretches cost twice as much: of the differences the fifth at either
    end is left out, and the interval is found by drawing pairs again and again.
    """
    loads: dict[bool, list[float]] = {True: [], False: []}
    differences = []
    for one, other in zip(told[::2], told[1::2], strict=False):
        pair = {each["on"]: each["used_s"] / each["took_s"] for each in (one, other)}
        for on, load in pair.items():
            loads[on].append(load / (calls * FRAMES_A_SECOND) * 1e6)
        pace = {each["on"]: each["pace_s"] for each in (one, other)}
        differences.append(math.log(pair[True] / pace[True] * pace[False] / pair[False]))
    toss = random.Random(1)
    drawn = sorted(trimmed(toss.choices(differences, k=len(differences))) for _ in range(2000))
    middle, low, high = (
        (math.exp(each) - 1) * 100 for each in (trimmed(differences), drawn[50], drawn[-51])
    )
    return (
        f"{len(differences)} pairs, {calls} calls\n"
        f"  microseconds for a frame there and back: on {statistics.median(loads[True]):.1f}, "
        f"off {statistics.median(loads[False]):.1f}\n"
        f"  instrumentation: {middle:+.2f} % (95 %: {low:+.2f} to {high:+.2f} %)"
    )


def trimmed(values: list[float]) -> float:
    """The mean without the fifth at either end."""
    ordered = sorted(values)
    cut = len(ordered) // 5
    return statistics.mean(ordered[cut : len(ordered) - cut])


def own_core() -> None:
    """Give the gateway the last core and everything around it the others, where there are some.

    What callers leave in the caches of a core that they share is most of the noise.
    """
    cores = range(os.cpu_count() or 1)
    if len(cores) > 1:
        os.sched_setaffinity(0, {cores[-1]} if "--serve" in sys.argv else set(cores[:-1]))


def main() -> None:
    """Print the difference, or be the gateway."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--pairs", type=int, default=60, help=f"of {2 * PERIOD_S:.0f} s each")
    parser.add_argument("--traces", action="store_true", help="send traces, too")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        own_core()
        serve()
        return
    with ExitStack() as stack:
        own_core()
        echo, _ = stack.enter_context(running("echo"))
        agent = f"ws://127.0.0.1:{echo}/v1/agent/converse"
        own = prepared(stack.enter_context(tempfile.TemporaryDirectory()), agent)
        told = asyncio.run(talk(own, options))
    print(report(told, options.calls))


if __name__ == "__main__":
    main()
