"""What can be seen of one call from outside, by those who look after all of them."""

from typing import Protocol, runtime_checkable

from calls.core.ports import VoiceLeg
from calls.core.silence import Sound, Stream
from calls.telemetry.frames import Frames


@runtime_checkable
class Confirming(Protocol):
    """A voice leg that is told by its voice side what was played."""

    plays: bool
    """Whether anything of this call was played yet."""


class Watched:
    """One call: it began at ``began`` on the event loop's clock and may last ``permitted_s``."""

    def __init__(self, bot: str, *, began: float, permitted_s: float, frames: Frames) -> None:
        self.bot = bot
        self.began = began
        self.permitted_s = permitted_s
        self._frames = frames
        self._opened: tuple[float, int] | None = None

    def opened(self, at: float) -> None:
        """The caller's stream begins ``at``."""
        self._opened = (at, self._frames.came)

    def shut(self) -> None:
        """The caller's stream is over, or its connection."""
        self._opened = None

    @property
    def stream(self) -> Stream | None:
        """The caller's stream, while it is open."""
        if self._opened is None:
            return None
        at, came_before = self._opened
        return Stream(at, self._frames.came - came_before)

    def sound(self, leg: VoiceLeg) -> Sound | None:
        """What was sent to ``leg``, where it is known what becomes of it."""
        return Sound(self._frames.sent, leg.plays) if isinstance(leg, Confirming) else None
