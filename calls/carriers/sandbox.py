"""Carrier ``sandbox``: outbound calls to callees inside this process, for dialers under test.

It plays VoiceAI Connect: every call is a session of our own side of the voice WebSocket, whose
frames stay in memory. Callees hear the bot and speak by the offline synthesiser, and the bot hears
them by its own speech services, so a whole outbound conversation runs on one machine.
"""

import asyncio
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

import structlog
from pydantic import Field

from bots.core import registry
from bots.core.audio import FRAME_MS
from bots.core.errors import ParameterError, ServiceError
from bots.core.params.declare import ADMINISTRATOR, Level, Param, ParamSet
from bots.core.params.sections.speech import Speech
from bots.core.registry import NoParams
from bots.selectors import CallConfiguration
from calls.carriers.sandbox_line import Line
from calls.carriers.sandbox_numbers import (
    CUT_AFTER_S,
    LATE_REPLY_S,
    NO_SUCH_NUMBER,
    Callee,
    callee_at,
    steps,
)
from calls.carriers.sandbox_voice import Voices
from calls.channels.ac_stream import AcStream
from calls.channels.expected import called_party
from calls.core.dialout import DialoutOrder
from calls.dialout.port import CarrierBusy, CarrierRefused, Desk
from calls.dialouts.matching import ExpectedCall
from calls.session.host import NoCapacity
from calls.session.plugins import voice_of
from calls.testcall.caller import Caller
from calls.testcall.plan import CallPlan, Step

LONGEST_CALL_S = 900.0
OVERTAKEN_S = 10.0
"""How long the reply to an order is kept back at most, for the call to be answered before it."""
BUSY_S = 5.0
"""When to try again while this process takes no more calls, or has no time to synthesise."""
TEXT_FRAME_S = 0.1
"""How often callees of text sessions think; they hear no audio."""

_levels = ADMINISTRATOR | {Level.DIALOUT}
_Text = Annotated[str, Field(min_length=1, max_length=500)]

log = structlog.get_logger(__name__)


class SandboxParams(ParamSet):
    """How the callees of the dialer sandbox behave; which of them is called says the number."""

    SECTION: ClassVar[str] = "Dialer sandbox"

    mode: Annotated[
        Literal["voice", "text"],
        Param(
            help="voice: callees speak and are heard by the bot's speech services. text: they "
            "write, which costs next to nothing; so do all if the bot has no speech services.",
            levels=_levels,
        ),
    ] = Field("voice", alias="sandboxMode")
    ring_ms: Annotated[
        int, Param(help="How long it rings before somebody reacts.", unit="ms", levels=_levels)
    ] = Field(1000, ge=0, le=120_000, alias="sandboxRingMs")
    says: Annotated[
        tuple[_Text, ...],
        Param(
            help="What a callee says, one text after each prompt of the bot, in the bot's "
            "language; empty: what its number has.",
            levels=_levels,
        ),
    ] = Field((), alias="sandboxSays", max_length=50)
    greeting: Annotated[
        _Text, Param(help="What the answering machine says before its tone.", levels=_levels)
    ] = Field(
        "Hello. You have reached the answering machine of somebody who cannot come to the phone "
        "right now. Please leave your name, your number and a short message after the tone, and "
        "your call will be returned as soon as possible.",
        alias="sandboxGreeting",
    )
    keys: Annotated[str, Param(help="What a callee who presses keys presses.", levels=_levels)] = (
        Field("1234#", alias="sandboxKeys", pattern=r"^[0-9*#]{1,50}$")
    )


class _Call:
    """One call under way."""

    def __init__(self, line: Line, stream: AcStream) -> None:
        self.line = line
        self.stream = stream
        self.task = asyncio.get_running_loop().create_task(line.run(stream), name="sandbox call")


_calls: dict[str, _Call] = {}
"""Those of this process, by dialout."""


