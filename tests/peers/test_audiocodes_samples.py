"""AudioCodes' sample bots for its TypeScript SDK, called as their how-to pages say."""

from pathlib import Path

import pytest

from tests.e2e.installation import Gateway
from tests.e2e.test_spoken_calls import heard, record
from tests.peers.conftest import Called, Configured
from tests.peers.programs import Program, node

BILL = "I want to pay my bill"
TOKEN = "TOKEN"
ENV = {"ACCESS_TOKEN": TOKEN}


@pytest.fixture
def samples(peers: Path) -> Path:
    return peers / "ac-api-samples" / "ac-bot-api"


def test_text_echo_says_back_what_the_gateway_recognised_and_hangs_up(
    gateway: Gateway, samples: Path, configured: Configured, called: Called, tmp_path: Path
) -> None:
    with node("dist/text-echo-bot.js", samples, tmp_path / "log", ENV) as bot:
        configured("try-the-audiocodes-text-echo-bot.md", bot.port, TOKEN)
        call = called("text-echo", "--say", BILL, "--say", "disconnect")
    kept = record(gateway, call["conversation_id"])
    said = [text.lower() for side, kind, text, _ in kept["lines"] if kind == "speech"]
    assert said[0].startswith("welcome to audiocodes")
    assert said[1:] == [BILL.lower(), BILL.lower(), "disconnect"]
    assert kept["ended_by"] == "bot"


def test_voice_echo_plays_back_the_callers_own_voice(
    gateway: Gateway, samples: Path, configured: Configured, called: Called, tmp_path: Path
) -> None:
    recording = tmp_path / "echo.wav"
    with node("dist/voice-echo-bot.js", samples, tmp_path / "log", ENV) as bot:
        configured("try-the-audiocodes-voice-echo-bot.md", bot.port, TOKEN)
        call = called("voice-echo", "--say", BILL, "--record", str(recording))
    assert BILL.lower() in heard(recording, [BILL]).lower()
    kept = record(gateway, call["conversation_id"])
    assert ["caller", "speech", "echoing back incoming voice"] in [x[:3] for x in kept["lines"]]


def test_call_transcript_writes_down_what_was_said(
    samples: Path, configured: Configured, called: Called, tmp_path: Path
) -> None:
    written = samples / "dist" / "static" / "conversations"
    before = set(written.glob("*")) if written.exists() else set()
    with node(
        "dist/call-transcript-bot.js", samples, tmp_path / "log", {"ACCESS_TOKEN": TOKEN}
    ) as bot:
        configured("try-the-audiocodes-call-transcript-bot.md", bot.port, TOKEN)
        called("call-transcript", "--say", BILL, "--silent", "2", "--hang-up")
        assert _ended(bot)
    (transcript,) = set(written.glob("*")) - before
    assert f"]: {BILL.lower()}" in transcript.read_text()


def _ended(bot: Program) -> bool:
    """Whether the bot was told that the call is over; it had to be, before the caller was."""
    return "Conversation ended." in bot.said()
