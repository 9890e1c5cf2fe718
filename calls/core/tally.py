"""How often things were used and failed within the last minutes, and when that is too often."""

from collections import OrderedDict, deque
from collections.abc import Iterable, Mapping

WINDOW_S = 300.0
SLOT_S = 10.0
"""Uses are counted in slots of this length, so that a busy service takes no more memory."""
MAX_KEYS = 200
"""Things that are counted; those that were not used for longest are forgotten."""
FEWEST = 20
"""Of fewer uses nothing is concluded."""
PERCENT = 10
"""So many of 100 failures are too many."""

Figures = tuple[int, int]
"""Uses, and how many of them failed."""


class Tally:
    """Uses and failures by key; the time is an argument, in seconds on any monotonic clock."""

    def __init__(self) -> None:
        self._slots: OrderedDict[str, deque[list[int]]] = OrderedDict()
        """By key: number of the slot, uses, failures; the oldest slot first."""

    def count(self, key: str, now: float, *, failed: bool) -> None:
        """``key`` was used at ``now``."""
        slots = self._slots.setdefault(key, deque())
        self._slots.move_to_end(key)
        if len(self._slots) > MAX_KEYS:
            self._slots.popitem(last=False)
        number = int(now // SLOT_S)
        if not slots or slots[-1][0] != number:
            slots.append([number, 0, 0])
            _drop_old(slots, now)
        slots[-1][1] += 1
        slots[-1][2] += failed

    def figures(self, now: float) -> dict[str, Figures]:
        """What was used within `WINDOW_S` before ``now``."""
        for key in list(self._slots):
            _drop_old(self._slots[key], now)
            if not self._slots[key]:
                del self._slots[key]
        return {
            key: (sum(slot[1] for slot in slots), sum(slot[2] for slot in slots))
            for key, slots in self._slots.items()
        }


def _drop_old(slots: deque[list[int]], now: float) -> None:
    while slots and slots[0][0] <= (now - WINDOW_S) // SLOT_S:
        slots.popleft()


def added(parts: Iterable[Mapping[str, Figures]]) -> dict[str, Figures]:
    """The figures of several processes together."""
    found: dict[str, Figures] = {}
    for part in parts:
        for key, (uses, failures) in part.items():
            before = found.get(key, (0, 0))
            found[key] = (before[0] + uses, before[1] + failures)
    return found


def too_often(figures: Figures) -> bool:
    """Whether so many of so many failing is worth an alarm."""
    uses, failures = figures
    return uses >= FEWEST and failures * 100 >= uses * PERCENT


def sentence(figures: Figures, what: str, minutes: int = int(WINDOW_S) // 60) -> str:
    """Both numbers for people, such as ``9 of 60 requests failed within 5 minutes (15 %)``."""
    uses, failures = figures
    percent = round(100 * failures / uses) if uses else 0
    return f"{failures} of {uses} {what} failed within {minutes} minutes ({percent} %)"
