"""The leg of a call whose voice connection went away and may come back."""

from collections import deque
from typing import TYPE_CHECKING

from bots.core.activities import Activity, Json

if TYPE_CHECKING:
    from calls.core.ports import VoiceLeg

MAX_KEPT = 100
"""Activities kept for the voice side; the oldest go first."""


class DetachedLeg:
    """Keeps what must not be lost until a new connection takes over; the player holds audio."""

    def __init__(self, lost: "VoiceLeg") -> None:
        self.capabilities = lost.capabilities
        self.caller_audio = lost.caller_audio
        self.prompt_audio = lost.prompt_audio
        self.media = lost.media
        self._kept: deque[Activity] = deque(maxlen=MAX_KEPT)
        self._hang_up: tuple[str, str, tuple[Json, ...]] | None = None

    def hand_over(self, leg: "VoiceLeg") -> None:
        """Tell the new connection what it missed."""
        for activity in self._kept:
            leg.send(activity)
        if self._hang_up is not None:
            reason_code, reason, headers = self._hang_up
            leg.hang_up(reason_code=reason_code, reason=reason, sip_headers=headers)

    def accept(self) -> None:
        """Nobody to tell; a call is resumed only after it was accepted."""

    def hang_up(self, *, reason_code: str, reason: str, sip_headers: tuple[Json, ...] = ()) -> None:
        """Keep the hang-up."""
        self._hang_up = (reason_code, reason, sip_headers)

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        """Nobody to tell; the player holds the prompt."""

    def play(self, utterance: int, audio: bytes) -> None:
        """Nobody to tell; the player holds the prompt."""

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        """Nobody to tell; streams of a lost connection are over."""

    def send(self, activity: Activity) -> None:
        """Keep the activity."""
        self._kept.append(activity)

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        """Nobody to tell."""

    def show_voice(self, *, speaking: bool) -> None:
        """Nobody to tell."""

    def close(self) -> None:
        """Nothing to close."""
