"""A desk for carriers without a database: a session host, a bot and what became of its calls."""

import asyncio
from typing import Any
from uuid import uuid4

from bots.core.catalogue import of
from bots.core.params.declare import Level, ParamSet
from bots.core.params.resolve import Layer, resolve
from bots.core.registry import Kind, NoParams, plugin
from bots.net import Outbound
from bots.selectors import CallConfiguration, Configured
from calls.core.dialout import DialoutOrder
from calls.dialout.port import Desk
from calls.facts import CallClosed, CallOpened, DialoutAnswered, LineHeard
from calls.session.host import SessionHost
from tests import plugins as _plugins  # noqa: F401 - registers the test plug-ins

DIALOGUE = {
    "states": {
        "start": {
            "say": "How can I help you?",
            "answers": [
                {"phrases": ["my bill"], "say": "Forty dollars. Anything else?"},
                {"phrases": ["no"], "say": "Goodbye.", "hangup": "done"},
                {"phrases": ["agent"], "transfer": {"target": "tel:+15550100"}},
                {"digits": "12", "say": "You pressed one and two. Anything else?"},
            ],
            "noMatch": {"say": "Pardon?"},
            "noInput": {"say": "Hello?", "retries": 1, "then": {"hangup": "silent"}},
        }
    }
}


def configured(
    carrier: str, *, bot: str = "script", speech: bool = False, **params: Any
) -> CallConfiguration:
    """A bot with a carrier; with ``speech`` it hears and speaks by the test plug-ins."""
    names: dict[Kind, str] = {"bot": bot, "vad": "tones", "carrier": carrier}
    if speech:
        names |= {"stt": "tones", "tts": "tones"}
    plugins = {kind: plugin(kind, name) for kind, name in names.items()}
    values = {"scriptDialogue": DIALOGUE, **params} if bot == "script" else params
    resolved = resolve(of(plugins.values()), [Layer(Level.BOT, "bot test", values)])

    def part(kind: Kind) -> Configured | None:
        if kind not in plugins:
            return None
        chosen: ParamSet = resolved[plugins[kind].params]
        return Configured(
            kind=kind, plugin=names[kind], provider="", params=chosen, credentials=NoParams()
        )

    connector, vad = part("bot"), part("vad")
    assert connector is not None
    assert vad is not None
    return CallConfiguration(
        bot_id=1, bot="test", revision=1, resolved=resolved, connector=connector, vad=vad,
        stt=part("stt"), tts=part("tts"), carrier=part("carrier"),
    )  # fmt: skip


class Office:
    """A session host without records' writer, its desk, and the facts of its calls."""

    def __init__(self, configuration: CallConfiguration) -> None:
        self.host = SessionHost()
        self.desk = Desk(
            host=self.host,
            configuration=configuration,
            outbound=Outbound(),
            callback_url="",
        )
        chosen = configuration.carrier
        assert chosen is not None
        factory = plugin("carrier", chosen.plugin).factory
        self.carrier = factory(chosen.params, chosen.credentials)

    @property
    def bot(self) -> Any:
        """The connector that the calls use."""
        return self.host._shelf.of(self.desk.configuration).connector

    async def until_idle(self) -> None:
        """Wait until every call is over."""
        while tasks := [t for t in asyncio.all_tasks() if "call " in f"{t.get_name()} "]:
            await asyncio.wait(tasks)

    def facts(self, kind: type) -> list[Any]:
        """What was recorded, of one kind."""
        return [fact for fact in self.host._records._queue if isinstance(fact, kind)]

    @property
    def opening(self) -> CallOpened:
        """How the only call was recorded to begin."""
        (opened,) = self.facts(CallOpened)
        assert isinstance(opened, CallOpened)
        return opened

    @property
    def answered(self) -> bool:
        """Whether somebody picked up."""
        return bool(self.facts(DialoutAnswered))

    @property
    def end(self) -> CallClosed:
        """How the only call ended."""
        (closed,) = self.facts(CallClosed)
        assert isinstance(closed, CallClosed)
        return closed

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The transcript."""
        return [(fact.side, fact.text) for fact in self.facts(LineHeard)]


def order(target: str, **fields: Any) -> DialoutOrder:
    """An order for that target."""
    made = {"dialout_id": str(uuid4()), "bot": "test", "caller": "+15550123", **fields}
    return DialoutOrder(target=target, **made)
