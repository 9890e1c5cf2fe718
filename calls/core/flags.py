"""What makes a live call worth a look: repeated silence or misunderstanding, faults, interventions.

The flags are for the table of live calls; each is there only while it says something:

- ``no-input`` and ``not-understood``: how often in a row;
- ``barge-in``: how often the caller cut the bot off;
- ``fault``: the last failure of a service, such as ``stt:timeout``;
- ``transfer``: how the last transfer failed, such as ``failed: busy``;
- ``muted``: the caller hears nothing of the bot;
- ``operator``: who stepped in last.
"""

from typing import Any

from calls.core import commands, events
from calls.core.wording import clean

MAX_CHARACTERS = 100

_CUTTING = (events.VoiceStarted, events.CallerSaid, events.DigitsPressed)
"""What a caller cuts the bot off with."""


class Flags:
    """The flags of one call; `value` is another object whenever they have changed."""

    def __init__(self) -> None:
        self.value: dict[str, Any] = {}
        self._by_caller = False
        """Whether what is handled came from the caller."""

    @property
    def barge_ins(self) -> int:
        """How often the caller has cut the bot off."""
        return int(self.value.get("barge-in", 0))

    def happened(self, event: events.Event) -> None:
        """An event is about to be handled."""
        self._by_caller = isinstance(event, _CUTTING)
        match event:
            case events.CallerSaid(final=True, text=""):
                self._count("not-understood")
            case events.CallerSaid(final=True):
                self._clear("no-input", "not-understood")
            case events.DigitsPressed():
                self._clear("no-input", "not-understood")
            case events.TransferDone(succeeded=False):
                why = clean(event.reason_code or event.reason or "error", MAX_CHARACTERS)
                self._set("transfer", f"failed: {why}")
            case _:
                pass

    def waited_in_vain(self, times: int) -> None:
        """The caller's turn has passed without input ``times`` times in a row."""
        if times:
            self._set("no-input", times)
        else:
            self._clear("no-input")

    def commanded(self, command: commands.Command) -> None:
        """The event in hand caused ``command``."""
        match command:
            case commands.StopPlayback() if self._by_caller:
                self._count("barge-in")
            case commands.ReportFault(service=service, fault=fault):
                self._set("fault", f"{service}:{fault}")
            case commands.TransferCall():
                self._clear("transfer")
            case commands.RecordAct(by=by, muted=muted):
                self._set("operator", clean(by, MAX_CHARACTERS))
                if muted:
                    self._set("muted", True)  # noqa: FBT003 - the value of a flag
                else:
                    self._clear("muted")
            case _:
                pass

    def _count(self, name: str) -> None:
        self._set(name, self.value.get(name, 0) + 1)

    def _set(self, name: str, value: Any) -> None:
        if self.value.get(name) != value:
            self.value = {**self.value, name: value}

    def _clear(self, *names: str) -> None:
        if any(name in self.value for name in names):
            self.value = {name: kept for name, kept in self.value.items() if name not in names}
