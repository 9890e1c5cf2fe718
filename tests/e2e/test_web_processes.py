"""Two web processes behind one port: who serves what, who goes on, and what a crash costs."""

import contextlib
import json
import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from websockets.sync.client import ClientConnection, connect

from tests.e2e import installation
from tests.e2e.installation import Gateway

pytestmark = pytest.mark.once

TRIES = 60
"""Connections of which at least one lands on either process; all but certain."""
SECONDS = 30.0


@pytest.fixture
def twins(tmp_path: Any, backends: dict[str, str]) -> Iterator[Gateway]:
    with installation.running(tmp_path, {**backends, "WEB_PROCESSES": "2"}) as gateway:
        yield gateway


def asked(socket: ClientConnection, wanted: str, **message: Any) -> dict[str, Any]:
    """Send ``message`` and return the next one of the type ``wanted``."""
    socket.send(json.dumps(message))
    while True:
        answer: dict[str, Any] = json.loads(socket.recv(SECONDS))
        if answer["type"] in (wanted, "session.error"):
            return answer


def begun(stack: contextlib.ExitStack, gateway: Gateway, conversation: str) -> ClientConnection:
    """A text session of the demo bot that has greeted."""
    socket = stack.enter_context(connect(f"{gateway.ws_url}/voice/audiocodes/demo"))
    named = {"conversationId": conversation, "botName": "demo", "caller": "+12025550100"}
    answer = asked(
        socket, "session.accepted", type="session.initiate", expectAudioMessages=False, **named
    )
    assert answer["type"] == "session.accepted", answer
    start = {"type": "event", "name": "start", "parameters": {"caller": "+12025550100"}}
    asked(
        socket,
        "activities",
        type="activities",
        conversationId=conversation,
        activities=[start],
    )
    return socket


def owners(gateway: Gateway) -> dict[str, int]:
    """The process of each live conversation."""
    printed = gateway.query(
        "import json; from calls.models import Call; print(json.dumps({"
        "c.conversation_id: int(c.owner.split(':')[1]) for c in Call.objects.filter("
        "state='active')}))"
    )
    found: dict[str, int] = json.loads(printed)
    return found


def resumed(stack: contextlib.ExitStack, gateway: Gateway, conversation: str) -> ClientConnection:
    """A new connection that takes the conversation over."""
    socket = stack.enter_context(connect(f"{gateway.ws_url}/voice/audiocodes/demo"))
    answer = asked(socket, "session.accepted", type="session.resume", conversationId=conversation)
    assert answer["type"] == "session.accepted", answer
    return socket


def said(socket: ClientConnection, conversation: str) -> str:
    """What the bot answers."""
    words = [{"type": "message", "text": "I want to pay my bill"}]
    answer = asked(
        socket, "activities", type="activities", conversationId=conversation, activities=words
    )
    return str(answer["activities"][0].get("text", ""))


def served(gateway: Gateway) -> str:
    with urllib.request.urlopen(f"{gateway.url}/readyz", timeout=10) as answer:
        return str(json.load(answer)["status"])


def test_two_processes_serve_one_port_and_each_outlives_the_other(twins: Gateway) -> None:
    with contextlib.ExitStack() as stack:
        sockets = {f"c-{n}": begun(stack, twins, f"c-{n}") for n in range(12)}
        # The record of a call is written beside it.
        deadline = time.monotonic() + SECONDS
        while len(found := owners(twins)) < len(sockets):
            assert time.monotonic() < deadline, found
        both = {twins.children()["web"], twins.children()["web-2"]}
        assert set(found.values()) == both

        # A caller who comes back is led to the call, wherever the new socket lands.
        for _ in range(TRIES):
            back = resumed(stack, twins, "c-0")
            if "socket.passed_on" in twins.log.read_text():
                break
        else:
            pytest.fail("no socket landed on the other process")
        assert said(back, "c-0")

        dead = next(iter(both - {found["c-0"]}))
        with installation.all_gone([dead]):
            os.kill(dead, signal.SIGKILL)
        assert {served(twins) for _ in range(20)} == {"ready"}
        # Whom the dead process had passed on comes back once more; nobody else noticed.
        assert said(resumed(stack, twins, "c-0"), "c-0")
        other = next(name for name, pid in found.items() if pid != dead and name != "c-0")
        assert said(sockets[other], other)
        while twins.log.read_text().count("server.listening") < 3:
            assert time.monotonic() < deadline + 60, twins.log.read_text()
            time.sleep(0.1)
        assert {"web", "web-2"} <= twins.children().keys()
