"""A call without a socket and without a database: a leg that writes down what it is told."""

import asyncio
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec

from bots.core.activities import Activity, Json, event
from bots.core.audio import LPCM16_16K
from bots.core.catalogue import of
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer, resolve
from bots.core.ports import BotConnector, BotConversation, SpeechToText, TextToSpeech
from bots.core.registry import Kind, NoParams
from bots.selectors import CallConfiguration, Configured
from calls.core.events import CallerHungUp, CallStarted, Event
from calls.core.ports import CallStart, LegCapabilities
from calls.facts import CallClosed, CallDescribed, LineHeard
from calls.live import LiveFeed
from calls.records import RecordWriter
from calls.session.bot import BotLine
from calls.session.call import CallSession
from calls.session.heard import Heard
from calls.session.plugins import CallPlugins
from calls.session.reporter import Reporter
from tests.plugins import TableBot, TableParams, ToneVad


class Leg:
    """A voice side without a network; ``told`` is what it was told, in order.

    It confirms a hang-up at once when it is ``polite``. ``breaks`` names what raises.
    """

    caller_audio = LPCM16_16K
    prompt_audio = LPCM16_16K
    media = "raw/lpcm16"

    def __init__(self, *, audio: bool = False, polite: bool = True, breaks: str = "") -> None:
        self.capabilities = LegCapabilities(audio=audio)
        self.told: list[Any] = []
        self.session: CallSession | None = None
        self._polite = polite
        self._breaks = breaks
        self._more = asyncio.Event()

    async def until(self, *told: Any) -> None:
        """Wait until the last things told are ``told``."""
        while tuple(self.told[-len(told) :]) != told:
            self._more.clear()
            await self._more.wait()

    def _note(self, *what: Any) -> None:
        self.told.append(what if len(what) > 1 else what[0])
        self._more.set()
        if self._breaks and self._breaks == what[0]:
            raise RuntimeError("a bug in a leg")

    def accept(self) -> None:
        self._note("accept")

    def hang_up(self, *, reason_code: str, reason: str, sip_headers: tuple[Json, ...] = ()) -> None:
        self._note("hang up", reason_code)
        if self._polite and self.session is not None:
            self.session.take(CallerHungUp(reason_code="bot-disconnected", reason=""))

    def play_start(self, utterance: int, *, text: str, interruptible: bool) -> None:
        self._note("start", text)

    def play(self, utterance: int, audio: bytes) -> None:
        """Audio is not written down."""

    def play_stop(self, utterance: int, *, interrupted: bool) -> None:
        self._note("stop", "cut" if interrupted else "whole")

    def send(self, activity: Activity) -> None:
        self._note("send", activity.text or activity.name)

    def show_speech(self, *, text: str, final: bool, confidence: float | None) -> None:
        self._note("speech", text)

    def show_voice(self, *, speaking: bool) -> None:
        self._note("voice", speaking)

    def close(self) -> None:
        self._note("close")


TALK = BotConversation(conversation_id="c-1", bot="demo", language="en-US")
SPOKEN = msgspec.structs.replace(TALK, caller_audio=LPCM16_16K, prompt_audio=LPCM16_16K)


def line_of(
    bot: BotConnector, report: Callable[[Event], None], talk: BotConversation = TALK
) -> BotLine:
    """A line to ``bot`` without a call; what it reports goes to ``report``."""
    heard = Heard(shown=lambda: Leg(audio=True), kept_back=lambda: False, report=report)
    return BotLine(bot, talk, report, heard)


class Line:
    """One call: its session, its task, its bot and the facts that were recorded about it."""

    def __init__(
        self,
        leg: Leg,
        *,
        bot: BotConnector | None = None,
        table: dict[str, list[Any]] | None = None,
        stt: SpeechToText | None = None,
        tts: TextToSpeech | None = None,
        **params: Any,
    ) -> None:
        self.leg = leg
        self.bot = bot or TableBot(TableParams(tableAnswers=table or {}), NoParams())
        self._records = RecordWriter()
        loop = asyncio.get_running_loop()
        call_id = uuid4()
        configuration = call_configured(**params)
        self.session = CallSession(
            call_id=call_id,
            configuration=configuration,
            plugins=CallPlugins(
                connector=self.bot, stt=stt, tts=tts, vad=ToneVad(NoParams(), NoParams())
            ),
            leg=leg,
            start=CallStart(conversation_id="c-1", channel="test", announced=True),
            reporter=Reporter(
                self._records,
                LiveFeed(),
                call_id=call_id,
                started=loop.time(),
                configuration=configuration,
            ),
        )
        leg.session = self.session
        self.task = loop.create_task(self.session.run())

    async def talk(self) -> None:
        """Carry the call to where the bot has been told that it started."""
        await self.leg.until("accept")
        self.session.take(CallStarted(event("start")))

    @property
    def ends(self) -> list[CallClosed]:
        """How the call was recorded to end; one, if all is well."""
        return [fact for fact in self._records._queue if isinstance(fact, CallClosed)]

    @property
    def callers(self) -> list[str]:
        """Who the voice side said was calling, as often as that was recorded."""
        facts = (fact for fact in self._records._queue if isinstance(fact, CallDescribed))
        return [fact.caller for fact in facts]

    @property
    def lines(self) -> list[tuple[str, str]]:
        """The transcript: side and text."""
        facts = (fact for fact in self._records._queue if isinstance(fact, LineHeard))
        return [(fact.side, fact.text) for fact in facts]


def timers() -> list[Callable[..., object]]:
    """What the running loop will still call later."""
    loop: Any = asyncio.get_running_loop()
    return [handle._callback for handle in loop._scheduled if not handle.cancelled()]


def call_configured(**params: Any) -> CallConfiguration:
    """What a call to a bot with these parameters uses, without a database."""
    providers: dict[Kind, str] = {"bot": "brain", "vad": ""}
    chosen = {
        kind: Configured(
            kind=kind, plugin="test", provider=name, params=NoParams(), credentials=NoParams()
        )
        for kind, name in providers.items()
    }
    return CallConfiguration(
        bot_id=1,
        bot="test",
        revision=1,
        resolved=resolve(of(()), [Layer(Level.BOT, "bot test", params)]),
        connector=chosen["bot"],
        stt=None,
        tts=None,
        vad=chosen["vad"],
    )
