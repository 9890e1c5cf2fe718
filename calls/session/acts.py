"""Supervisors' acts in one call: who is to be told what came of each."""

import itertools
from collections.abc import Callable

from calls.core.steering import Outcome


class Acts:
    """The acts that are under way, by the numbers that the conversation knows them by."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._reports: dict[int, Callable[[Outcome], None]] = {}

    def begin(self, report: Callable[[Outcome], None]) -> int:
        """Somebody acts; ``report`` is told what comes of it, once or twice. Answers its number."""
        number = next(self._numbers)
        self._reports[number] = report
        return number

    def tell(self, number: int, outcome: Outcome) -> None:
        """What came of an act; unless it was only accepted, it is over."""
        report = self._reports[number]
        if outcome.status != "accepted":
            del self._reports[number]
        report(outcome)

    def end(self) -> None:
        """The call is over: what is still under way, as in a call that broke, has failed."""
        for report in self._reports.values():
            report(Outcome(status="failed", detail="The call has ended"))
        self._reports.clear()
