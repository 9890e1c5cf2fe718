"""What the conversation engine costs: one call of an hour at simulated time.

Run with ``python -m benchmarks.engine``; prints seconds for the hour and microseconds an event.
"""

import time

import msgspec

from bots.core import activities
from bots.core.params.declare import Level
from bots.core.params.resolve import Catalogue, Layer, resolve
from bots.core.params.sections import COMMON
from calls.core import commands, events
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.ports import LegCapabilities

HOUR_S = 3600.0
HYPOTHESES = 8
"""Interim results of one utterance."""
CONFIGURED = {
    "bargeIn": True,
    "sendDTMF": True,
    "dtmfCollect": True,
    "userNoInputTimeoutMS": 4000,
    "userNoInputRetries": 3,
    "userNoInputSpeech": "Are you still there?",
    "sendEventsToBot": ["speechHypothesis", "playFinished"],
}


class Hour(msgspec.Struct, frozen=True):
    """What happened in the hour."""

    events: int
    commands: tuple[Command, ...]


class Line:
    """One call at simulated time: everything that happens, in order, with its deadlines."""

    def __init__(self) -> None:
        configured = resolve(Catalogue(COMMON), [Layer(Level.BOT, "benchmark", CONFIGURED)])
        self._engine = Conversation(configured, LegCapabilities(audio=True))
        self._playing = 0
        self._events = 0
        self._commands: list[Command] = []
        self.now = 0.0

    def feed(self, *happened: Event) -> None:
        """Let this happen now."""
        for event in happened:
            produced = self._engine.handle(event, self.now)
            self._events += 1
            self._commands += produced
            for command in produced:
                if isinstance(command, commands.Play):
                    self._playing = command.utterance

    def wait(self, seconds: float) -> None:
        """Let time pass; deadlines that come meanwhile are told."""
        until = self.now + seconds
        while self._engine.deadline is not None and self._engine.deadline <= until:
            self.now = self._engine.deadline
            self.feed(events.DeadlinePassed())
        self.now = until

    def hear(self) -> None:
        """The prompt that plays is heard to its end."""
        utterance = self._playing
        self.feed(events.AudioReady(utterance), events.PlaybackStarted(utterance))
        self.wait(1.6)
        self.feed(events.PlaybackEnding(utterance))
        self.wait(0.3)
        self.feed(events.PlaybackDone(utterance=utterance, heard_ms=1900, total_ms=1900))

    def end(self) -> Hour:
        """The caller hangs up."""
        gone = events.CallerHungUp(reason_code="client-disconnected", reason="Client Side")
        self.feed(gone)
        return Hour(self._events, tuple(self._commands))


def speak(line: Line) -> None:
    """The caller says a sentence."""
    line.feed(events.VoiceStarted())
    for number in range(HYPOTHESES):
        line.wait(0.2)
        line.feed(events.CallerSaid(text="what is " * number, final=False, stability=0.5))
    line.feed(events.VoiceStopped())
    line.wait(0.2)
    line.feed(events.CallerSaid(text="what is my balance", final=True, confidence=0.9))


def press(line: Line) -> None:
    """The caller presses four keys and waits."""
    for digit in "1234":
        line.feed(events.DigitsPressed(digit))
        line.wait(0.3)
    line.wait(2.0)


def hour() -> Hour:
    """A call of an hour: turns in speech and digits, answers of two prompts, some silences."""
    line = Line()
    start = activities.event("start", parameters={"caller": "+15550100"})
    line.feed(events.CallArrived(start=start), events.BotJoined())
    turn = 0
    while line.now < HOUR_S:
        turn += 1
        line.feed(events.BotSpoke(activities.message("Let me see.")))
        line.feed(events.BotSpoke(activities.message("You have seven euros.")))
        line.hear()
        line.hear()
        if turn % 5 == 0:
            line.wait(4.5)  # silent: the caller is asked
            line.hear()
        line.wait(0.4)
        (press if turn % 4 == 0 else speak)(line)
        line.wait(0.5)
    return line.end()


def main() -> None:
    """Print the cost of the hour, the best of five."""
    best = float("inf")
    for _ in range(5):
        begun = time.perf_counter()
        done = hour()
        best = min(best, time.perf_counter() - begun)
    print(f"one hour   {best:7.3f} s for {done.events} events, {len(done.commands)} commands")
    print(f"an event   {best / done.events * 1e6:7.1f} µs")


if __name__ == "__main__":
    main()
