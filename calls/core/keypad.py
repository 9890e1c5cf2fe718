"""Digits of the caller on their way to the bot (product description 6.4).

One by one, each when the bot has acknowledged the one before or a timeout has passed; or collected,
until there are enough, the submit digit is pressed or the caller pauses.
"""

from collections import deque
from collections.abc import Callable

from bots.core.params.sections.dtmf import Dtmf
from calls.core.scopes import Scopes
from calls.core.timeouts import Timer, Timers

MAX_WAITING = 50
"""Digits that wait for the bot; nobody types more ahead."""


class Keypad:
    """``deliver`` takes one digit or the collected ones, and when the last was pressed."""

    def __init__(
        self, params: Scopes, timers: Timers, deliver: Callable[[str, float, float], None]
    ) -> None:
        self.began_at = 0.0
        """When the first of the digits was pressed that are collected or were delivered last."""
        self._params = params
        self._timers = timers
        self._deliver = deliver
        self._collected = ""
        self._waiting: deque[tuple[str, float]] = deque()
        self._pressed_at = 0.0

    @property
    def collecting(self) -> bool:
        """More digits of the same input are expected."""
        return bool(self._collected)

    def press(self, digit: str, now: float) -> None:
        """The caller pressed ``digit``."""
        dtmf = self._params[Dtmf]
        if not dtmf.dtmf_collect:
            self.flush(now)
            self._send_single(digit, now)
            return
        self._pressed_at = now
        if digit == dtmf.dtmf_collect_submit_digit:
            self.flush(now)
            return
        if not self._collected:
            self.began_at = now
        self._collected += digit
        self._timers.start(Timer.DIGITS, now + dtmf.dtmf_collect_inter_digit_timeout_ms / 1000)
        if len(self._collected) >= dtmf.dtmf_collect_max_digits:
            self.flush(now)

    def flush(self, now: float) -> None:
        """Send what was collected, if anything was."""
        collected, self._collected = self._collected, ""
        self._timers.stop(Timer.DIGITS)
        if collected:
            self._deliver(collected, self._pressed_at, now)

    def acknowledged(self, now: float) -> None:
        """The bot has the last digit, or has had its time: the next one may go."""
        self._timers.stop(Timer.ACKNOWLEDGEMENT)
        if self._waiting:
            self._send_single(*self._waiting.popleft(), now=now)

    def _send_single(self, digit: str, pressed_at: float, now: float | None = None) -> None:
        now = pressed_at if now is None else now
        if self._timers.running(Timer.ACKNOWLEDGEMENT):
            if len(self._waiting) < MAX_WAITING:
                self._waiting.append((digit, pressed_at))
            return
        timeout_ms = self._params[Dtmf].dtmf_acknowledge_timeout_ms
        self._timers.start(Timer.ACKNOWLEDGEMENT, now + timeout_ms / 1000)
        self.began_at = pressed_at
        self._deliver(digit, pressed_at, now)
