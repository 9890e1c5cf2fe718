"""A port: what this room notices about itself, told to whoever keeps alarms.

``alarm`` is the name of a type in the catalogue of alarms and ``source`` the name of the entity
that has the trouble. Nothing here blocks or raises; details hold neither secrets nor caller data.
"""

from typing import Protocol


class Listener(Protocol):
    """Takes notice of what worked and what did not; returns at once, from any thread."""

    def failed(self, alarm: str, source: str, detail: str, *, certain: bool) -> None:
        """It failed; ``certain``: there is no need to wait for another failure."""
        ...

    def worked(self, alarm: str, source: str) -> None:
        """It worked."""
        ...


_listeners: list[Listener] = []


def listen(listener: Listener) -> None:
    """Tell ``listener`` from here on."""
    _listeners[:] = [listener]


def failed(alarm: str, source: str, detail: str = "", *, certain: bool = False) -> None:
    """Tell that ``source`` failed, if anybody listens."""
    for listener in _listeners:
        listener.failed(alarm, source, detail, certain=certain)


def worked(alarm: str, source: str) -> None:
    """Tell that ``source`` worked, if anybody listens."""
    for listener in _listeners:
        listener.worked(alarm, source)
