"""Timers of a conversation, as data: names with a due time on the engine's clock (seconds)."""

from enum import StrEnum


class Timer(StrEnum):
    """What a conversation may be waiting for."""

    MAX_DURATION = "max-duration"
    """The call as a whole; runs to the end, so that there is always a deadline."""
    START = "start"
    """The voice side's own ``start`` activity."""
    ANSWER = "answer"
    """The answer to an outbound call."""
    MACHINE = "machine"
    """What answered: a person or a machine."""
    USER_INPUT = "user-input"
    """The caller, who is expected to say something."""
    USER_GIVE_UP = "user-give-up"
    """The caller, in all."""
    RECOGNITION = "recognition"
    """The recogniser's final result after the caller stopped."""
    COLLECTION = "collection"
    """The end of what the caller says in several utterances (continuous ASR)."""
    DIGITS = "digits"
    """The next digit of those that are collected."""
    ACKNOWLEDGEMENT = "acknowledgement"
    """The bot's word that it has the last digit."""
    BOT_INPUT = "bot-input"
    """The bot's answer."""
    BOT_GIVE_UP = "bot-give-up"
    """The bot's answer, in all."""
    RESUME = "resume"
    """The bot's answer, before the caller may speak again (resumeRecognitionTimeoutMS)."""
    FIRST_AUDIO = "first-audio"
    """The first audio of a prompt."""
    STOPPING = "stopping"
    """The player's report of a prompt that was stopped."""
    VOICE_EVENT = "voice-event"
    """Enough voice, or enough silence, to tell the bot."""
    SUPERVISOR = "supervisor"
    """The bot's answer to what a supervisor sent it."""
    VOICE_SIDE = "voice-side"
    """The voice side's confirmation of a hang-up or a transfer."""


class Timers:
    """The running timers of one conversation."""

    def __init__(self) -> None:
        self._due: dict[Timer, float] = {}

    @property
    def deadline(self) -> float | None:
        """When the next timer is due; None when none runs."""
        return min(self._due.values(), default=None)

    def start(self, timer: Timer, due: float) -> None:
        """Run ``timer`` until ``due``, whether or not it was running."""
        self._due[timer] = due

    def wait(self, timer: Timer, due: float) -> None:
        """Run ``timer`` until ``due`` unless it is running already."""
        self._due.setdefault(timer, due)

    def stop(self, *timers: Timer) -> None:
        """Stop timers that may be running."""
        for timer in timers:
            self._due.pop(timer, None)

    def running(self, timer: Timer) -> bool:
        """Whether ``timer`` runs."""
        return timer in self._due

    def expire(self, now: float) -> Timer | None:
        """Stop and answer the earliest of the timers that are due at ``now``; None: there is none.

        One at a time, because what the first brings about may stop the others.
        """
        due, timer = min(((at, timer) for timer, at in self._due.items()), default=(now, None))
        if timer is None or due > now:
            return None
        del self._due[timer]
        return timer

    def keep(self, timer: Timer) -> None:
        """Stop every timer but ``timer``."""
        self._due = {kept: due for kept, due in self._due.items() if kept is timer}

    def clear(self) -> None:
        """Stop every timer."""
        self._due.clear()


class NoInput:
    """Counts how often the caller or the bot stayed silent (product description 6.6).

    The first expiry asks, then ``retries`` more do; then they are used up.
    """

    def __init__(self) -> None:
        self.count = 0

    def heard(self) -> None:
        """There was input: count from the beginning."""
        self.count = 0

    def expired(self, retries: int) -> bool:
        """Count one expiry; True when the retries are used up."""
        self.count += 1
        return self.count > retries + 1
