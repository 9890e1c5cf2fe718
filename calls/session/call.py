"""The driver of one call: feeds the engine, carries out its commands, owns the call's tasks.

All of it runs on one event loop. Events are handled one at a time and to the end: an event that a
command causes at once waits until the commands before it are carried out.
"""

import asyncio
import contextvars
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, assert_never
from uuid import UUID

import structlog

from bots.core.params.resolve import Resolved
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.metadata import MetaData
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from bots.selectors import CallConfiguration
from calls.core import commands, events
from calls.core.closing import Cause
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.phases import Phase
from calls.core.ports import CallStart, VoiceLeg
from calls.core.steering import Outcome, Steering
from calls.session.acts import Acts
from calls.session.beginning import arrival_of, conversation_of, names_of
from calls.session.bot import BotLine, stamped
from calls.session.detached import DetachedLeg
from calls.session.heard import Heard
from calls.session.hearing import Hearing
from calls.session.metadata import Posts
from calls.session.onlooker import Onlooker
from calls.session.plugins import CallPlugins
from calls.session.reporter import Reporter
from calls.session.taps import CALLER, Taps
from calls.session.voice import Voice
from calls.session.watched import Watched
from calls.telemetry.frames import TALLY, Frames

OUR_ERROR = "An error inside the gateway ended the call"
Outside = (
    commands.OpenBot
    | commands.SendToBot
    | commands.ControlBot
    | commands.PostMetaData
    | commands.Listen
)
ToVoiceSide = (
    commands.AcceptCall | commands.SendToVoiceSide | commands.TransferCall | commands.HangUp
)

RESUMABLE = frozenset({Phase.TALKING, Phase.TRANSFERRING, Phase.FAILING})
"""Phases in which a lost connection is waited for: the call is taken and not over."""

log = structlog.get_logger(__name__)


