"""What comes and goes: how often it came, and how long its alarm stays for that.

A source *comes* when its alarm is raised, and each time that it fails again while the clear of its
alarm is held. Who comes often is taken for gone only after staying away for a while, the longer the
more often; so a provider that fails and works in turns makes one alarm and not hundreds. The first
alarm of a source is never late: only clears are held.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import msgspec

MEMORY = timedelta(hours=1)
"""What was longer ago does not count."""
MOST_COMINGS = 30
"""So many times are remembered of one source, the latest."""
_DETAIL_CHARS = 150
"""Of a detail, so that the words about it fit into a trap as well."""


class Damping(msgspec.Struct, frozen=True, kw_only=True):
    """A source that came ``count`` times within ``window_s`` comes and goes.

    Its alarm clears when it has stayed away for ``first_s``; for twice as long with each further
    time within `MEMORY`, up to ``most_s``.
    """

    count: int = 3
    window_s: float = 900.0
    first_s: float = 60.0
    most_s: float = 900.0

    def often(self, comings: Sequence[datetime], at: datetime) -> int:
        """How often a source with ``comings`` came lately, if it comes and goes at ``at``; or 0."""
        lately = _lately(comings, at)
        if len(lately) < self.count:
            return 0
        close = lately[-1] - lately[-self.count] <= timedelta(seconds=self.window_s)
        return len(lately) if close else 0

    def hold_s(self, comings: Sequence[datetime], at: datetime) -> float:
        """How long a source with ``comings`` has to stay away until it is over; 0: as usual."""
        often = self.often(comings, at)
        return min(self.most_s, self.first_s * 2.0 ** (often - self.count)) if often else 0.0

    def worded(self, detail: str, comings: Sequence[datetime], at: datetime) -> str:
        """``detail``, and that the source comes and goes if it does."""
        if not (often := self.often(comings, at)):
            return detail
        least = "at least " if often >= MOST_COMINGS else ""
        words = f"comes and goes, raised {least}{often} times in the last hour"
        return f"{detail[:_DETAIL_CHARS]}; {words}" if detail else words


def came(comings: Sequence[datetime], at: datetime) -> tuple[datetime, ...]:
    """``comings`` with one more at ``at``, as far as they matter, oldest first."""
    return (*_lately(comings, at), at)[-MOST_COMINGS:]


def _lately(comings: Sequence[datetime], at: datetime) -> list[datetime]:
    return [each for each in comings if at - each < MEMORY]
