"""Test calls over real sockets, in real time, by the command that operators use."""

import asyncio
import json
import signal
import socket
import sys
import wave
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from bots.core import registry
from bots.core.activities import event
from calls.testcall.connection import Unreachable
from calls.testcall.ledger import Line
from calls.testcall.order import Order
from calls.testcall.plan import CallPlan, Digits, Expect, Words, utterance
from calls.testcall.run import place_calls
from tests.fakes.ac_bot import Fault, Script, serve, tone

pytestmark = pytest.mark.wire

ROOT = Path(__file__).resolve().parents[3]
WORDS = utterance("pay my bill", tone(300))
PATH = "/voice/audiocodes/demo"


def plan(**fields: Any) -> CallPlan:
    return CallPlan(
        conversation_id=UUID(int=0), epoch=datetime.min.replace(tzinfo=UTC), bot="demo", **fields
    )


def brisk(*faults: Fault, **fields: Any) -> Script:
    brief = {"greeting_ms": 120, "answer_ms": 120, "silence_ms": 200} | fields
    return Script(faults=frozenset(faults), **brief)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def run_command(*arguments: str, interrupt_on: bytes = b"") -> tuple[int | None, str, str]:
    """Run the command as an operator does; ``interrupt_on``: press Ctrl-C when that is printed."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "testcall",
        "demo",
        *arguments,
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    printed = b""
    while interrupt_on and interrupt_on not in printed:
        line = await process.stdout.readline()
        assert line, printed
        printed += line
    if interrupt_on:
        process.send_signal(signal.SIGINT)
    rest, errors = await process.communicate()
    return process.returncode, (printed + rest).decode(), errors.decode()


async def test_a_call_over_a_real_socket_is_shown_and_recorded(tmp_path: Path) -> None:
    shown: list[Line] = []
    recording = tmp_path / "out.wav"
    async with serve(brisk(), token="secret") as (url, bots):
        order = Order(
            plan=plan(steps=(WORDS, Expect("some words"), Digits("1"))),
            url=url + PATH,
            token="secret",
            recording=recording,
        )
        (result,) = await place_calls(order, show=shown.append)
    assert result.ok, result.faults
    assert tuple(shown) == result.lines
    assert [told.event for told in bots[0].heard] == ["start", "dtmf"]
    assert bots[0].ended is not None
    with wave.open(str(recording)) as file:
        assert (file.getnchannels(), file.getframerate(), file.getsampwidth()) == (2, 16000, 2)
        assert file.getnframes() / 16000 == pytest.approx(result.duration, abs=0.5)


async def test_a_dropped_socket_is_resumed_without_a_closing_handshake() -> None:
    async with serve(brisk()) as (url, bots):
        order = Order(plan=plan(steps=(WORDS,), cut_after=0.1), url=url + PATH)
        (result,) = await place_calls(order)
    assert result.ok, result.faults
    assert result.resumed_after_ms is not None
    assert len(bots) == 1


async def test_several_calls_are_placed_at_once(tmp_path: Path) -> None:
    async with serve(brisk()) as (url, bots):
        order = Order(
            plan=plan(steps=(WORDS,)), url=url + PATH, calls=3, recording=tmp_path / "out.wav"
        )
        results = await place_calls(order)
    assert [result.ok for result in results] == [True] * 3
    assert len({result.conversation_id for result in results}) == len(bots) == 3
    assert names(tmp_path) == [
        "out-001.wav",
        "out-002.wav",
        "out-003.wav",
    ]


async def test_a_socket_that_closes_in_mid_call_is_a_fault() -> None:
    async with serve(brisk("close in mid-call")) as (url, _):
        (result,) = await place_calls(Order(plan=plan(steps=(WORDS,)), url=url + PATH))
    assert result.faults == ("the gateway closed the socket while talking (code 1000)",)


async def test_a_gateway_that_leaves_the_socket_open_is_closed() -> None:
    async with serve(brisk("never close the socket")) as (url, bots):
        (result,) = await place_calls(Order(plan=plan(), url=url + PATH))
    assert result.ok, result.faults
    assert bots[0].ended is not None


async def test_a_gateway_that_is_gone_after_the_cut_is_a_fault() -> None:
    async with serve(brisk(greeting_ms=1000)) as (url, _):
        order = Order(plan=plan(cut_after=0.3), url=url + PATH)

        def show(line: Line) -> None:
            if line.text == "socket cut":
                listening.close()

        # The port is ours to close: a relay that dies with the first socket.
        listening, relay_url = await relay(url)
        (result,) = await place_calls(Order(plan=order.plan, url=relay_url + PATH), show=show)
    assert len(result.faults) == 1
    assert result.faults[0].startswith(f"after the cut {relay_url}{PATH} cannot be reached")


async def relay(url: str) -> tuple[asyncio.Server, str]:
    """A port that passes bytes on to ``url`` until it is closed."""
    host, _, port = url.removeprefix("ws://").partition(":")

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
        writer.close()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection(host, int(port))
        await asyncio.gather(
            copy(reader, inner_writer), copy(inner_reader, writer), return_exceptions=True
        )

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    outer_host, outer_port = server.sockets[0].getsockname()[:2]
    return server, f"ws://{outer_host}:{outer_port}"


async def test_refusals_are_explained() -> None:
    async with serve(brisk(), token="secret") as (url, _):
        for token, part in (("", "a token is needed, see --token"), ("x", "was not accepted")):
            with pytest.raises(Unreachable, match=part):
                await place_calls(Order(plan=plan(), url=url + PATH, token=token))
        with pytest.raises(Unreachable, match="404: there is no such bot"):
            await place_calls(Order(plan=plan(), url=url + "/voice/audiocodes/nobody"))
    with pytest.raises(Unreachable, match=r"cannot be reached \(connection refused\)"):
        await place_calls(Order(plan=plan(), url=url + PATH))
    with pytest.raises(Unreachable, match="cannot be called"):
        await place_calls(Order(plan=plan(), url="ws://127.0.0.1:99999/"))


async def test_a_gateway_that_is_not_there_is_told_before_the_voice_is_made(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(registry, "_plugins", {})  # so that there is no voice at all
    order = Order(plan=plan(steps=(Words("hello"),)), url="ws://127.0.0.1:1" + PATH)
    with pytest.raises(Unreachable):
        await place_calls(order)
    async with serve(brisk()) as (url, bots):
        with pytest.raises(LookupError, match="no tts plug-in"):
            await place_calls(Order(plan=order.plan, url=url + PATH))
    assert bots == []


async def test_one_call_that_is_not_taken_among_others_is_a_failed_call() -> None:
    async with serve(brisk(), most=1) as (url, _):
        results = await place_calls(Order(plan=plan(), url=url + PATH, calls=2))
    assert sorted(result.ok for result in results) == [False, True]
    (failed,) = [result for result in results if not result.ok]
    assert "HTTP 503: it takes no calls at present" in failed.faults[0]


async def test_a_peer_that_never_takes_the_upgrade_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("calls.testcall.connection.CONNECT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"ws://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(Unreachable, match=r"did not answer within 0\.2 s"):
            await place_calls(Order(plan=plan(), url=url))


async def test_the_command_passes_a_good_bot() -> None:
    goodbye = (event("hangup", activity_params={"hangupReason": "done"}),)
    async with serve(brisk(last_words=goodbye)) as (url, _):
        code, printed, errors = await run_command(
            *("--expect", "welcome", "--silent", "0.1", "--press", "1@0.5"),
            *("--expect-end", "bot-disconnected", "--url", url),
        )
    assert (code, errors) == (0, "")
    assert f"Calling {url}{PATH}" in printed
    assert "bot         You pressed 1." in printed
    assert "ended       by the bot: bot-disconnected [done]" in printed
    assert printed.strip().splitlines()[-1].startswith("PASSED in ")


async def test_the_command_fails_a_bad_bot_and_tells_machines_why() -> None:
    async with serve(brisk("refuse")) as (url, _):
        code, printed, errors = await run_command("--dtmf", "1", "--url", url, "--json")
    assert (code, errors) == (1, "")
    told = json.loads(printed)
    assert told["ok"] is False
    assert told["faults"] == ['the gateway refused the call: "no capacity"']


async def test_the_command_says_what_is_wrong_with_its_options() -> None:
    code, printed, errors = await run_command("--dtmf", "1x", "--cut", "-1")
    assert (code, printed) == (2, "")
    assert "--press: '1x' holds other keys than 0-9, * and #" in errors
    assert "--cut: " in errors


async def test_ctrl_c_hangs_up_in_order() -> None:
    async with serve(brisk(greeting_ms=20_000)) as (url, bots):
        code, printed, errors = await run_command("--url", url, interrupt_on=b"Welcome.")
    assert (code, errors) == (1, "")
    assert "the call was broken off by the operator" in printed
    assert bots[0].ended is not None