class CallSession:
    """One call from arrival to end; `run` is its task.

    The voice side calls `take`, `hear`, `detach` and `attach`, which return at once.
    """

    def __init__(
        self,
        *,
        call_id: UUID,
        configuration: CallConfiguration,
        plugins: CallPlugins,
        leg: VoiceLeg,
        start: CallStart,
        reporter: Reporter,
    ) -> None:
        self.call_id = call_id
        self.start = start
        self.frames = Frames()
        self.named = names_of(call_id, start, configuration)
        self._log = log.bind(**self.named)
        self._context = contextvars.copy_context()
        self._context.run(structlog.contextvars.bind_contextvars, **self.named)
        self._configuration = configuration
        self._parameters = configuration.resolved  # those in force
        self._plugins = plugins
        self.leg = leg
        self._reporter = reporter
        self._loop = asyncio.get_running_loop()
        self.watched = Watched(
            configuration.bot,
            began=self._loop.time(),
            permitted_s=configuration.resolved[Timeouts].max_call_duration_ms / 1000,
            frames=self.frames,
        )
        self._engine = Conversation(
            configuration.resolved, leg.capabilities, plugins.connector.capabilities
        )
        self._events: deque[Event] = deque()
        self._handling = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._posts = Posts(self.take)
        self._timer: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._described = False
        self._acts = Acts()
        self._finish: commands.Finish
        self._group: asyncio.TaskGroup
        self._bot = self._line()
        self._hearing = Hearing(
            plugins,
            self._bot,
            leg=lambda: self.leg,
            kept_back=lambda: self._engine.keeps_speech_back,
            report=self.take,
            frames=self.frames,
        )
        self.taps = Taps(caller=leg.caller_audio, bot=leg.prompt_audio)
        self._voice = Voice(
            plugins.tts,
            taps=self.taps,
            frames=self.frames,
            cached=plugins.cached_tts,
            files=plugins.files,
            streams=self._bot.streams,
            clock=self._loop.time,
            report=self.take,
            spawn=self._spawn,
        )
        self._voice.use(configuration.resolved)

    def _line(self) -> BotLine:
        conversation = conversation_of(self.call_id, self.start, self._configuration, self.leg)
        heard = Heard(
            shown=lambda: self.leg,
            kept_back=lambda: self._engine.keeps_speech_back,
            report=self.take,
        )
        return BotLine(self._plugins.connector, conversation, self.take, heard)

    # --- what the voice side calls --------------------------------------------------------------

    def take(self, what: Event) -> None:
        """Handle an event now, or right after the one that is being handled.

        Events of a call that is over have no effect.
        """
        self._events.append(what)
        if self._handling:
            return
        self._handling = True
        self._context.copy().run(self._handle)

    def _handle(self) -> None:
        try:
            while self._events and not self._over.is_set():
                happened = self._events.popleft()
                now = self._loop.time()
                self._reporter.happened(happened, now)
                for command in self._engine.handle(happened, now):
                    self._reporter.commanded(command, now)
                    self._carry_out(command)
                self._reporter.waited(self._engine.no_inputs, now)
        except Exception:  # noqa: BLE001 - call root
            self._log.exception("call.crashed")
            self._abort()
        finally:
            self._handling = False
        self._arm()

    def hear(self, audio: bytes) -> None:
        """A piece of the caller's audio, in the leg's format."""
        self.frames.came += 1
        if self.taps.on:
            self.taps.push(CALLER, audio)
        self._hearing.push(audio)

    def open_ear(self) -> None:
        """The caller's audio is about to come; safe to call again for a new stream."""
        self.watched.opened(self._loop.time())
        if not self._over.is_set() and (work := self._hearing.open(self._parameters[Speech])):
            self._spawn(work)

    def describe(self, *, caller: str, callee: str) -> None:
        """The voice side told who calls whom; what it tells first counts."""
        if self._described:
            return
        self._described = True
        self._reporter.described(caller=caller, callee=callee)

    def detach(self, leg: VoiceLeg) -> None:
        """The connection of ``leg`` went away without a word; wait for it to come back."""
        if leg is not self.leg or self._over.is_set():
            return
        if self._engine.phase not in RESUMABLE:
            self.take(events.LegLost())
            return
        self._log.info("call.detached")
        self.leg = DetachedLeg(leg)
        self.watched.shut()
        self._voice.detach()
        grace_s = self._configuration.resolved[CallControl].resume_grace_ms / 1000
        self._grace = self._loop.call_later(grace_s, self.take, events.LegLost())

    @property
    def resumable(self) -> bool:
        """Whether a new connection may take the call over, if only to be told that it ends."""
        untold = self._engine.phase is Phase.CLOSING and isinstance(self.leg, DetachedLeg)
        return self._engine.phase in RESUMABLE or untold

    def attach(self, leg: VoiceLeg) -> None:
        """A new connection of a `resumable` call, accepted and with the audio format of the old.

        The call goes on where the caller stopped hearing it.
        """
        self._log.info("call.resumed")
        if self._grace is not None:
            self._grace.cancel()
        before, self.leg = self.leg, leg
        if isinstance(before, DetachedLeg):
            before.hand_over(leg)
        else:
            self._voice.detach()
            before.close()
        self._voice.attach(leg)
        self.take(events.LegResumed())

    def steer(self, act: Steering, by: str, report: Callable[[Outcome], None]) -> None:
        """A person steps in; ``report`` is told what came of it, once or twice.

        A call that is over reports nothing.
        """
        number = self._acts.begin(report)
        self.take(events.SupervisorActed(number=number, by=by, act=act))

    @property
    def audible(self) -> bool:
        """Whether the gateway has the audio of the call, for `taps`."""
        return self.leg.capabilities.audio

    @property
    def onlooker(self) -> Onlooker | None:
        """Who on the voice side watches the call; for as long as it goes on, whatever the leg."""
        return self._reporter.onlooker

    @onlooker.setter
    def onlooker(self, onlooker: Onlooker | None) -> None:
        self._reporter.onlooker = onlooker

    # --- the task -------------------------------------------------------------------------------

    async def run(self) -> None:
        """Carry the call to its end; always ends with a complete CDR and a closed leg."""
        TALLY.begin(self.frames)
        try:
            async with asyncio.TaskGroup() as self._group:
                self.take(arrival_of(self.start))
                await self._over.wait()
                for task in self._tasks:
                    task.cancel()
        except* Exception:  # noqa: BLE001 - call root
            self._log.exception("call.crashed")
            broken = events.EndRequested(
                by="gateway", reason_code="error", reason=OUR_ERROR, cause=Cause.INTERNAL
            )
            self.take(broken)
            await self._over.wait()
        finally:
            try:  # Still going on here means that the task was cancelled.
                self._abort(Cause.SHUTDOWN, "The gateway was stopped at once")
            finally:
                TALLY.end(self.frames)
                await self._bot.close(self._finish.reason_code, self._finish.reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work, context=self._context.copy())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _arm(self) -> None:
        """Wake the engine at its deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if (due := self._engine.deadline) is not None and not self._over.is_set():
            self._timer = self._loop.call_at(due, self.take, events.DeadlinePassed())

    def _carry_out(self, command: Command) -> None:
        match command:
            case (
                commands.Prepare()
                | commands.Play()
                | commands.PlayUrl()
                | commands.PlayStream()
                | commands.DropStream()
                | commands.StopPlayback()
            ):
                self._voice.carry_out(command, self.leg)
            case (
                commands.RecordLine()
                | commands.RecordTurn()
                | commands.RecordAct()
                | commands.RecordReport()
                | commands.ShowInterim()
                | commands.ShowState()
                | commands.ReportAnswer()
                | commands.ReportMachine()
            ):
                self._reporter.record(command, self._engine.turns)
            case (
                commands.OpenBot()
                | commands.SendToBot()
                | commands.ControlBot()
                | commands.PostMetaData()
                | commands.Listen()
            ):
                self._reach_out(command)
            case commands.UseParameters(parameters):
                self._use(parameters)
            case commands.ReportOutcome(number=number, outcome=outcome):
                self._acts.tell(number, outcome)
            case commands.ReportFault(service=service, fault=fault, detail=detail):
                self._log.warning("service.failed", service=service, fault=fault, detail=detail)
            case commands.Finish():
                self._end(command)
            case _:
                self._tell_voice_side(command)

    def _tell_voice_side(self, command: ToVoiceSide) -> None:
        match command:
            case commands.AcceptCall():
                self.leg.accept()
                self._log.info("call.accepted")
            case commands.SendToVoiceSide(activity) | commands.TransferCall(activity=activity):
                self.leg.send(stamped(activity))
            case commands.HangUp(reason_code=code, reason=reason, sip_headers=headers):
                self.leg.hang_up(reason_code=code, reason=reason, sip_headers=headers)
            case _:
                assert_never(command)

    def _reach_out(self, command: Outside) -> None:
        """To the bot, to the recogniser, to another system."""
        match command:
            case commands.OpenBot():
                self._spawn(self._bot.run())
            case commands.SendToBot(activity):
                self._bot.send(activity)
            case commands.ControlBot(number=number, message=message):
                self._spawn(self._bot.direct(number, message))
            case commands.Listen(on):
                self._hearing.listen(on=on)
            case commands.PostMetaData():
                self._posts.send(command, self._parameters[MetaData], self._group)
            case _:
                assert_never(command)

    def _use(self, parameters: Resolved) -> None:
        self._voice.use(parameters)
        self._hearing.use(parameters[Speech])
        self._parameters = parameters

    def _end(self, finish: commands.Finish) -> None:
        self._finish = finish
        self._over.set()
        for timer in (self._grace, self._timer):
            if timer is not None:
                timer.cancel()
        self.taps.end()
        self._acts.end()
        self._reporter.closed(finish, self.frames)
        self._log.info("call.ended", ended_by=finish.ended_by, reason_code=finish.reason_code)
        self.leg.close()

    def _abort(self, cause: Cause = Cause.INTERNAL, reason: str = OUR_ERROR) -> None:
        """End the call at once and without the engine, which may be what broke."""
        if self._over.is_set():
            return
        self._over.set()
        finish = commands.Finish(
            at=self._loop.time(),
            ended_by="gateway",
            reason_code="error",
            reason=reason,
            cause=cause,
            turns=self._engine.turns,
        )
        try:
            self._voice.stop()
            self.leg.hang_up(reason_code=finish.reason_code, reason=finish.reason)
        finally:
            self._end(finish)
