"""The caller's audio on its way to the recogniser: conversion, voice activity, the gate."""

from collections.abc import Callable
from typing import Literal

from bots.core.audio import FRAME_MS, AudioFormat, Converter, PreRoll
from bots.core.ports import Recognition, VoiceActivityDetector

PRE_ROLL_MS = 500
"""Audio from before the gate opened or speech was noticed that the recogniser still gets: soft
beginnings of words are noticed up to 0.4 s late."""


class Gate:
    """Feeds one recogniser from one caller; every method returns at once.

    Shut: the last 500 ms are kept. Open: a fresh ``detector`` runs on every 20 ms frame. A
    recogniser that finds utterances itself gets everything; one that does not gets each utterance,
    bracketed, with 500 ms from before it was noticed.
    """

    def __init__(
        self,
        *,
        source: AudioFormat,
        rate_hz: int,
        detector: Callable[[], VoiceActivityDetector],
        recognition: Recognition,
        endpointing: bool,
    ) -> None:
        heard = AudioFormat("lpcm16", rate_hz)
        self._converter = Converter(source, heard)
        self._frame_bytes = heard.bytes_for_ms(FRAME_MS)
        self._rest = bytearray()
        self._pre_roll = PreRoll(heard, PRE_ROLL_MS)
        self._new_detector = detector
        self._detector = detector()
        self._recognition = recognition
        self._endpointing = endpointing
        self._open = False
        self._in_utterance = False

    def switch(self, *, on: bool) -> None:
        """Open or shut the gate; an utterance that is cut by shutting it is completed."""
        if on and not self._open:
            # It heard nothing while the gate was shut; what it still believes would hide speech.
            self._detector = self._new_detector()
            if self._endpointing:
                self._recognition.push(self._pre_roll.drain())
        if not on:
            self._end_utterance()
        self._open = on

    def push(self, audio: bytes) -> list[Literal["started", "stopped"]]:
        """Caller audio in the source format, any length; answers what voice activity changed."""
        self._rest += self._converter.push(audio)
        changes: list[Literal["started", "stopped"]] = []
        while len(self._rest) >= self._frame_bytes:
            frame = bytes(self._rest[: self._frame_bytes])
            del self._rest[: self._frame_bytes]
            change = self._frame(frame)
            if change is not None:
                changes.append(change)
        return changes

    def _frame(self, frame: bytes) -> Literal["started", "stopped"] | None:
        if not self._open:
            self._pre_roll.push(frame)
            return None
        change = self._detector.push(frame)
        if self._endpointing or self._in_utterance:
            self._recognition.push(frame)
        else:
            self._pre_roll.push(frame)
        if change == "started" and not self._in_utterance:
            self._begin_utterance()
        elif change == "stopped":
            self._end_utterance()
        return change

    def _begin_utterance(self) -> None:
        self._in_utterance = True
        if not self._endpointing:
            self._recognition.begin_utterance()
            self._recognition.push(self._pre_roll.drain())

    def _end_utterance(self) -> None:
        if self._in_utterance and not self._endpointing:
            self._recognition.end_utterance()
        self._in_utterance = False
