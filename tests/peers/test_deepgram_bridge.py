"""deepgram-audiocodes-bridge as a bot with a voice, with a Deepgram of ours behind it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.installation import Gateway
from tests.e2e.test_spoken_calls import heard, record
from tests.fakes.deepgram_agent import KEY, PATH
from tests.peers.checkouts import ROOT
from tests.peers.conftest import Called, Configured
from tests.peers.programs import HERE, running

BILL = "I want to pay my bill"
TOKEN = "token-of-ours"
GREETING = "Hello from the bridge."
ANSWER = "I hear you. I am not a real agent, I only follow a script."
"""What our Deepgram says to the first words."""


@pytest.fixture
def bridge(peers: Path, configured: Configured, tmp_path: Path) -> Iterator[None]:
    """The bridge, and the bot that the how-to page makes of it."""
    folder = peers / "deepgram-audiocodes-bridge"
    fake = f'exec "{sys.executable}" -m tests.fakes.deepgram_agent --port "$PEER_PORT"'
    with running(("sh", "-c", fake), ROOT, tmp_path / "deepgram") as deepgram:
        environ = {
            "DEEPGRAM_URL": f"ws://127.0.0.1:{deepgram.port}{PATH}",
            "DEEPGRAM_API_KEY": KEY,
            "ACCESS_TOKEN": TOKEN,
        }
        python = str(folder / ".venv" / "bin" / "python")
        starter = str(HERE / "start_bridge.py")
        with running((python, starter), folder, tmp_path / "bridge", environ) as bot:
            configured("try-the-deepgram-audiocodes-bridge.md", bot.port, TOKEN)
            yield


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("media", ["raw/mulaw", "raw/lpcm16"])
def test_a_call_through_the_bridge_has_turns_in_both_directions(
    gateway: Gateway, called: Called, tmp_path: Path, media: str
) -> None:
    recording = tmp_path / "call.wav"
    call = called("bridge", "--format", media, "--say", BILL, "--record", str(recording))
    kept = record(gateway, call["conversation_id"])
    assert ["caller", "speech", "some words"] in [line[:3] for line in kept["lines"]]
    assert "follow a script" in heard(recording, [GREETING, ANSWER]).lower()


@pytest.mark.usefixtures("bridge")
def test_a_prompt_that_the_bridge_has_sent_whole_can_be_interrupted(called: Called) -> None:
    call = called("bridge", "--format", "raw/mulaw", "--interrupt", "--say", BILL, "--say", BILL)
    assert any(turn["barge_in_ms"] is not None for turn in call["turns"])
