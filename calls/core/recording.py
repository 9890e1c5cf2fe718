"""The recording of a call as the bot steers it (product description 6.7).

The voice side records (SIPREC); here is what it was asked for. States::

    off --start--> on --pause--> paused --resume--> on
    on, paused --stop--> off
"""

from enum import StrEnum


class RecordingState(StrEnum):
    """Whether the call is being recorded."""

    OFF = "the call is not recorded"
    ON = "the call is recorded"
    PAUSED = "the recording is paused"


_STEPS: dict[str, tuple[frozenset[RecordingState], RecordingState]] = {
    "startcallrecording": (frozenset({RecordingState.OFF}), RecordingState.ON),
    "pausecallrecording": (frozenset({RecordingState.ON}), RecordingState.PAUSED),
    "resumecallrecording": (frozenset({RecordingState.PAUSED}), RecordingState.ON),
    "stopcallrecording": (
        frozenset({RecordingState.ON, RecordingState.PAUSED}),
        RecordingState.OFF,
    ),
}
EVENTS = frozenset(_STEPS)
"""The bot's events, in lower case."""


class Recording:
    """The recording of one call; ``ids`` are those of its recording sessions."""

    def __init__(self) -> None:
        self.state = RecordingState.OFF
        self.ids: tuple[str, ...] = ()

    def step(self, event: str) -> bool:
        """Do what ``event`` (lower case) asks; False when the state does not allow it."""
        allowed, after = _STEPS[event]
        if self.state not in allowed:
            return False
        self.state = after
        return True

    def begun(self, recording_id: str) -> None:
        """A recording session was asked for under this id."""
        self.ids = (*self.ids, recording_id)
