"""One call that a test drives into any phase of its life."""

from typing import Any

from bots.core import activities
from bots.core.errors import Fault
from bots.core.ports import BotCapabilities
from calls.core import commands, events
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.phases import Phase
from calls.core.ports import LegCapabilities
from tests.calls.core.reader import START, configured, says, written

SORRY = {"type": "message", "text": "Sorry."}
FILE = {"type": "event", "name": "playUrl", "activityParams": {"playUrlUrl": "https://a.example/s"}}
MOVE = {"type": "event", "name": "transfer", "activityParams": {"transferTarget": "tel:+15550111"}}
TO_A_DESK = {"transferTarget": "tel:+15550111"}
BOT_FAILED = events.ServiceFailed(service="bot", fault=Fault.SERVER, detail="HTTP 500")
BUSY = events.TransferDone(succeeded=False, reason="SIP 486", reason_code="busy")
GONE = events.CallerHungUp(reason_code="client-disconnected", reason="Client Side")
NO_VOICE = BotCapabilities()
VOICE = BotCapabilities(hears=True, speaks=True)
STOPPED = events.EndRequested(by="operator", reason_code="error", reason="Stopped")


class Call:
    """A call, and what came of it since it was asked last."""

    def __init__(
        self,
        *,
        failover: list[dict[str, Any]] | None = None,
        bot: BotCapabilities = NO_VOICE,
        audio: bool = True,
        **values: Any,
    ) -> None:
        lists = {"general": failover or []}
        given = configured(failoverActivities=lists, **{"connectOnPrompt": False, **values})
        self.engine = Conversation(given, LegCapabilities(audio=audio), bot)
        self.now = 0.0
        self.produced: list[Command] = []

    @property
    def phase(self) -> Phase:
        return self.engine.phase

    def feed(self, *happened: Event) -> "Call":
        for event in happened:
            self.produced += self.engine.handle(event, self.now)
        return self

    def talking(self) -> "Call":
        """The bot has joined and greeted, and its greeting has been heard."""
        self.feed(events.CallArrived(start=START), events.BotJoined(), says("Hello."))
        self.feed(events.PlaybackDone(utterance=1, heard_ms=700, total_ms=700))
        self.produced.clear()
        return self

    def transferring(self, *, notify: bool) -> "Call":
        """A call that is being moved."""
        params = {**TO_A_DESK, "transferNotifications": notify}
        self.talking().feed(events.BotSpoke(activities.event("transfer", activity_params=params)))
        self.produced.clear()
        return self

    def due(self) -> "Call":
        """The engine's deadline comes."""
        assert self.engine.deadline is not None
        self.now = self.engine.deadline
        return self.feed(events.DeadlinePassed())

    def over(self, utterance: int, heard_ms: float = 700) -> "Call":
        """A prompt was heard to its end, or stopped with ``heard_ms`` of 0."""
        done = events.PlaybackDone(
            utterance=utterance, heard_ms=heard_ms, total_ms=700, interrupted=not heard_ms
        )
        return self.feed(done)

    def shown(self) -> list[str]:
        """Everything since this was asked last, as a transcript writes it."""
        produced, self.produced = self.produced, []
        return [written(command) for command in produced]

    def of(self, kind: type[Command]) -> list[Any]:
        """The commands of one kind since this was asked last."""
        found = [command for command in self.produced if isinstance(command, kind)]
        self.produced = [c for c in self.produced if not isinstance(c, kind)]
        return found

    def told(self) -> list[str | None]:
        """The names of what the bot was told."""
        return [command.activity.name for command in self.of(commands.SendToBot)]

    def finish(self) -> tuple[str, str, str]:
        """Who ended the call, the code and the cause."""
        (finish,) = self.of(commands.Finish)
        assert self.phase is Phase.ENDED
        assert self.engine.deadline is None
        return finish.ended_by, finish.reason_code, finish.cause
