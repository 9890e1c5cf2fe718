"""How much somebody may ask for: a steady rate with a burst."""


class Allowance:
    """How much a peer may send: ``rate`` units a second, and ``burst`` at once; pure."""

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = self._left = burst
        self._at = 0.0

    def take(self, units: float, now: float) -> bool:
        """Whether ``units`` are still allowed at ``now`` (seconds); if so they are used up."""
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        if units > self._left:
            return False
        self._left -= units
        return True
