"""CMU Flite through its shared library (Debian: package ``flite``): English, 16 kHz, BSD-style."""

import ctypes
from collections.abc import Callable, Iterator
from typing import Final

from bots.core.ssml import Pause, segments, sentences

VOICES: Final = ("slt", "rms", "awb", "kal16", "kal")
"""Best first; the first one found is the default."""


class _Wave(ctypes.Structure):
    """``cst_wave`` of flite's public header ``cst_wave.h``."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class Flite:
    """The voices of the flite libraries on this machine.

    Raises:
        OSError: flite or every one of its voices is missing.
    """

    name = "flite"

    def __init__(self) -> None:
        self._library = ctypes.CDLL("libflite.so.1")
        self._library.flite_init()
        self._library.flite_text_to_wave.restype = ctypes.POINTER(_Wave)
        self._library.flite_text_to_wave.argtypes = (ctypes.c_char_p, ctypes.c_void_p)
        self._library.delete_wave.argtypes = (ctypes.POINTER(_Wave),)
        self._voices: dict[str, int] = {}
        for voice in VOICES:
            if (pointer := _register(voice)) is not None:
                self._voices[voice] = pointer
        if not self._voices:
            raise OSError("flite is installed without any voice")

    def voice(self, asked: str, language: str) -> str:
        """The voice that speaks when ``asked`` is wanted; the default if there is none so named."""
        del language
        return asked if asked in self._voices else next(iter(self._voices))

    def speaks(self, language: str) -> bool:
        """Whether flite knows ``language`` (a BCP 47 tag)."""
        return language.lower().startswith("en")

    def synthesise(
        self, text: str, voice: str, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, bytes]]:
        """Rate and samples, sentence by sentence so that the first comes soon."""
        rate_hz = 16000
        for segment in segments(text):
            if isinstance(segment, Pause):
                yield rate_hz, bytes(rate_hz * segment.ms // 1000 * 2)
                continue
            for sentence in sentences(segment):
                if cancelled():
                    return
                rate_hz, pcm = self._wave(sentence, voice)
                yield rate_hz, pcm

    def _wave(self, sentence: str, voice: str) -> tuple[int, bytes]:
        plain = sentence.encode("ascii", "ignore")  # NB flite reads bytes of no stated encoding
        wave = self._library.flite_text_to_wave(plain, self._voices[voice])
        if not wave:
            return 16000, b""
        try:
            found = wave.contents
            return found.sample_rate, ctypes.string_at(found.samples, found.num_samples * 2)
        finally:
            self._library.delete_wave(wave)


def _register(voice: str) -> int | None:
    try:
        library = ctypes.CDLL(f"libflite_cmu_us_{voice}.so.1")
    except OSError:
        return None
    register = getattr(library, f"register_cmu_us_{voice}")
    register.restype = ctypes.c_void_p
    register.argtypes = (ctypes.c_char_p,)
    pointer = register(None)
    return int(pointer) if pointer else None
