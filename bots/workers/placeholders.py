"""The worker that fills placeholders: a process that ends when an expression does not.

Nothing interrupts a built-in of the JavaScript engine, so that the process sets itself an alarm,
whose signal ends it whatever it is doing.
"""

import json
import signal
from collections.abc import Callable, Iterable

from bots.core.errors import Fault, PlaceholderError
from bots.core.params.placeholders import fill
from bots.workers.frames import Fill, Filled, FromWorker, ToWorker
from bots.workers.serving import EngineRefused, serve

DEADLINE_S = 1.0
"""How long one filling may take."""


class Placeholders:
    """Fills one template after the other."""

    def answer(self, frame: ToWorker, cancelled: Callable[[], bool]) -> Iterable[FromWorker]:
        """The template of a `Fill`, filled.

        Raises:
            EngineRefused: it could not be filled.
        """
        del cancelled  # an expression cannot be stopped but by the alarm
        if not isinstance(frame, Fill):
            return ()
        signal.setitimer(signal.ITIMER_REAL, DEADLINE_S)
        try:
            return (Filled(frame.job, fill(frame.template, json.loads(frame.variables))),)
        except PlaceholderError as error:
            reason = error.reason.encode(errors="replace").decode()
            raise EngineRefused(Fault.INVALID_REQUEST, reason) from None
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    serve(Placeholders())
