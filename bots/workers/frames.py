"""What the gateway and its speech workers say to each other over a pair of pipes.

Every frame is a 4-byte big-endian length followed by one MessagePack array (a tagged `msgspec`
Struct). ``job`` numbers are chosen by the gateway and never reused in a worker; a frame about a job
that the receiver does not know is ignored, because either side may have ended it already.
"""

import msgspec

MAX_FRAME_BYTES = 4 * 1024 * 1024
"""Longest frame accepted; 65 s of samples at 32 kB a second are 2 MB."""
LENGTH_BYTES = 4

# --- to the worker ------------------------------------------------------------------------------


class Model(msgspec.Struct, frozen=True, tag=1, array_like=True):
    """The phrases that `Begin` frames will name by ``key``."""

    key: str
    sentences: tuple[str, ...]
    min_confidence: float


class ForgetModel(msgspec.Struct, frozen=True, tag=2, array_like=True):
    """The gateway will not name this model again without sending it anew."""

    key: str


class Begin(msgspec.Struct, frozen=True, tag=3, array_like=True):
    """An utterance begins; `Audio` and one `End` follow."""

    job: int
    model: str
    rate_hz: int


class Audio(msgspec.Struct, frozen=True, tag=4, array_like=True):
    """Samples of the utterance, 16-bit little-endian mono."""

    job: int
    pcm: bytes


class End(msgspec.Struct, frozen=True, tag=5, array_like=True):
    """The utterance is complete; exactly one `Result` or `Refused` answers."""

    job: int


class Speak(msgspec.Struct, frozen=True, tag=6, array_like=True):
    """Synthesise ``text`` (SSML if it begins with ``<speak``); `Samples` and `Done` answer."""

    job: int
    text: str
    language: str
    rate_hz: int
    voice: str
    engine: str


class Cancel(msgspec.Struct, frozen=True, tag=7, array_like=True):
    """Nobody waits for this job any more; no answer."""

    job: int


class Fill(msgspec.Struct, frozen=True, tag=8, array_like=True):
    """Fill the placeholders of ``template``; ``variables`` are JSON. `Filled` answers."""

    job: int
    template: str
    variables: str


ToWorker = Model | ForgetModel | Begin | Audio | End | Speak | Cancel | Fill

# --- from the worker ----------------------------------------------------------------------------


class ModelReady(msgspec.Struct, frozen=True, tag=20, array_like=True):
    """The model was built; ``missing`` are words the dictionary lacks, which were left out."""

    key: str
    missing: tuple[str, ...]


class Interim(msgspec.Struct, frozen=True, tag=21, array_like=True):
    """What the utterance in progress sounds like so far."""

    job: int
    text: str


class Result(msgspec.Struct, frozen=True, tag=22, array_like=True):
    """The result of an utterance; empty text when it is not credible."""

    job: int
    text: str
    confidence: float


class Samples(msgspec.Struct, frozen=True, tag=23, array_like=True):
    """Synthesised samples at the rate that was asked for."""

    job: int
    pcm: bytes


class Done(msgspec.Struct, frozen=True, tag=24, array_like=True):
    """The synthesis is complete."""

    job: int


class VoiceReplaced(msgspec.Struct, frozen=True, tag=25, array_like=True):
    """The engine has no voice ``asked``; it speaks with ``used``."""

    job: int
    asked: str
    used: str


class Filled(msgspec.Struct, frozen=True, tag=27, array_like=True):
    """The template with its placeholders filled."""

    job: int
    text: str


class Refused(msgspec.Struct, frozen=True, tag=26, array_like=True):
    """The job failed; ``fault`` is a `bots.core.errors.Fault`, ``detail`` one sentence."""

    job: int
    fault: str
    detail: str


FromWorker = ModelReady | Interim | Result | Samples | Done | VoiceReplaced | Filled | Refused

_encoder = msgspec.msgpack.Encoder()
_to_worker: "msgspec.msgpack.Decoder[ToWorker]" = msgspec.msgpack.Decoder(ToWorker)
_from_worker: "msgspec.msgpack.Decoder[FromWorker]" = msgspec.msgpack.Decoder(FromWorker)


def encode(frame: ToWorker | FromWorker) -> bytes:
    """``frame`` with its length in front, ready to be written."""
    body = _encoder.encode(frame)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def body_length(header: bytes) -> int:
    """How many bytes follow ``header``.

    Raises:
        ValueError: more than `MAX_FRAME_BYTES`; the stream is out of step.
    """
    length = int.from_bytes(header, "big")
    if length > MAX_FRAME_BYTES:
        raise ValueError(f"a frame of {length} bytes")
    return length


def decode_to_worker(body: bytes) -> ToWorker:
    """The frame in ``body``, as a worker reads it.

    Raises:
        msgspec.DecodeError: it is no frame.
    """
    return _to_worker.decode(body)


def decode_from_worker(body: bytes) -> FromWorker:
    """The frame in ``body``, as the gateway reads it.

    Raises:
        msgspec.DecodeError: it is no frame.
    """
    return _from_worker.decode(body)
