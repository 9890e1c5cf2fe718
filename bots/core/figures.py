"""A port: what the pages about bots say of calls, provided by the room that has the calls."""

from collections.abc import Callable, Mapping

import msgspec


class BotFigures(msgspec.Struct, frozen=True, kw_only=True):
    """The calls of one bot: going on, and of the last 24 hours all and those that failed.

    Test calls count among those that go on only.
    """

    live: int = 0
    day: int = 0
    failed: int = 0

    @property
    def failed_percent(self) -> int:
        """Of 100 calls of the last 24 hours, how many failed; rounded up, 0 without calls."""
        return -(-100 * self.failed // self.day) if self.day else 0


FaultSource = Callable[[], Mapping[str, int]]
"""Answers how often each provider, by name, failed in calls of the last hour."""

Source = Callable[[], Mapping[str, BotFigures]]
"""Answers the figures of every bot that has any, by its name."""

_sources: list[Source] = []
_fault_sources: list[FaultSource] = []


def provide_bot_figures(source: Source) -> None:
    """Ask ``source`` from here on."""
    _sources[:] = [source]


def bot_figures() -> Mapping[str, BotFigures]:
    """The figures of every bot that has any, by its name; none without a source."""
    return _sources[0]() if _sources else {}


def provide_provider_faults(source: FaultSource) -> None:
    """Ask ``source`` from here on."""
    _fault_sources[:] = [source]


def provider_faults() -> Mapping[str, int]:
    """How often each provider, by name, failed in the last hour; none without a source."""
    return _fault_sources[0]() if _fault_sources else {}
