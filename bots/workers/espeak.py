"""eSpeak NG through the library of the ``espeakng-loader`` wheel: many languages, 22.05 kHz.

The library is GPL-3.0. This module is only ever imported by a worker process of its own.
"""

import ctypes
import queue
import re
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
_DEFAULT: Final = "en-us"
_VARIANT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ]{0,19}")
"""What variants may be called. NB The library does not survive long names, and takes paths."""

_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p
)


class _Voice(ctypes.Structure):
    """The beginning of ``espeak_VOICE`` of eSpeak NG's public header ``speak_lib.h``."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
    )


def _languages(address: int) -> list[tuple[int, str]]:
    """Rank (less is better) and tag of every language: a byte and a string each, ended by 0."""
    found: list[tuple[int, str]] = []
    while rank := ctypes.string_at(address, 1)[0]:
        tag = ctypes.string_at(address + 1)
        found.append((rank, tag.decode()))
        address += len(tag) + 2
    return found


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
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_Voice))
        self._voices = self._installed()
        self._chunks: queue.Queue[bytes | None] = queue.Queue(16)
        self._stop = threading.Event()
        self._callback = _Callback(self._hear)  # NB kept: the library keeps only the address
        self._library.espeak_SetSynthCallback(self._callback)

    def voice(self, asked: str, language: str) -> str:
        """The first of ``asked``, ``language`` and its parent that exists, else US English.

        ``asked`` is a name, an identifier or a language, with or without a variant (``de+f2``).
        """
        for wish in (asked, language, language.partition("-")[0]):
            base, plus, variant = wish.partition("+")
            if base.lower() in self._voices:
                return wish if not plus or _VARIANT.fullmatch(variant) else base
        return _DEFAULT

    def speaks(self, language: str) -> bool:
        """Whether there is a voice for ``language`` (a BCP 47 tag)."""
        return self.voice("", language) != _DEFAULT or language.lower() == _DEFAULT

    def _installed(self) -> dict[str, str]:
        """Name, identifier and every language of each voice, in lower case, to its identifier."""
        found: dict[str, tuple[int, str]] = {}
        position = 0
        listed = self._library.espeak_ListVoices(None)
        while voice := listed[position]:
            identifier = voice.contents.identifier.decode()
            ranked = [(0, voice.contents.name.decode()), (0, identifier)]
            ranked += _languages(voice.contents.languages)
            for rank, name in ranked:
                if rank < found.get(name.lower(), (256, ""))[0]:
                    found[name.lower()] = (rank, identifier)
            position += 1
        return {name: identifier for name, (_, identifier) in found.items()}

    def _select(self, voice: str) -> None:
        base, plus, variant = voice.partition("+")
        name = self._voices.get(base.lower(), _DEFAULT) + plus + variant
        self._library.espeak_SetVoiceByName(name.encode())

    def synthesise(
        self, text: str, voice: str, cancelled: Callable[[], bool]
    ) -> Iterator[tuple[int, bytes]]:
        """Rate and samples, 200 ms at a time while the rest is still being made."""
        self._select(voice)
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
