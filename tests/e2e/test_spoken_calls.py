"""Whole calls: a caller who speaks, the demo bot, and what the gateway keeps of it."""

import asyncio
import itertools
import json
import re
import subprocess
import wave
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from bots.core import registry
from bots.core.phrases import words
from bots.core.ports import RecognitionRequest, Transcript
from tests.e2e.installation import Gateway

pytestmark = [pytest.mark.e2e, pytest.mark.speech]

RATE_HZ = 16000


AT_ONCE = 3
"""Real speech takes its time, so the calls of this file are placed side by side."""

PLACED: dict[str, tuple[str, ...]] = {
    "spoken": ("--say", "I want to pay my bill", "--say", "operator", "--record", "spoken.wav"),
    "interrupted": ("--interrupt", "--say", "opening hours"),
    "several": ("--calls", "4", "--say", "opening hours"),
    "cut": ("--cut", "5", "--say", "opening hours", "--say", "goodbye"),
    "telephone": ("--format", "raw/mulaw", "--say", "opening hours"),
    "text": ("--text", "--say", "my bill", "--say", "goodbye"),
    "keys": ("--dtmf", "2"),
}

Placed = Callable[[str], Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where recordings go."""
    return tmp_path_factory.mktemp("calls")


@pytest.fixture(scope="module")
def placed(gateway: Gateway, folder: Path) -> Iterator[Placed]:
    """Every call of `PLACED`, on its way; ``placed(name)`` waits for the result it prints."""

    def place(options: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
        words = [str(folder / word) if word.endswith(".wav") else word for word in options]
        return gateway.manage("testcall", "demo", "--json", *words)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = {name: pool.submit(place, options) for name, options in PLACED.items()}

        def result(name: str) -> Any:
            answer = answers[name].result()
            assert answer.returncode == 0, answer.stdout + answer.stderr
            return json.loads(answer.stdout)

        yield result


def record(gateway: Gateway, conversation_id: str) -> Any:
    """The CDR and transcript of a call, once it is written."""
    statement = f"""
import json, time
from calls.models import Call
for _ in range(100):
    call = Call.objects.filter(conversation_id="{conversation_id}").first()
    if call is not None and call.state == "ended":
        break
    time.sleep(0.1)
fields = [f.name for f in Call._meta.fields if f.name != "bot"]
print(json.dumps({{
    **{{name: str(getattr(call, name)) for name in fields}},
    "lines": [[e.side, e.kind, e.text, e.full_text] for e in call.entries.all()],
}}))
"""
    return json.loads(gateway.query(statement))


def heard(path: Path, texts: list[str]) -> str:
    """What the offline recogniser, told to expect ``texts``, hears in the right channel."""
    with wave.open(str(path)) as recording:
        assert (recording.getnchannels(), recording.getframerate()) == (2, RATE_HZ)
        stereo = recording.readframes(recording.getnframes())
    right = b"".join(stereo[i + 2 : i + 4] for i in range(0, len(stereo), 4))
    second_of_silence = bytes(2 * RATE_HZ)
    return asyncio.run(_recognise(right + second_of_silence, texts))


async def _recognise(pcm: bytes, texts: list[str]) -> str:
    plugin = registry.plugin("stt", "pocketsphinx")
    stt = plugin.factory(plugin.params(), plugin.credentials())
    vad = registry.plugin("vad", "webrtc")
    detector = vad.factory(vad.params(), vad.credentials()).detector(
        rate_hz=RATE_HZ, voice_ms=100, silence_ms=500
    )
    parts = [part for text in texts for part in re.split("[.?]", text) if part.strip()]
    # Where the bot makes no pause, sentences are one utterance.
    runs = itertools.combinations(range(len(parts) + 1), 2)
    phrases = tuple(" ".join(parts[first:last]) for first, last in runs)
    request = RecognitionRequest(language="en-US", rate_hz=RATE_HZ, phrases=phrases)
    recognition = await stt.open(request)
    results = aiter(recognition.events())
    texts = []
    frame_bytes = RATE_HZ // 50 * 2
    before: list[bytes] = []
    speaking = False
    for i in range(0, len(pcm) - frame_bytes, frame_bytes):
        frame = pcm[i : i + frame_bytes]
        change = detector.push(frame)
        if change == "started":
            speaking = True
            recognition.begin_utterance()
            recognition.push(b"".join(before[-15:]))
        before.append(frame)
        if speaking:
            recognition.push(frame)
        if change == "stopped":
            speaking = False
            recognition.end_utterance()
            while not isinstance(result := await anext(results), Transcript):
                pass
            texts.append(result.text)
    await recognition.close()
    return " ".join(texts)


def share_of(expected: list[str], text: str) -> float:
    """Which share of the expected words is in ``text``."""
    wanted = [word for sentence in expected for word in words(sentence)]
    found = words(text)
    return sum(word in found for word in wanted) / len(wanted)


def test_a_spoken_call_is_carried_heard_and_recorded(
    gateway: Gateway, placed: Placed, folder: Path
) -> None:
    result = placed("spoken")
    assert [turn["recognised"] for turn in result["turns"]] == ["i want to pay my bill", "operator"]
    call = record(gateway, result["conversation_id"])
    spoken = [text for side, _, text, _ in call["lines"] if side == "bot"]
    assert len(spoken) == 4
    assert share_of(spoken, heard(folder / "spoken.wav", spoken)) > 0.8
    assert [text for side, _, text, _ in call["lines"] if side == "caller"] == [
        "i want to pay my bill",
        "operator",
    ]
    assert not any(full_text for *_, full_text in call["lines"])
    assert (call["ended_by"], call["reason_code"]) == ("bot", "transferred")
    assert (call["bot_name"], call["bot_revision"], call["turns"]) == ("demo", "1", "2")
    assert call["caller"]
    assert call["callee"]
    assert call["ended_at"] > call["started_at"]
    assert int(call["frames_in"]) > 500
    assert call["frames_dropped"] == "0"
    assert call["is_test"] == "True"


def test_the_transcript_of_an_interrupted_prompt_holds_what_was_heard(
    gateway: Gateway, placed: Placed
) -> None:
    result = placed("interrupted")
    (turn,) = result["turns"]
    assert turn["barge_in_ms"] is not None
    lines = record(gateway, result["conversation_id"])["lines"]
    greeting = lines[0]
    assert greeting[0] == "bot"
    assert greeting[3].startswith(greeting[2])
    assert len(words(greeting[2])) < len(words(greeting[3]))
    said = " ".join(text for side, _, text, _ in lines if side == "bot")
    assert "What can I do for you" not in said, "the prompt behind the interrupted one was purged"
    assert "we are open" in said.lower()


def test_several_calls_at_once_all_complete(placed: Placed) -> None:
    results = placed("several")
    assert len(results) == 4
    assert all(result["ok"] for result in results)
    assert len({result["conversation_id"] for result in results}) == 4


def test_a_call_survives_the_loss_of_its_socket(gateway: Gateway, placed: Placed) -> None:
    result = placed("cut")
    assert result["resumed_after_ms"] is not None
    call = record(gateway, result["conversation_id"])
    assert (call["ended_by"], call["turns"]) == ("bot", "2")


def test_a_telephone_line_is_understood(placed: Placed) -> None:
    result = placed("telephone")
    assert result["media_format"] == "raw/mulaw"
    assert result["turns"][0]["recognised"] == "opening hours"


def test_a_text_session_is_carried(placed: Placed) -> None:
    assert placed("text")["reason_code"] == "bot-disconnected"


def test_keys_are_recorded_as_digits(gateway: Gateway, placed: Placed) -> None:
    call = record(gateway, placed("keys")["conversation_id"])
    assert ["caller", "dtmf", "2", ""] in call["lines"]


def test_a_bot_that_does_not_exist_is_explained(gateway: Gateway) -> None:
    answer = gateway.manage("testcall", "nobody", "--say", "hello")
    assert answer.returncode == 2
    assert "404" in answer.stdout + answer.stderr
