"""Where the machines of a conversation put the commands of one event."""

from typing import Literal

from calls.core import commands
from calls.core.commands import CallState, Command


class Outbox:
    """The commands that answer the event in hand, in order."""

    def __init__(self) -> None:
        self._commands: list[Command] = []
        self._shown: CallState | None = None

    def take(self) -> list[Command]:
        """Everything emitted since the last call."""
        taken, self._commands = self._commands, []
        return taken

    def emit(self, command: Command) -> None:
        """Add a command behind those of this event."""
        self._commands.append(command)

    def show(self, state: CallState) -> None:
        """Show ``state`` on the live page if it is not shown already."""
        if state != self._shown:
            self._shown = state
            self.emit(commands.ShowState(state))

    def note(self, now: float, text: str) -> None:
        """Put an event that people should see into the transcript."""
        self.emit(commands.RecordLine(at=now, side="system", kind="event", text=text))

    def operator(self, now: float, kind: Literal["speech", "event"], text: str) -> None:
        """Record what a supervisor wrote."""
        self.emit(commands.RecordLine(at=now, side="operator", kind=kind, text=text))

    def caller(
        self,
        now: float,
        kind: Literal["speech", "dtmf"],
        text: str,
        confidence: float | None = None,
    ) -> None:
        """Record what the caller said or pressed."""
        self.emit(
            commands.RecordLine(at=now, side="caller", kind=kind, text=text, confidence=confidence)
        )
