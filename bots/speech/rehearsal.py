"""Plug-ins "rehearsal": a recogniser and a synthesiser that fail on purpose.

Each does the work of another plug-in with that plug-in's default parameters, and fails as its own
parameters say, so that failover, timers and alarms can be rehearsed before they are needed.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Annotated, ClassVar, Literal

import structlog
from pydantic import AfterValidator, Field, SecretStr

from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.ports import (
    EndpointedSpeech,
    Recognition,
    RecognitionEvent,
    RecognitionRequest,
    SpeechToText,
    SynthesisRequest,
    TextToSpeech,
    Transcript,
)

NAME = "rehearsal"
ACCEPTED_KEY = "rehearsal"
"""The one key that is right; with another, every request fails for wrong credentials."""
MAX_CALLS = 1000
"""Calls that are counted at a time; beyond it the oldest begin anew."""

Failure = Literal["none", "error", "authentication", "silent", "slow", "cut", "empty"]

_FAULTS: dict[Failure, Fault] = {
    "error": Fault.SERVER,
    "authentication": Fault.AUTHENTICATION,
    "cut": Fault.CONNECTIVITY,
}
_MEANING = (
    "none, error (of the service), authentication, silent (never answers), slow (by the delay), "
    "cut (dies in the middle), empty (answers with nothing)"
)


def _other(plugin: str) -> str:
    if plugin == NAME:
        raise ValueError("is the rehearsal itself; name the plug-in that does the work")
    return plugin


_Worker = Annotated[str, AfterValidator(_other)]


class RehearsalSttParams(ParamSet):
    """How the rehearsing recogniser fails."""

    SECTION: ClassVar[str] = "Rehearsal recogniser"

    plugin: Annotated[_Worker, Param(help="Recogniser plug-in that does the work.")] = Field(
        "pocketsphinx", alias="rehearsalSttPlugin"
    )
    failure: Annotated[Failure, Param(help=f"How it fails: {_MEANING}.")] = Field(
        "none", alias="rehearsalSttFault"
    )
    after: Annotated[
        int, Param(help="Utterances of a call that are still recognised before it fails.")
    ] = Field(0, ge=0, le=1000, alias="rehearsalSttAfter")
    delay_ms: Annotated[int, Param(help="How late the results of slow are.", unit="ms")] = Field(
        5000, ge=0, le=600_000, alias="rehearsalSttDelayMS"
    )


class RehearsalTtsParams(ParamSet):
    """How the rehearsing synthesiser fails."""

    SECTION: ClassVar[str] = "Rehearsal synthesiser"

    plugin: Annotated[_Worker, Param(help="Synthesiser plug-in that does the work.")] = Field(
        "offline", alias="rehearsalTtsPlugin"
    )
    failure: Annotated[Failure, Param(help=f"How it fails: {_MEANING}.")] = Field(
        "none", alias="rehearsalTtsFault"
    )
    after: Annotated[
        int,
        Param(
            help="Prompts of a call that are still synthesised before it fails; those that come "
            "from the cache do not count."
        ),
    ] = Field(0, ge=0, le=1000, alias="rehearsalTtsAfter")
    delay_ms: Annotated[int, Param(help="How late the audio of slow is.", unit="ms")] = Field(
        5000, ge=0, le=600_000, alias="rehearsalTtsDelayMS"
    )


class RehearsalCredentials(ParamSet):
    """What the rehearsing services ask for."""

    SECTION: ClassVar[str] = "Rehearsal credentials"

    key: Annotated[
        SecretStr,
        Param(help=f"Accepted are {ACCEPTED_KEY} and no key at all.", secret=True),
    ] = Field(SecretStr(""), alias="rehearsalKey")

    @property
    def accepted(self) -> bool:
        """Whether the service lets its user in."""
        return self.key.get_secret_value() in ("", ACCEPTED_KEY)


class _Allowance:
    """How much of each call still works; a stream that is opened again goes on counting."""

    def __init__(self, uses: int) -> None:
        self._uses = uses
        self._used: dict[str, int] = {}

    @property
    def spent(self) -> bool:
        """Whether this call has had all that works."""
        return self._used.get(_call(), 0) >= self._uses

    def use(self) -> None:
        """One more of this call worked."""
        call = _call()
        used = self._used.pop(call, 0)
        if len(self._used) >= MAX_CALLS:
            del self._used[next(iter(self._used))]
        self._used[call] = used + 1


def _call() -> str:
    """The call that is served: its log lines carry its name; plug-ins are told of none."""
    return str(structlog.contextvars.get_contextvars().get("call", ""))


@registry.register(
    "stt",
    NAME,
    "Rehearsal of failures",
    summary="A recogniser that fails on purpose, so that failover and alarms can be tried.",
    params=RehearsalSttParams,
    credentials=RehearsalCredentials,
)
class RehearsalStt:
    """A recogniser that fails as it is told."""

    def __init__(self, params: RehearsalSttParams, credentials: RehearsalCredentials) -> None:
        worker = registry.plugin("stt", params.plugin)
        self._worker: SpeechToText = worker.factory(worker.params(), worker.credentials())
        self._params = params
        self._accepted = credentials.accepted
        self._allowance = _Allowance(params.after)
        self.capabilities = self._worker.capabilities

    async def open(self, request: RecognitionRequest) -> Recognition:
        """See `SpeechToText`.

        Raises:
            ServiceError: also when the key is wrong or wrong credentials are rehearsed.
        """
        if not self._accepted:
            raise _wrong_key("stt")
        if self._params.failure == "authentication" and self._allowance.spent:
            raise _failure("stt", "authentication")
        worker = await self._worker.open(request)
        return RehearsedRecognition(worker, self._params, self._allowance)


class RehearsedRecognition:
    """One stream of the recogniser behind it, with the faults of the rehearsal."""

    def __init__(
        self, worker: Recognition, params: RehearsalSttParams, allowance: _Allowance
    ) -> None:
        self._params = params
        self._worker = worker
        self._allowance = allowance
        self.begin_utterance = worker.begin_utterance
        self.push = worker.push
        self.end_utterance = worker.end_utterance
        self.close = worker.close

    async def events(self) -> AsyncIterator[RecognitionEvent]:
        """See `Recognition`.

        Raises:
            ServiceError: the recogniser failed, or the rehearsal wants it.
        """
        async for event in self._worker.events():
            if self._params.failure == "none" or not self._allowance.spent:
                if isinstance(event, Transcript):
                    self._allowance.use()
                yield event
            elif (changed := await self._changed(event)) is not None:
                yield changed

    async def _changed(self, event: RecognitionEvent) -> RecognitionEvent | None:
        """What becomes of ``event``; None: nobody hears of it."""
        failure, last = self._params.failure, isinstance(event, Transcript)
        if failure in ("cut", "authentication") or (failure == "error" and last):
            raise _failure("stt", failure)
        if failure == "slow" and last:
            await asyncio.sleep(self._params.delay_ms / 1000)
        if failure == "empty" and not isinstance(event, EndpointedSpeech):
            return Transcript("") if last else None
        return None if failure == "silent" else event


@registry.register(
    "tts",
    NAME,
    "Rehearsal of failures",
    summary="A synthesiser that fails on purpose, so that failover and alarms can be tried.",
    params=RehearsalTtsParams,
    credentials=RehearsalCredentials,
)
class RehearsalTts:
    """A synthesiser that fails as it is told."""

    def __init__(self, params: RehearsalTtsParams, credentials: RehearsalCredentials) -> None:
        worker = registry.plugin("tts", params.plugin)
        self._worker: TextToSpeech = worker.factory(worker.params(), worker.credentials())
        self._params = params
        self._accepted = credentials.accepted
        self._allowance = _Allowance(params.after)
        self.capabilities = self._worker.capabilities

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        """See `TextToSpeech`.

        Raises:
            ServiceError: the synthesiser failed, the key is wrong, or the rehearsal wants it.
        """
        if not self._accepted:
            raise _wrong_key("tts")
        failure: Failure = self._params.failure if self._allowance.spent else "none"
        self._allowance.use()
        if failure == "silent":
            await asyncio.Event().wait()
        if failure in ("error", "authentication"):
            raise _failure("tts", failure)
        if failure == "slow":
            await asyncio.sleep(self._params.delay_ms / 1000)
        if failure == "empty":
            return
        async with aclosing(self._worker.synthesise(request)) as pieces:
            async for pcm in pieces:
                if failure == "cut":
                    yield pcm[: len(pcm) // 4 * 2]
                    raise _failure("tts", failure)
                yield pcm


def _failure(kind: Literal["stt", "tts"], failure: Failure) -> ServiceError:
    return ServiceError(f"{kind}:{NAME}", _FAULTS[failure], "this failure is rehearsed")


def _wrong_key(kind: Literal["stt", "tts"]) -> ServiceError:
    return ServiceError(f"{kind}:{NAME}", Fault.AUTHENTICATION, "the key is not accepted")
