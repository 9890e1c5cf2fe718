"""eSpeak NG through the library of the ``espeakng-loader`` wheel: many languages, 22.05 kHz.

The library is GPL-3.0. This module is only ever imported by a worker process of its own.
"""

import ctypes
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import espeakng_loader

from bots.core.ssml import is_ssml, reduce

ELEMENTS: Final = frozenset(
    {"speak", "p", "s", "break", "say-as", "sub", "prosody", "emphasis", "voice"}
)
"""The SSML that eSpeak NG is given."""
_SYNCHRONOUS: Final = 2
_BUFFER_MS: Final = 200
_DONT_EXIT: Final = 0x8000
_BY_CHARACTER: Final = 1
_UTF8: Final = 1
_SSML: Final = 0x10

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class Espeak:
    """The one eSpeak NG of this process (its interface is global state).

    Raises:
        OSError: the library or its data cannot be loaded.
    """

    name = "espeak"

    def __init__(self) -> None:
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = str(Path(espeakng_loader.get_data_path()).parent).encode()
        self._rate_hz = self._library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT)
        if self._rate_hz <= 0:
            raise OSError("espeak-ng could not be initialised")
        self._chunks: queue.Queue[bytes | None] = queue.Queue(16)
        self._stop = threading.Event()
        self._callback = _Callback(self._hear)  # NB kept: the library keeps only the address
        self._library.espeak_SetSynthCallback(self._callback)

    def voice(self, asked: str, language: str) -> str:
        """The first of ``asked``, ``language`` and its parents that exists, else US English."""
        tag = language.lower()
        for name in (asked, tag, tag.partition("-")[0]):
            if name and self._library.espeak_SetVoiceByName(name.encode()) == 0:
                return name
        return "en-us"

    def speaks(self, language: str) -> bool:
        """Whether there is a voice for ``language`` (a BCP 47 tag)."""
        tag = language.lower()
        names = (tag, tag.partition("-")[0])
        return any(self._library.espeak_SetVoiceByName(name.encode()) == 0 for name in names)

    def synthesise(
        self, text: str, voice: str, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, bytes]]:
        """Rate and samples, 200 ms at a time while the rest is still being made."""
        self._library.espeak_SetVoiceByName(voice.encode())
        self._stop.clear()
        encoded = (reduce(text, ELEMENTS) if is_ssml(text) else text).encode()
        flags = _UTF8 | (_SSML if is_ssml(text) else 0)
        thread = threading.Thread(target=self._speak, args=(encoded, flags))
        thread.start()
        try:
            while (chunk := self._chunks.get()) is not None:
                if cancelled():
                    return
                yield self._rate_hz, chunk
        finally:
            self._stop.set()
            while thread.is_alive():
                self._drain()
                thread.join(0.01)
            self._drain()

    def _speak(self, encoded: bytes, flags: int) -> None:
        self._library.espeak_Synth(
            encoded, ctypes.c_size_t(len(encoded) + 1), 0, _BY_CHARACTER, 0, flags, None, None
        )
        self._chunks.put(None)

    def _hear(self, samples: Any, count: int, _events: Any) -> int:
        """Called by the library with samples; a true answer ends the synthesis."""
        if samples and count > 0 and not self._stop.is_set():
            self._chunks.put(ctypes.string_at(samples, count * 2))
        return int(self._stop.is_set())

    def _drain(self) -> None:
        while not self._chunks.empty():
            self._chunks.get_nowait()
