"""The recogniser process: PocketSphinx with a grammar of the phrases that callers may say.

Run by `bots.workers.pool` as ``python -m bots.workers.pocketsphinx``. The acoustic model is the US
English one (16 kHz) of the ``pocketsphinx`` package. Audio is decoded as it arrives: after
`SETTLING_MS` of an utterance its mean spectrum is known well enough to be taken out, which matters
more than anything else to accuracy, then two decoders follow the audio, one on the phrases and one
on a loop of bare phones by which the result is judged (`bots.workers.credibility`).
"""

import math
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pocketsphinx

from bots.core.audio import LPCM16_16K, AudioFormat, Converter, level_dbfs
from bots.core.phrases import grammar_words, known_part, matches, phrase_grammar, wrapped_grammar
from bots.workers.credibility import Reading, confidence
from bots.workers.frames import (
    Audio,
    Begin,
    Cancel,
    End,
    ForgetModel,
    FromWorker,
    Interim,
    Model,
    ModelReady,
    Result,
    ToWorker,
)
from bots.workers.serving import serve

SETTLING_MS = 800
"""How much of an utterance is heard before decoding begins."""
INTERIM_MS = 200
"""Least audio between two interim results."""
CHUNK_BYTES = LPCM16_16K.bytes_for_ms(100)
"""Audio is decoded in pieces of this length; shorter ones cost more."""
MAX_UTTERANCE_BYTES = LPCM16_16K.bytes_for_ms(20_000)
"""An utterance that sounds for longer is no phrase of anybody's; it is not decoded further."""
SPARE_DECODERS = 16
"""Decoders (about 5 MB each) kept ready per model when nobody uses them."""
DITHER = 20.0
"""Standard deviation of the noise added to every sample: digital silence, and the empty half of
the spectrum of telephone speech, are unlike anything the acoustic model has met."""
_FRAME_BYTES = LPCM16_16K.bytes_for_ms(20)
_MARGIN_BYTES = LPCM16_16K.bytes_for_ms(160)
"""Silence kept before and after an utterance; more of it is heard as short words."""
_FLOOR_DBFS = -57.0
_SPAN_DB = 35.0
"""A frame counts as silent below the floor or this far below the loudest one."""
_SILENT = frozenset({"<sil>", "<s>", "</s>", "(NULL)", "[NOISE]", "[SPEECH]"})
_PHONE = "_"
_PHONES = (
    "AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH",
    "IH", "IY", "JH", "K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH",
    "UW", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""The phones of the CMU dictionary and of the acoustic model."""
_TINY = 1e-300


def _dictionary_lines() -> Iterator[tuple[str, str]]:
    """Word and phones of every entry of the bundled CMU dictionary, variants under their word."""
    path = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            word, _, phones = line.rstrip().partition(" ")
            yield re.sub(r"\(\d+\)$", "", word), phones


def _pronunciations(wanted: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    chosen = frozenset(wanted)
    for word, phones in _dictionary_lines():
        if word in chosen:
            found.setdefault(word, []).append(phones)
    return found


def _decoder(dictionary: dict[str, list[str]], **settings: Any) -> Any:
    """A decoder that knows the words of ``dictionary`` only, which makes it small and quick."""
    with tempfile.NamedTemporaryFile("w", suffix=".dict", encoding="utf-8") as file:
        for word, variants in dictionary.items():
            for number, phones in enumerate(variants, 1):
                suffix = f"({number})" if number > 1 else ""
                file.write(f"{word}{suffix} {phones}\n")
        file.flush()
        return pocketsphinx.Decoder(
            pocketsphinx.Config(lm=None, dict=file.name, cmn="batch", loglevel="FATAL", **settings)
        )


class PhoneLoop:
    """The decoder that knows phones and no words, and the estimate of an utterance's spectrum."""

    def __init__(self) -> None:
        self._dictionary = {f"{_PHONE}{phone}": [phone] for phone in _PHONES}
        self._spare: list[Any] = []

    @cached_property
    def _estimator(self) -> Any:
        decoder = self._new(beam=1e-5, wbeam=1e-5, pbeam=1e-5)
        decoder.add_jsgf_string("least", "#JSGF V1.0; grammar least; public <s> = _AA;")
        decoder.activate_search("least")
        return decoder

    def spectrum(self, pcm: bytes) -> str:
        """The mean of the features of ``pcm``, as `set_cmn` takes it."""
        self._estimator.start_utt()
        self._estimator.process_raw(pcm, full_utt=True)
        self._estimator.end_utt()
        return str(self._estimator.get_cmn(update=False))

    def borrow(self) -> Any:
        """A decoder for one utterance; give it back."""
        if self._spare:
            return self._spare.pop()
        decoder = self._new(beam=1e-10, wbeam=1e-8, pbeam=1e-10)
        arcs = [(0, 0, 0.01, word) for word in self._dictionary]
        decoder.add_fsg("loop", decoder.create_fsg("loop", 0, 0, arcs))
        decoder.activate_search("loop")
        return decoder

    def give_back(self, decoder: Any) -> None:
        """Keep ``decoder`` for the next utterance."""
        if len(self._spare) < SPARE_DECODERS:
            self._spare.append(decoder)

    def _new(self, **beams: float) -> Any:
        return _decoder(self._dictionary, **beams)


class PhraseModel:
    """The decoders of one list of phrases."""

    def __init__(self, frame: Model) -> None:
        wanted = tuple(tuple(sentence.split()) for sentence in frame.sentences)
        self._pronunciations = _pronunciations(grammar_words(wanted))
        kept, self.missing = known_part(wanted, self._pronunciations)
        self.sentences = dict.fromkeys(kept)
        self.min_confidence = frame.min_confidence
        self._spare: list[Any] = []

    def borrow(self) -> Any:
        """A decoder on the phrases, for one utterance; give it back."""
        if self._spare:
            return self._spare.pop()
        decoder = _decoder(self._pronunciations)
        decoder.add_jsgf_string("phrases", phrase_grammar(self.sentences))
        decoder.activate_search("phrases")
        return decoder

    def give_back(self, decoder: Any) -> None:
        """Keep ``decoder`` for the next utterance."""
        if len(self._spare) < SPARE_DECODERS:
            self._spare.append(decoder)

    @cached_property
    def wrapped(self) -> Any:
        """The decoder on phrases with polite words around them."""
        decoder = _decoder(self._pronunciations)
        decoder.add_jsgf_string("wrapped", wrapped_grammar(self.sentences))
        decoder.activate_search("wrapped")
        return decoder

    def phones(self, heard: Iterable[str]) -> tuple[str, ...]:
        """The phones of words as the decoder names them (``word`` or ``word(2)``)."""
        found: list[str] = []
        for name in heard:
            word, _, variant = name.rstrip(")").partition("(")
            if word in self._pronunciations:
                found += self._pronunciations[word][int(variant or 1) - 1].split()
        return tuple(found)


def _text(decoder: Any) -> str:
    hypothesis = decoder.hyp()
    return str(hypothesis.hypstr) if hypothesis else ""


def _reading(decoder: Any, phones_of: Callable[[list[str]], tuple[str, ...]]) -> Reading:
    segments = [(s.word, s.ascore, s.end_frame - s.start_frame + 1) for s in decoder.seg() or ()]
    spoken = [segment for segment in segments if segment[0] not in _SILENT]
    return Reading(
        phones=phones_of([word for word, _, _ in spoken]),
        score=sum(math.log(max(score, _TINY)) for _, score, _ in spoken),
        frames=sum(length for _, _, length in spoken),
    )


def _loop_phones(heard: list[str]) -> tuple[str, ...]:
    phones = (word.removeprefix(_PHONE).partition("(")[0] for word in heard)
    return tuple(phone for phone in phones if phone.isalpha() and phone != "SIL")


class Utterance:
    """One utterance being recognised."""

    def __init__(self, model: PhraseModel, loop: PhoneLoop, rate_hz: int) -> None:
        self._model = model
        self._loop = loop
        self._converter = Converter(AudioFormat("lpcm16", rate_hz), LPCM16_16K)
        self._noise = np.random.default_rng(0)
        self._pcm = bytearray()
        self._silence = bytearray()
        self._peak_dbfs = -96.0
        self._decoded_bytes = 0
        self._told_bytes = 0
        self._told = ""
        self._spectrum = ""
        self._decoders: tuple[Any, Any] | None = None

    def push(self, pcm: bytes) -> str | None:
        """Hear ``pcm``; an interim text when there is a new one."""
        self._hear(self._converter.push(pcm))
        if len(self._pcm) >= LPCM16_16K.bytes_for_ms(SETTLING_MS):
            self._decode(least_bytes=CHUNK_BYTES)
        return self._news()

    def finish(self) -> tuple[str, float]:
        """The result and the belief in it; the text is empty when it is not believed."""
        self._hear(self._converter.flush())
        if not self._pcm or len(self._pcm) >= MAX_UTTERANCE_BYTES:
            return "", 0.0
        self._keep(self._silence[:_MARGIN_BYTES])
        self._decode(least_bytes=1)  # NB the decoder refuses an empty piece
        phrases, loop = self._borrowed()
        phrases.end_utt()
        loop.end_utt()
        heard = _reading(loop, _loop_phones)
        text, belief = self._judge(phrases, heard)
        if belief < self._model.min_confidence:
            wider = self._decode_wrapped()
            text, belief = max((text, belief), self._judge(wider, heard), key=lambda r: r[1])
        return (text, belief) if belief >= self._model.min_confidence else ("", belief)

    def release(self) -> None:
        """Give the decoders back."""
        if self._decoders is not None:
            phrases, loop = self._decoders
            self._decoders = None
            self._model.give_back(phrases)
            self._loop.give_back(loop)

    def abandon(self) -> None:
        """Stop without a result."""
        if self._decoders is not None:
            for decoder in self._decoders:
                if decoder.get_in_speech() is not None:
                    decoder.end_utt()
        self.release()

    def _hear(self, pcm: bytes) -> None:
        """Take the sounding part of ``pcm``; silence waits until sound follows it."""
        for start in range(0, len(pcm), _FRAME_BYTES):
            frame = pcm[start : start + _FRAME_BYTES]
            level = level_dbfs(frame)
            self._peak_dbfs = max(self._peak_dbfs, level)
            self._silence += frame
            if level > max(_FLOOR_DBFS, self._peak_dbfs - _SPAN_DB):
                self._keep(self._silence if self._pcm else self._silence[-_MARGIN_BYTES:])
                self._silence.clear()

    def _keep(self, pcm: bytes | bytearray) -> None:
        pcm = pcm[: max(0, MAX_UTTERANCE_BYTES - len(self._pcm))]
        samples = np.frombuffer(pcm, dtype="<i2") + self._noise.normal(0, DITHER, len(pcm) // 2)
        self._pcm += np.clip(samples, -32768, 32767).astype("<i2").tobytes()

    def _borrowed(self) -> tuple[Any, Any]:
        if self._decoders is None:
            self._spectrum = self._loop.spectrum(bytes(self._pcm))
            self._decoders = (self._model.borrow(), self._loop.borrow())
            for decoder in self._decoders:
                decoder.set_cmn(self._spectrum)
                decoder.start_utt()
        return self._decoders

    def _decode(self, *, least_bytes: int) -> None:
        piece = bytes(self._pcm[self._decoded_bytes :])
        if len(piece) >= least_bytes:
            self._decoded_bytes = len(self._pcm)
            for decoder in self._borrowed():
                decoder.process_raw(piece)

    def _news(self) -> str | None:
        due = self._decoded_bytes - self._told_bytes >= LPCM16_16K.bytes_for_ms(INTERIM_MS)
        if self._decoders is None or not due:
            return None
        text = _text(self._decoders[0])
        if not text or text == self._told:
            return None
        self._told, self._told_bytes = text, self._decoded_bytes
        return text

    def _decode_wrapped(self) -> Any:
        decoder = self._model.wrapped
        decoder.set_cmn(self._spectrum)
        decoder.start_utt()
        decoder.process_raw(bytes(self._pcm))
        decoder.end_utt()
        return decoder

    def _judge(self, decoder: Any, heard: Reading) -> tuple[str, float]:
        text = _text(decoder)
        if not matches(tuple(text.split()), self._model.sentences):
            return "", 0.0
        return text, confidence(_reading(decoder, self._model.phones), heard)


class Recogniser:
    """The engine that `serve` runs: phrase models by key, utterances by job."""

    def __init__(self) -> None:
        self._models: dict[str, PhraseModel] = {}
        self._utterances: dict[int, Utterance] = {}
        self._loop = PhoneLoop()

    def answer(self, frame: ToWorker, cancelled: Callable[[], bool]) -> Iterable[FromWorker]:
        """The answers to ``frame`` (see `bots.workers.serving.Engine`)."""
        match frame:
            case Model():
                model = self._models[frame.key] = PhraseModel(frame)
                model.give_back(model.borrow())
                yield ModelReady(frame.key, model.missing)
            case ForgetModel():
                self._models.pop(frame.key, None)
            case Begin():
                model = self._models[frame.model]
                self._utterances[frame.job] = Utterance(model, self._loop, frame.rate_hz)
            case Audio():
                if (utterance := self._utterances.get(frame.job)) is not None:
                    text = utterance.push(frame.pcm)
                    if text is not None:
                        yield Interim(frame.job, text)
            case End():
                if (utterance := self._utterances.pop(frame.job, None)) is not None:
                    text, belief = utterance.finish()
                    utterance.release()
                    yield Result(frame.job, text, round(belief, 3))
            case Cancel():
                if (utterance := self._utterances.pop(frame.job, None)) is not None:
                    utterance.abandon()
            case _:
                pass


if __name__ == "__main__":
    serve(Recogniser())
