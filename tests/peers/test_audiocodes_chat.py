"""Bots in chat mode that others wrote: AudioCodes' mock bot, and its channel for Rasa."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.installation import Gateway
from tests.e2e.test_spoken_calls import record
from tests.peers.conftest import Called, Configured
from tests.peers.programs import HERE, Program, node, running

BILL = "I want to pay my bill"
TOKEN = "TOKEN"


def spoken(gateway: Gateway, call: Any) -> list[list[str]]:
    """Who said what in the call, in lower case."""
    lines = record(gateway, call["conversation_id"])["lines"]
    return [[side, text.lower()] for side, kind, text, _ in lines if kind == "speech"]


# --- the mock bot -------------------------------------------------------------------------------


@pytest.fixture
def mock(peers: Path, tmp_path: Path, configured: Configured) -> Any:
    folder = peers / "ac-api-samples" / "ac-bot-api"
    with node("dist/mock-ac-bot.js", folder, tmp_path / "log", {"ACCESS_TOKEN": TOKEN}) as bot:
        configured("try-the-audiocodes-mock-bot.md", bot.port, TOKEN)
        yield bot


@pytest.mark.parametrize("bot", ["mock", "mock-with-socket"])
def test_the_mock_bot_says_back_what_it_is_told_and_hangs_up(
    gateway: Gateway, mock: Program, called: Called, bot: str
) -> None:
    call = called(bot, "--say", BILL, "--say", "disconnect")
    assert spoken(gateway, call) == [
        ["bot", "welcome"],
        ["caller", BILL.lower()],
        ["bot", BILL.lower()],
        ["caller", "disconnect"],
        ["bot", "disconnecting"],
    ]
    kept = record(gateway, call["conversation_id"])
    assert (kept["ended_by"], kept["reason"]) == ("bot", "My hangup reason")
    assert mock.said().count("Conversation disconnected") == 1


def test_a_mock_bot_that_closes_its_socket_is_talked_to_all_the_same(
    gateway: Gateway, mock: Program, called: Called
) -> None:
    call = called(
        "mock-with-socket",
        *("--text", "--say", "Close web socket", "--silent", "1.5", "--say", "disconnect"),
    )
    assert spoken(gateway, call)[-1] == ["bot", "disconnecting"]
    assert "Wrong token" not in mock.said()


# --- the channel for Rasa -----------------------------------------------------------------------


@pytest.fixture
def rasa(peers: Path, tmp_path: Path, configured: Configured) -> Callable[..., Any]:
    """``with rasa(PROACTIVE="1") as program``: the channel, and the bot that the page makes."""

    def start(**env: str) -> Any:
        folder = peers / "rasa-audiocodes"
        python = str(folder / ".venv" / "bin" / "python")
        environ = {"ACCESS_TOKEN": TOKEN, **env}
        return running((python, str(HERE / "start_rasa.py")), folder, tmp_path / "rasa", environ)

    return start


@pytest.mark.parametrize("proactive", ["", "1"], ids=["by answer", "by socket"])
def test_the_rasa_channel_holds_a_whole_call(
    gateway: Gateway,
    rasa: Callable[..., Any],
    configured: Configured,
    called: Called,
    proactive: str,
) -> None:
    with rasa(PROACTIVE=proactive) as program:
        configured("try-the-audiocodes-rasa-channel.md", program.port, TOKEN)
        call = called("rasa", "--say", BILL, "--say", "goodbye")
        said = program.said()
    assert spoken(gateway, call) == [
        ["bot", "hello from rasa."],
        ["caller", BILL.lower()],
        ["bot", f"you said {BILL.lower()}."],
        ["caller", "goodbye"],
        ["bot", "goodbye."],
    ]
    kept = record(gateway, call["conversation_id"])
    assert (kept["ended_by"], kept["reason"]) == ("bot", "Said goodbye")
    assert said.count("/vaig_event_start") == 1
    assert said.count("/vaig_event_end") == 1
