"""Offline recogniser "pocketsphinx": knows the phrases that callers are expected to say.

It is no dictation engine. It listens for the phrases of the bot and a small built-in pack (yes,
no, digits, operator ...), bare or with polite words around them, and answers with empty text when
what it heard resembles none of them. English only. The work is done in worker processes
(`bots.workers.pocketsphinx`); choices and figures are in ADR 0060.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Annotated, ClassVar

import msgspec
from pydantic import Field

from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.phrases import sentences
from bots.core.ports import (
    Hypothesis,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SttCapabilities,
    Transcript,
)
from bots.core.registry import NoParams
from bots.workers.frames import Audio, Begin, End, Interim, Model, Result
from bots.workers.job import Answer, Job
from bots.workers.pool import WorkerPool, pool_for

_SERVICE = "stt:pocketsphinx"
_EVENTS = 256
"""Events a reader may have waiting before interim ones are left out."""


class PocketSphinxParams(ParamSet):
    """How the offline recogniser listens."""

    SECTION: ClassVar[str] = "Offline recogniser"

    built_in_phrases: Annotated[
        bool, Param(help="Also listen for yes, no, digits, operator, repeat, help and the like.")
    ] = Field(default=True, alias="pocketsphinxBuiltInPhrases")
    min_confidence: Annotated[
        float,
        Param(
            help="What is believed less than this is reported as not understood. Lower hears more "
            "and errs more."
        ),
    ] = Field(0.25, ge=0, le=1, alias="pocketsphinxMinConfidence")
    workers: Annotated[
        int, Param(help="Processes that recognise; 0: one per processor, at most 4.")
    ] = Field(0, ge=0, le=64, alias="pocketsphinxWorkers")
    timeout_ms: Annotated[int, Param(help="Longest wait for a result.", unit="ms")] = Field(
        10_000, ge=500, le=60_000, alias="pocketsphinxTimeoutMS"
    )


@registry.register(
    "stt",
    "pocketsphinx",
    "Offline (PocketSphinx)",
    summary="Recognises phrases that a bot expects, in English. Needs no service.",
    params=PocketSphinxParams,
)
class PocketSphinx:
    """A configured offline recogniser."""

    capabilities = SttCapabilities(
        rates_hz=(16000, 8000),
        interim=True,
        endpointing=False,
        phrase_hints=True,
        cold_start=True,
    )

    def __init__(self, params: PocketSphinxParams, credentials: NoParams) -> None:
        del credentials
        self._params = params

    async def open(self, request: RecognitionRequest) -> Recognition:
        """Open a stream; a worker starts and learns the phrases meanwhile.

        Raises:
            ServiceError: ``INVALID_REQUEST`` for a language other than English or another rate.
        """
        if not request.language.lower().startswith("en"):
            detail = f"the offline recogniser knows English only, not {request.language}"
            raise ServiceError(_SERVICE, Fault.INVALID_REQUEST, detail)
        if request.rate_hz not in self.capabilities.rates_hz:
            detail = f"the offline recogniser takes 8000 or 16000 Hz, not {request.rate_hz}"
            raise ServiceError(_SERVICE, Fault.INVALID_REQUEST, detail)
        pool = pool_for("pocketsphinx", _SERVICE, self._params.workers)
        model = phrase_model(request.phrases, self._params)
        pool.warm(model)
        return PhraseRecognition(pool, model, request.rate_hz, self._params.timeout_ms / 1000)


def phrase_model(phrases: tuple[str, ...], params: PocketSphinxParams) -> Model:
    """The model for ``phrases``, keyed by content; the built-in pack alone if there are none."""
    wanted = sentences(phrases, built_in=params.built_in_phrases)
    if not wanted:
        wanted = sentences((), built_in=True)
    texts = tuple(" ".join(sentence) for sentence in wanted)
    content = msgspec.msgpack.encode((texts, params.min_confidence))
    return Model(hashlib.sha256(content).hexdigest()[:16], texts, params.min_confidence)


class PhraseRecognition:
    """One stream; each utterance is a job of the pool, so a lost worker costs but one."""

    def __init__(self, pool: WorkerPool, model: Model, rate_hz: int, timeout: float) -> None:
        self._pool = pool
        self._model = model
        self._rate_hz = rate_hz
        self._timeout = timeout
        self._speaking: Job | None = None
        self._finishing: set[Job] = set()
        self._events: asyncio.Queue[RecognitionEvent | ServiceError | None] = asyncio.Queue()
        self._dropped_bytes = 0

    @property
    def dropped_ms(self) -> float:
        """Audio that was dropped because the workers could not keep up."""
        return self._dropped_bytes / (self._rate_hz * 2) * 1000

    def begin_utterance(self) -> None:
        """See `Recognition`; an utterance that was not ended is abandoned."""
        if self._speaking is not None:
            self._end(self._speaking)
        job = self._pool.start(
            lambda answer: self._hear(job, answer), timeout=self._timeout, model=self._model
        )
        job.send(Begin(job.number, self._model.key, self._rate_hz))
        self._speaking = job

    def push(self, pcm: bytes) -> None:
        """See `Recognition`; audio outside an utterance is ignored."""
        if self._speaking is not None and pcm:
            self._speaking.send(Audio(self._speaking.number, pcm))

    def end_utterance(self) -> None:
        """See `Recognition`."""
        if self._speaking is not None:
            job, self._speaking = self._speaking, None
            self._finishing.add(job)
            job.send(End(job.number))
            job.expect_answer()

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        """See `Recognition`; may be iterated again after a `ServiceError` to go on."""
        while (event := await self._events.get()) is not None:
            if isinstance(event, ServiceError):
                raise event
            yield event
        self._events.put_nowait(None)

    async def close(self) -> None:
        """See `Recognition`."""
        for job in [*self._finishing, *([self._speaking] if self._speaking else [])]:
            self._end(job)
        self._speaking = None
        self._events.put_nowait(None)

    def _hear(self, job: Job, answer: Answer) -> None:
        match answer:
            case Interim(text=text):
                if job is self._speaking and self._events.qsize() < _EVENTS:
                    self._events.put_nowait(Hypothesis(text))
            case Result(text=text, confidence=confidence):
                self._end(job)
                self._events.put_nowait(Transcript(text, confidence))
            case ServiceError():
                if job is self._speaking:
                    self._speaking = None
                self._end(job)
                self._events.put_nowait(answer)

    def _end(self, job: Job) -> None:
        job.close()
        self._dropped_bytes += job.dropped_bytes
        self._finishing.discard(job)
