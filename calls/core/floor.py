"""Who has the floor, and so whether the caller is listened to (product description 6.3.9)."""

from calls.core.commands import CallState
from calls.core.prompts import Playing


class Floor:
    """Caller, bot or nobody."""

    def __init__(self) -> None:
        self.listening = False
        """The gate between the caller and the recogniser is open."""
        self.caller_speaks = False
        """The caller is speaking, or has spoken and the final result is not here yet."""
        self.voice_ended_at: float | None = None
        """When the voice of the utterance that is being recognised fell silent."""
        self._began_again = False
        self.bot_owes_answer = False
        """The bot was told something and has not answered."""

    def voice_began(self) -> None:
        """The caller began to speak, perhaps before the result of the last utterance is here."""
        self._began_again = self.voice_ended_at is not None
        self.caller_speaks = True

    def utterance_over(self) -> float | None:
        """The caller's utterance is dealt with; answers when its voice ended, if that was heard."""
        ended_at, self.voice_ended_at = self.voice_ended_at, None
        self.caller_speaks, self._began_again = self._began_again, False
        return ended_at

    def forget_caller(self) -> None:
        """Nothing more is expected of what the caller said."""
        self.voice_ended_at = None
        self.caller_speaks = self._began_again = False

    def wants_gate(self, playing: Playing | None, *, barge_in: bool) -> bool:
        """Whether the caller should be listened to.

        With barge-in always; without it not from the end of the caller's utterance until the bot's
        prompts have ended. A prompt keeps the rule it was started with.
        """
        if playing is not None:
            return playing.interruptible
        return barge_in or not self.bot_owes_answer

    def state(self, playing: Playing | None) -> CallState:
        """What the live page shows."""
        if playing is not None and not playing.stopping:
            return "bot speaking"
        if self.caller_speaks:
            return "caller speaking"
        return "thinking" if self.bot_owes_answer else "listening"
