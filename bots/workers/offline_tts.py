"""The synthesiser process: flite where it is installed, else eSpeak NG.

Run by `bots.workers.pool` as ``python -m bots.workers.offline_tts``.
"""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

from bots.core.audio import AudioFormat, Converter
from bots.core.errors import Fault
from bots.workers.frames import Done, FromWorker, Samples, Speak, ToWorker, VoiceReplaced
from bots.workers.serving import EngineRefused, serve
from bots.workers.trimming import Trimmer

HOW_TO_GET_ONE: Final = (
    "no offline synthesiser is installed; install the system package 'flite' or the Python extra "
    "'espeak'"
)


class Synthesiser(Protocol):
    """What `OfflineTts` needs of an engine."""

    @property
    def name(self) -> str:
        """``flite`` or ``espeak``."""
        ...

    def voice(self, asked: str, language: str) -> str:
        """The engine's voice for a wish."""
        ...

    def speaks(self, language: str) -> bool:
        """Whether the engine knows the language."""
        ...

    def synthesise(
        self, text: str, voice: str, cancelled: Callable[[], bool]
    ) -> Iterable[tuple[int, bytes]]:
        """Rate and samples."""
        ...


def _flite() -> Synthesiser:
    from bots.workers.flite import Flite

    return Flite()


def _espeak() -> Synthesiser:
    from bots.workers.espeak import Espeak  # NB GPL: only in this process, only when it is wanted

    return Espeak()


_LOADERS: Final = {"flite": _flite, "espeak": _espeak}


class OfflineTts:
    """The engine that `serve` runs."""

    def __init__(self) -> None:
        self._engines: dict[str, Synthesiser | None] = {}

    def answer(self, frame: ToWorker, cancelled: Callable[[], bool]) -> Iterable[FromWorker]:
        """The answers to ``frame`` (see `bots.workers.serving.Engine`)."""
        if not isinstance(frame, Speak):
            return
        engine = self._choose(frame)
        voice = engine.voice(frame.voice, frame.language)
        if frame.voice and voice != frame.voice:
            yield VoiceReplaced(frame.job, frame.voice, f"{engine.name} {voice}")
        trimmer = Trimmer(frame.rate_hz)
        target = AudioFormat("lpcm16", frame.rate_hz)
        converter: Converter | None = None
        for rate_hz, pcm in engine.synthesise(frame.text, voice, cancelled):
            source = AudioFormat("lpcm16", rate_hz)
            if converter is None or converter.source != source:
                converter = Converter(source, target)
            if ready := trimmer.push(converter.push(pcm)):
                yield Samples(frame.job, ready)
        rest = trimmer.push(converter.flush()) if converter is not None else b""
        if rest := rest + trimmer.flush():
            yield Samples(frame.job, rest)
        yield Done(frame.job)

    def _choose(self, frame: Speak) -> Synthesiser:
        """The first engine with the voice or, if none is asked for or known, with the language."""
        names = ("flite", "espeak") if frame.engine == "auto" else (frame.engine,)
        found = [engine for name in names if (engine := self._load(name)) is not None]
        if not found:
            raise EngineRefused(Fault.INVALID_REQUEST, HOW_TO_GET_ONE)
        for engine in found:
            if frame.voice and engine.voice(frame.voice, frame.language) == frame.voice:
                return engine
        return next((engine for engine in found if engine.speaks(frame.language)), found[0])

    def _load(self, name: str) -> Synthesiser | None:
        if name not in self._engines:
            try:
                self._engines[name] = _LOADERS[name]()
            except (KeyError, OSError, ImportError):
                self._engines[name] = None
        return self._engines[name]


if __name__ == "__main__":
    serve(OfflineTts())
