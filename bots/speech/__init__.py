"""Speech providers: one file each, found by directory scan (see bots.core.registry).

Two whole-utterance shortcuts over the ports, for programs that are no call (a test caller)::

    tts = registry.plugin("tts", "offline").factory(OfflineTtsParams(), NoParams())
    pcm = await spoken(tts, SynthesisRequest(text="Hello", language="en-US", rate_hz=16000))
    stt = registry.plugin("stt", "pocketsphinx").factory(PocketSphinxParams(), NoParams())
    heard = await recognised(
        stt, RecognitionRequest(language="en-US", rate_hz=16000, phrases=("hello",)), pcm
    )
    await close_pools()  # of bots.workers.pool, before the event loop ends
"""

from bots.core.errors import Fault, ServiceError
from bots.core.ports import (
    RecognitionRequest,
    SpeechToText,
    SynthesisRequest,
    TextToSpeech,
    Transcript,
)

_PIECE_MS = 20


async def spoken(tts: TextToSpeech, request: SynthesisRequest) -> bytes:
    """The whole of ``request.text`` as samples at ``request.rate_hz``.

    Raises:
        ServiceError: the synthesiser failed.
    """
    return b"".join([pcm async for pcm in tts.synthesise(request)])


async def recognised(stt: SpeechToText, request: RecognitionRequest, pcm: bytes) -> Transcript:
    """What is said in ``pcm``, one utterance at ``request.rate_hz``, as fast as the engine can.

    Raises:
        ServiceError: the recogniser failed, or closed the stream without a result.
    """
    recognition = await stt.open(request)
    try:
        recognition.begin_utterance()
        step = request.rate_hz * _PIECE_MS // 1000 * 2
        for start in range(0, len(pcm), step):
            recognition.push(pcm[start : start + step])
        recognition.end_utterance()
        async for event in recognition.events():
            if isinstance(event, Transcript):
                return event
    finally:
        await recognition.close()
    raise ServiceError("stt", Fault.PROTOCOL, "the stream closed without a result")
