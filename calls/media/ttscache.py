"""Synthesised prompts that are kept and shared: one synthesis for all who ask at the same time.

See ADR 0104 and product description 6.3.10. A prompt is looked for in memory, then in the store,
then among the syntheses that are going on; only then is the synthesiser asked. Only what a
synthesiser gave to its clean end is kept.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import partial

import msgspec

from bots.core.audio import AudioFormat
from bots.core.params.declare import ParamSet, declared
from bots.core.ports import SynthesisRequest, TextToSpeech
from bots.core.ssml import canonical
from calls.media.player import MAX_PROMPT_MS
from calls.media.threads import in_thread
from calls.media.ttsstore import Entry, TtsStore
from calls.telemetry.metrics import TTS_CACHE

MEMORY_BYTES = 64_000_000
"""Samples held in memory by one process: about half an hour at 16 kHz."""
MAX_KEPT_MS = 120_000
"""A longer prompt is shared while it is made, but not kept."""
PIECE_MS = 1000
"""A kept prompt comes in pieces of this length, so that no other call waits for the whole."""


class Speaker(msgspec.Struct, frozen=True):
    """Who asks and what speaks; ``sound`` is all that makes two synthesisers sound different."""

    bot: str
    provider: str
    sound: str


def speaker_of(*, bot: str, plugin: str, provider: str, params: ParamSet) -> Speaker:
    """``provider``, a configured ``plugin``, as it speaks for ``bot``.

    Which parameters change the sound is not known, so all of them but secrets count.
    """
    secret = {parameter.attribute for parameter in declared(type(params)) if parameter.param.secret}
    values = params.model_dump(mode="json", exclude=secret)
    return Speaker(bot, provider, json.dumps([plugin, provider, values], sort_keys=True))


class CachedTts:
    """A synthesiser that remembers what it has said, for one bot; a `TextToSpeech` itself."""

    def __init__(self, cache: "TtsCache", tts: TextToSpeech, speaker: Speaker) -> None:
        self.capabilities = tts.capabilities
        self._cache = cache
        self._tts = tts
        self._speaker = speaker

    def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        """See `TextToSpeech`; closing the generator cancels a synthesis that nobody else hears."""
        return self._cache.synthesise(self._tts, request, self._speaker)


class TtsCache:
    """The prompts of one process, in front of the store that it shares with others."""

    def __init__(self, store: TtsStore, *, memory_bytes: int = MEMORY_BYTES) -> None:
        self._store = store
        self._memory_bytes = memory_bytes
        self._memory: OrderedDict[str, Entry] = OrderedDict()
        """The least recently used first."""
        self._held_bytes = 0
        self._takes: dict[str, _Take] = {}

    async def synthesise(
        self, tts: TextToSpeech, request: SynthesisRequest, speaker: Speaker
    ) -> AsyncGenerator[bytes, None]:
        """The samples of ``request``, kept ones or as ``tts`` makes them.

        Raises:
            ServiceError: the synthesiser failed.
        """
        key = _key(speaker, request)
        since = await in_thread(self._store.valid_since, bot=speaker.bot, provider=speaker.provider)
        entry, outcome = self._recall(key, since), "memory"
        if entry is None:
            found = await in_thread(self._store.read, speaker.provider, key)
            if found is not None:
                self._remember(key, found)
            entry, outcome = self._recall(key, since), "store"
        # NB nothing is awaited from here to the new take, so there is one for all who ask.
        if entry is not None:
            TTS_CACHE.labels(outcome).inc()
            size = AudioFormat("lpcm16", request.rate_hz).bytes_for_ms(PIECE_MS)
            for start in range(0, len(entry.audio), size):
                yield entry.audio[start : start + size]
            return
        take = self._take(key, since)
        TTS_CACHE.labels("missed" if take is None else "shared").inc()
        take = take or self._begin(key, tts, request, speaker)
        async with aclosing(take.listen()) as pieces:
            async for piece in pieces:
                yield piece

    def _take(self, key: str, since: int) -> "_Take | None":
        """The synthesis to join."""
        take = self._takes.get(key)
        if take is None or take.task.cancelling() or not self._counts(take.began_ns, since):
            return None
        return take

    def _begin(
        self, key: str, tts: TextToSpeech, request: SynthesisRequest, speaker: Speaker
    ) -> "_Take":
        audio = AudioFormat("lpcm16", request.rate_hz)
        take = self._takes[key] = _Take(
            tts.synthesise(request),
            began_ns=self._store.clock(),
            max_bytes=audio.bytes_for_ms(MAX_PROMPT_MS),
        )
        ended = partial(self._ended, key, take, speaker.provider, audio.bytes_for_ms(MAX_KEPT_MS))
        take.task.add_done_callback(ended)
        return take

    def _ended(
        self, key: str, take: "_Take", provider: str, max_bytes: int, task: asyncio.Task[None]
    ) -> None:
        """Keep what is complete and was not begun anew since; `_Take.listen` tells of a failure."""
        failed = task.cancelled() or task.exception() is not None
        if self._takes.get(key) is not take:
            return
        del self._takes[key]
        if failed:
            return
        entry = Entry(take.began_ns, b"".join(take.pieces))
        if 0 < len(entry.audio) <= max_bytes:
            self._remember(key, entry)
            # NB not a task: it must be begun even if the loop is about to end.
            asyncio.get_running_loop().run_in_executor(
                None, self._store.write, provider, key, entry
            )

    def _counts(self, made_ns: int, since: int) -> bool:
        # NB what the clock, set back, puts into the future would outlive a clearing.
        return since < made_ns <= self._store.clock()

    def _recall(self, key: str, since: int) -> Entry | None:
        entry = self._memory.get(key)
        if entry is None or not self._counts(entry.made_ns, since):
            return None
        self._memory.move_to_end(key)
        return entry

    def _remember(self, key: str, entry: Entry) -> None:
        """Hold ``entry``, and of the others no more than fits beside it."""
        known = self._memory.pop(key, None)
        if known is not None:
            self._held_bytes -= len(known.audio)
        self._memory[key] = entry
        self._held_bytes += len(entry.audio)
        while self._held_bytes > self._memory_bytes and len(self._memory) > 1:
            _, oldest = self._memory.popitem(last=False)
            self._held_bytes -= len(oldest.audio)


class _Take:
    """One synthesis that any number of calls hear from its first piece.

    Its task belongs to none of them, so that it goes on when the call that asked first is over; it
    is cancelled with the last that stops listening.
    """

    def __init__(
        self, source: AsyncGenerator[bytes, None], *, began_ns: int, max_bytes: int
    ) -> None:
        self.began_ns = began_ns
        self.pieces: list[bytes] = []
        self.task = asyncio.get_running_loop().create_task(self._run(source, max_bytes))
        self.task.add_done_callback(lambda _: self._pulse())
        self._listeners = 0
        self._more = asyncio.Event()

    async def listen(self) -> AsyncGenerator[bytes, None]:
        """All pieces, as they come.

        Raises:
            ServiceError: the synthesiser failed.
        """
        self._listeners += 1
        try:
            heard = 0
            while True:
                more = self._more
                if heard < len(self.pieces):
                    heard += 1
                    yield self.pieces[heard - 1]
                elif self.task.done():
                    self.task.result()
                    return
                else:
                    await more.wait()
        finally:
            self._listeners -= 1
            if not self._listeners:
                self.task.cancel()

    async def _run(self, source: AsyncGenerator[bytes, None], max_bytes: int) -> None:
        got_bytes = 0
        async with aclosing(source) as pieces:
            async for piece in pieces:
                self.pieces.append(piece)
                self._pulse()
                got_bytes += len(piece)
                if got_bytes > max_bytes:
                    return

    def _pulse(self) -> None:
        self._more.set()
        self._more = asyncio.Event()


def _key(speaker: Speaker, request: SynthesisRequest) -> str:
    same = msgspec.structs.replace(request, text=canonical(request.text))
    parts = [speaker.sound, msgspec.to_builtins(same)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
