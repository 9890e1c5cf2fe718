"""Offline synthesiser "offline": flite where it is installed, else eSpeak NG.

The engines run in worker processes (`bots.workers.offline_tts`), which also keeps the GPL one at
arm's length. See ADR 0061.
"""

import asyncio
from collections.abc import AsyncGenerator
from typing import Annotated, ClassVar, Literal

import structlog
from pydantic import Field

from bots.core import registry
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.ports import SynthesisRequest, TtsCapabilities
from bots.core.registry import NoParams
from bots.workers.frames import Samples, Speak, VoiceReplaced
from bots.workers.job import Answer
from bots.workers.pool import pool_for

log = structlog.get_logger(__name__)

_SERVICE = "tts:offline"
_WAITING_CHUNKS = 4096
"""Chunks (0.2 s or a sentence each) a reader may leave unread before it is given up."""
MAX_TOLD = 100
"""Missing voices that are named in the log; bots may ask for any number."""
_told: set[tuple[str, str]] = set()
"""Those that were; each is named once per process."""


class OfflineTtsParams(ParamSet):
    """How the offline synthesiser speaks."""

    SECTION: ClassVar[str] = "Offline synthesiser"

    engine: Annotated[
        Literal["auto", "flite", "espeak"],
        Param(help="auto: flite for English where it is installed, else eSpeak NG."),
    ] = Field("auto", alias="offlineTtsEngine")
    workers: Annotated[
        int, Param(help="Processes that synthesise; 0: one per processor, at most 4.")
    ] = Field(0, ge=0, le=64, alias="offlineTtsWorkers")
    timeout_ms: Annotated[
        int, Param(help="Longest wait for the next piece of speech.", unit="ms")
    ] = Field(10_000, ge=500, le=60_000, alias="offlineTtsTimeoutMS")


@registry.register(
    "tts",
    "offline",
    "Offline (flite, eSpeak NG)",
    summary="Speaks with the engines that are installed beside the gateway. Needs no service.",
    params=OfflineTtsParams,
)
class OfflineTts:
    """A configured offline synthesiser; ``voice`` is an engine's name for one (``slt``)."""

    capabilities = TtsCapabilities(
        rates_hz=(16000, 8000),
        ssml=frozenset({"speak", "p", "s", "break", "say-as", "sub", "prosody", "emphasis"}),
        cold_start=True,
    )

    def __init__(self, params: OfflineTtsParams, credentials: NoParams) -> None:
        del credentials
        self._params = params

    async def synthesise(self, request: SynthesisRequest) -> AsyncGenerator[bytes, None]:
        """See `TextToSpeech`; long texts come sentence by sentence, silence at the ends is cut.

        Raises:
            ServiceError: no engine is installed (``INVALID_REQUEST``), the worker died
                (``SERVER``), or nothing came in time (``TIMEOUT``).
        """
        if request.rate_hz not in self.capabilities.rates_hz:
            detail = f"the offline synthesiser makes 8000 or 16000 Hz, not {request.rate_hz}"
            raise ServiceError(_SERVICE, Fault.INVALID_REQUEST, detail)
        answers: asyncio.Queue[Answer] = asyncio.Queue()
        pool = pool_for("offline_tts", _SERVICE, self._params.workers)
        job = pool.start(answers.put_nowait, timeout=self._params.timeout_ms / 1000)
        try:
            job.send(
                Speak(
                    job.number, request.text, request.language, request.rate_hz, request.voice,
                    self._params.engine,
                )
            )  # fmt: skip
            job.expect_answer()
            async for pcm in _samples(answers):
                yield pcm
        finally:
            job.close()


async def _samples(answers: "asyncio.Queue[Answer]") -> AsyncGenerator[bytes, None]:
    while True:
        answer = await answers.get()
        match answer:
            case Samples(pcm=pcm):
                if answers.qsize() > _WAITING_CHUNKS:
                    raise ServiceError(_SERVICE, Fault.INTERNAL, "the speech was not read")
                yield pcm
            case VoiceReplaced(asked=asked, used=used):
                if (asked, used) not in _told and len(_told) < MAX_TOLD:
                    _told.add((asked, used))
                    log.warning("tts.voice_unknown", voice=asked, used=used)
            case ServiceError():
                raise answer
            case _:
                return
