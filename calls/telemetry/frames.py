"""Frames of all calls of a process: plain numbers in each call, added up when somebody asks."""

import threading


class Frames:
    """Pieces of audio of one call: from the caller, to the caller, given up, sent too late.

    Whoever moves a frame adds to these numbers; that is all that measuring costs it.
    """

    __slots__ = ("came", "dropped", "late", "sent")

    def __init__(self) -> None:
        self.came = self.sent = self.dropped = self.late = 0

    def add(self, other: "Frames") -> None:
        """Count those of ``other`` too."""
        self.came += other.came
        self.sent += other.sent
        self.dropped += other.dropped
        self.late += other.late


class Tally:
    """The frames of calls that go on and of those that are over; never goes down."""

    def __init__(self) -> None:
        self._past = Frames()
        self._calls: set[Frames] = set()
        self._lock = threading.Lock()

    def begin(self, call: Frames) -> None:
        """A call counts here from now on."""
        with self._lock:
            self._calls.add(call)

    def end(self, call: Frames) -> None:
        """It is over."""
        with self._lock:
            self._calls.discard(call)
            self._past.add(call)

    def total(self) -> Frames:
        """All of them; any thread may ask."""
        found = Frames()
        with self._lock:
            for call in (self._past, *self._calls):
                found.add(call)
        return found


TALLY = Tally()
"""Of this process."""
