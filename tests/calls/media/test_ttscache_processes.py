"""Processes that share a directory of prompts."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec
import pytest

from bots.core.ports import SynthesisRequest, TtsCapabilities
from bots.core.registry import NoParams
from calls.media.ttscache import CachedTts, TtsCache, speaker_of
from calls.media.ttsstore import TtsStore
from tests.calls.media.desk import DAY_S, HELLO

ROOT = Path(__file__).parents[3]
OTHER_PROCESS = """
import asyncio, sys
from pathlib import Path
from tests.calls.media.test_ttscache_processes import PROMPTS, Shop

shop = Shop(Path(sys.argv[1]))
asyncio.run(shop.hear_all())
print(shop.asked)
"""
PROMPTS = [f"Prompt {number}." for number in range(40)]


class Shop:
    """A synthesiser of one process, on the shared directory; ``asked`` counts what it made."""

    capabilities = TtsCapabilities(rates_hz=(8000,))

    def __init__(self, directory: Path) -> None:
        self.store = TtsStore(directory, life_s=DAY_S, max_bytes=10**8)
        self.asked = 0

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        self.asked += 1
        for _ in range(50):
            yield request.text.encode() * 100

    async def hear_all(self) -> None:
        speaker = speaker_of(bot="demo", plugin="tones", provider="p", params=NoParams())
        tts = CachedTts(TtsCache(self.store), self, speaker)
        for text in PROMPTS:
            request = msgspec.structs.replace(HELLO, text=text)
            heard = b"".join([piece async for piece in tts.synthesise(request)])
            assert heard == text.encode() * 5000


def other_process(directory: Path) -> subprocess.Popen[str]:
    words = [sys.executable, "-c", OTHER_PROCESS, str(directory)]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=ROOT)


def asked(process: subprocess.Popen[str]) -> int:
    told, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return int(told)


@pytest.mark.wire
def test_processes_share_what_is_kept_and_what_is_cleared(tmp_path: Path) -> None:
    together = [other_process(tmp_path) for _ in range(2)]
    assert len(PROMPTS) <= sum(map(asked, together)) <= 2 * len(PROMPTS)
    here = Shop(tmp_path)
    asyncio.run(here.hear_all())
    assert here.asked == 0
    here.store.clear()
    assert asked(other_process(tmp_path)) == len(PROMPTS)
    asyncio.run(here.hear_all())
    assert here.asked == 0