@registry.register(
    "carrier",
    "sandbox",
    "Dialer sandbox",
    summary="Places calls to callees inside the gateway: they answer, are busy, do not answer, "
    "decline, reach voicemail. Needs no service.",
    params=SandboxParams,
)
class Sandbox:
    """Plays a carrier and the people it reaches."""

    def __init__(self, params: SandboxParams, credentials: NoParams) -> None:
        del credentials
        self._params = params
        self._voices = Voices()

    async def place(self, order: DialoutOrder, desk: Desk) -> str:
        """See `calls.dialout.port.Carrier`; a call has its dialout's id."""
        callee = callee_at(order.target)
        if callee is None:
            raise CarrierRefused("error", NO_SUCH_NUMBER)
        if callee.reply == "refused":
            raise CarrierRefused("error", f"The sandbox refuses {callee.number}, as it is meant to")
        plan = await self._plan(order, callee, desk.configuration)
        if callee.reply == "late":
            await asyncio.sleep(LATE_REPLY_S)
        call = _opened(plan, order, desk)
        if callee.reply == "overtaken":
            await _until_answered(call.line)
        return order.dialout_id

    async def cancel(self, order: DialoutOrder, carrier_call_id: str, desk: Desk) -> None:
        """See `calls.dialout.port.Carrier`; who has answered already is left alone."""
        call = _calls.get(order.dialout_id)
        if call is not None and not call.line.callee.up:
            call.line.hang_up(call.stream)

    async def _voiced(
        self, todo: tuple[Step, ...], language: str, *, tone: bool
    ) -> tuple[Step, ...]:
        try:
            return await self._voices.of(todo, language, tone=tone)
        except ServiceError as error:
            if error.fault.retryable:
                reason = "The sandbox cannot synthesise its callee's voice now"
                raise CarrierBusy(reason, retry_after_s=BUSY_S) from None
            problem = str(error.fault)
        except (LookupError, ParameterError) as error:
            problem = type(error).__name__
        log.warning("sandbox.speechless", problem=problem)
        reason = "The sandbox has no voice for its callee; see sandboxMode and sandboxSays"
        raise CarrierRefused("error", reason)

    async def _plan(
        self, order: DialoutOrder, callee: Callee, configuration: CallConfiguration
    ) -> CallPlan:
        params = self._params
        language = configuration.resolved[Speech].language
        voice = voice_of(configuration)
        text = params.mode == "text" or not (voice.hears and voice.speaks)
        ring_s, pick_up = params.ring_ms / 1000, callee.pick_up
        if pick_up == "no-answer" or ring_s >= order.answer_timeout_s:
            ring_s, pick_up = float(order.answer_timeout_s), "no-answer"
        todo: tuple[Step, ...] = ()
        if pick_up == "answered":
            todo = steps(
                callee, says=params.says, greeting=params.greeting, keys=params.keys, text=text
            )
            todo = await self._voiced(todo, language, tone=callee.manner == "voicemail")
        return CallPlan(
            conversation_id=UUID(order.dialout_id),
            epoch=datetime.now(UTC),
            bot=order.bot,
            caller=order.caller,
            callee=called_party(order.target),
            language=language,
            steps=todo,
            text_session=text,
            transfer=callee.transfer,
            ring=ring_s,
            pick_up=pick_up,
            start={"outboundTarget": order.target, "dialoutMetadata": order.metadata},
            cut_after=CUT_AFTER_S if callee.drops else None,
            timeout=LONGEST_CALL_S,
            frame_s=TEXT_FRAME_S if text else FRAME_MS / 1000,
            recorded=False,
        )


def _opened(plan: CallPlan, order: DialoutOrder, desk: Desk) -> _Call:
    """Have the session opened and its call carried.

    Raises:
        CarrierBusy: this process takes no more calls.
        CarrierRefused: the session was refused.
    """
    try:
        desk.host.admit()
    except NoCapacity as reason:
        raise CarrierBusy(str(reason), retry_after_s=BUSY_S) from None
    line = Line(Caller(plan, asyncio.get_running_loop().time()))
    stream = AcStream(
        bot=order.bot,
        configuration=desk.configuration,
        is_test=True,
        host=desk.host,
        send=line.put,
        close=line.close,
        channel="sandbox",
    )
    stream.expect(ExpectedCall(order=order, configuration=desk.configuration))
    line.open(stream)
    if stream.refusal:
        raise CarrierRefused("error", stream.refusal)
    call = _calls[order.dialout_id] = _Call(line, stream)
    call.task.add_done_callback(lambda task: _over(order.dialout_id, task))
    return call


def _over(dialout_id: str, task: "asyncio.Task[None]") -> None:
    _calls.pop(dialout_id, None)
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("sandbox.call_failed", dialout=dialout_id, exc_info=error)


async def _until_answered(line: Line) -> None:
    try:
        async with asyncio.timeout(OVERTAKEN_S):
            await line.answered.wait()
    except TimeoutError:
        log.info("sandbox.not_overtaken")
