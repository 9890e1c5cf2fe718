"""What is heard of the caller: reported to the conversation and shown to the voice side."""

from collections.abc import Callable
from functools import partial
from typing import Protocol

from bots.core.ports import Hypothesis, Transcript
from calls.core.events import CallerSaid, Event, VoiceStarted, VoiceStopped


class Shown(Protocol):
    """The part of a voice leg that is told what is heard."""

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        """Recognised text."""
        ...

    def show_voice(self, *, speaking: bool) -> None:
        """The caller began or stopped to speak."""
        ...


class Heard:
    """Passes on what voice activity and recognition say, whoever listened.

    ``kept_back`` tells whether the voice side may not know yet: it would cut a prompt off.
    """

    def __init__(
        self,
        *,
        shown: Callable[[], Shown],
        kept_back: Callable[[], bool],
        report: Callable[[Event], None],
    ) -> None:
        self._shown = shown
        self._kept_back = kept_back
        self._report = report
        self._untold = False
        """The caller speaks, and the voice side was not told."""

    def voice(self, *, speaking: bool) -> None:
        """The caller began or stopped to speak."""
        if speaking:
            self._untold = True
            self._pass_on(VoiceStarted(), self._show_voice)
        else:
            if not self._untold:
                self._shown().show_voice(speaking=False)
            self._untold = False
            self._report(VoiceStopped())

    def speech(self, result: Hypothesis | Transcript) -> None:
        """What the caller says or said."""
        match result:
            case Hypothesis(text, confidence, stability):
                interim = CallerSaid(
                    text=text, final=False, confidence=confidence, stability=stability
                )
                self._pass_on(interim, partial(self._show_speech, text, final=False))
            case Transcript(text, confidence, output):
                final = CallerSaid(
                    text=text, final=True, confidence=confidence, recognition_output=output
                )
                show = partial(self._show_speech, text, final=True, confidence=confidence)
                self._pass_on(final, show)

    def _pass_on(self, event: Event, show: Callable[[], None]) -> None:
        """Report ``event`` and show it to the voice side.

        What is kept from the voice side is shown only if the event itself ends the reason for it.
        """
        kept = self._kept_back()
        if not kept:
            show()
        self._report(event)
        if kept and not self._kept_back():
            show()

    def _show_voice(self) -> None:
        if self._untold:
            self._untold = False
            self._shown().show_voice(speaking=True)

    def _show_speech(self, text: str, *, final: bool, confidence: float | None = None) -> None:
        self._show_voice()
        if text or not final:
            self._shown().show_speech(text=text, final=final, confidence=confidence)
