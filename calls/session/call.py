"""The driver of one call: feeds the engine, carries out its commands, owns the call's tasks.

All of it runs on one event loop. Events are handled one at a time and to the end: an event that a
command causes at once waits until the commands before it are carried out.
"""

import asyncio
import itertools
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, assert_never
from uuid import UUID

import structlog

from bots.core.activities import Activity, event
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.metadata import MetaData
from bots.core.params.sections.speech import Speech
from bots.core.ports import BotConversation
from bots.net import outbound
from bots.selectors import CallConfiguration
from calls.core import commands, events
from calls.core.closing import Cause
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.events import Event
from calls.core.phases import Phase
from calls.core.ports import CallStart, VoiceLeg
from calls.core.steering import Outcome, Steering
from calls.session.bot import BotLine, stamped
from calls.session.detached import DetachedLeg
from calls.session.ear import Ear
from calls.session.metadata import post_metadata
from calls.session.plugins import CallPlugins
from calls.session.reporter import Onlooker, Reporter
from calls.session.taps import CALLER, Taps
from calls.session.voice import Voice

OUR_ERROR = "An error inside the gateway ended the call"
MAX_POSTS = 20
"""Posts of metadata that may be under way; what the bot wants posted beyond is not."""

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
        self.frames_in = 0
        self._log = log.bind(call=str(call_id), bot=configuration.bot)
        self._configuration = configuration
        self._parameters = configuration.resolved
        """Those in force."""
        self._plugins = plugins
        self.leg = leg
        self._reporter = reporter
        self._loop = asyncio.get_running_loop()
        self._engine = Conversation(configuration.resolved, leg.capabilities)
        self._events: deque[Event] = deque()
        self._handling = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._posts: set[asyncio.Task[None]] = set()
        """They end by themselves, be it after the call: metadata often comes with a hang-up."""
        self._timer: asyncio.TimerHandle | None = None
        self._grace: asyncio.TimerHandle | None = None
        self._over = asyncio.Event()
        self._described = False
        self._acts = itertools.count(1)
        self._reports: dict[int, Callable[[Outcome], None]] = {}
        """Who is to be told what came of a supervisor's act, by its number."""
        self._finish: commands.Finish
        self._group: asyncio.TaskGroup
        self._ear: Ear | None = None
        self._bot = BotLine(
            plugins.connector,
            BotConversation(
                conversation_id=start.conversation_id,
                bot=configuration.bot,
                language=configuration.resolved[Speech].language,
                caller=start.caller,
                callee=start.callee,
            ),
            self.take,
        )
        self.taps = Taps(caller=leg.caller_audio, bot=leg.prompt_audio)
        self._voice = Voice(
            plugins.tts,
            taps=self.taps,
            cached=plugins.cached_tts,
            files=plugins.files,
            clock=self._loop.time,
            report=self.take,
            spawn=self._spawn,
        )
        self._voice.use(configuration.resolved)

    # --- what the voice side calls --------------------------------------------------------------

    def take(self, what: Event) -> None:
        """Handle an event now, or right after the one that is being handled.

        Events of a call that is over have no effect.
        """
        self._events.append(what)
        if self._handling:
            return
        self._handling = True
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
        self.frames_in += 1
        if self.taps.on:
            self.taps.push(CALLER, audio)
        if self._ear is not None:
            self._ear.push(audio)

    def open_ear(self) -> None:
        """The caller's audio is about to come; safe to call again for a new stream."""
        if self._ear is not None or self._plugins.stt is None or self._over.is_set():
            return
        self._ear = Ear(
            stt=self._plugins.stt,
            vad=self._plugins.vad,
            settings=self._parameters[Speech],
            phrases=self._plugins.connector.phrases(),
            source=self.leg.caller_audio,
            shown=lambda: self.leg,
            kept_back=lambda: self._engine.keeps_speech_back,
            report=self.take,
        )
        self._ear.listen(on=self._engine.listening)
        self._spawn(self._ear.run())

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
        self._voice.detach()
        grace_s = self._configuration.resolved[CallControl].resume_grace_ms / 1000
        self._grace = self._loop.call_later(grace_s, self.take, events.LegLost())

    @property
    def resumable(self) -> bool:
        """Whether a new connection may take the call over, if only to be told that it ends."""
        phase = self._engine.phase
        untold = phase is Phase.CLOSING and isinstance(self.leg, DetachedLeg)
        return phase in RESUMABLE or untold

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
        number = next(self._acts)
        self._reports[number] = report
        self.take(events.SupervisorActed(number=number, by=by, act=act))

    def _tell_supervisor(self, number: int, outcome: Outcome) -> None:
        report = self._reports[number]
        if outcome.status != "accepted":
            del self._reports[number]
        report(outcome)

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
        arrived = events.CallArrived(
            start=self._start_activity(),
            announced=self.start.announced,
            sip_headers=self.start.sip_headers,
            dialout=self.start.dialout,
        )
        try:
            async with asyncio.TaskGroup() as self._group:
                self.take(arrived)
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
            # Still going on here means that the task was cancelled.
            self._abort(Cause.SHUTDOWN, "The gateway was stopped at once")
            await self._bot.close(self._finish.reason_code, self._finish.reason)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = self._group.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _start_activity(self) -> Activity:
        return event(
            "start",
            parameters={
                "vaigConversationId": self.start.conversation_id,
                "caller": self.start.caller,
                "callee": self.start.callee,
            },
        )

    def _arm(self) -> None:
        """Wake the engine at its deadline."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        due = self._engine.deadline
        if due is not None and not self._over.is_set():
            self._timer = self._loop.call_at(due, self.take, events.DeadlinePassed())

    def _carry_out(self, command: Command) -> None:
        match command:
            case commands.OpenBot():
                self._spawn(self._bot.run())
            case commands.AcceptCall():
                self.leg.accept()
                self._log.info("call.accepted")
            case commands.UseParameters(parameters):
                self._voice.use(parameters)
                if self._ear is not None:
                    self._ear.use(parameters[Speech])
                self._parameters = parameters
            case commands.SendToBot(activity):
                self._bot.send(activity)
            case commands.SendToVoiceSide(activity):
                self.leg.send(stamped(activity))
            case commands.Prepare():
                self._voice.prepare(command, self.leg)
            case commands.Play():
                self._voice.play(command, self.leg)
            case commands.PlayUrl():
                self._voice.play_url(command, self.leg)
            case commands.StopPlayback():
                self._voice.stop()
            case commands.Listen(on):
                if self._ear is not None:
                    self._ear.listen(on=on)
            case commands.TransferCall(activity=activity):
                self.leg.send(stamped(activity))
            case commands.PostMetaData() if len(self._posts) < MAX_POSTS:
                post = self._group.create_task(self._post(command))
                self._posts.add(post)
                post.add_done_callback(self._posts.discard)
            case commands.PostMetaData():
                self.take(events.MetaDataSent("too many requests are under way"))
            case commands.HangUp(reason_code=code, reason=reason, sip_headers=headers):
                self.leg.hang_up(reason_code=code, reason=reason, sip_headers=headers)
            case commands.RecordLine():
                self._reporter.line(command, self._engine.turns)
            case commands.RecordTurn():
                self._reporter.turn(command)
            case commands.ShowInterim():
                self._reporter.interim(command)
            case commands.ShowState():
                self._reporter.state(command)
            case commands.RecordAct():
                self._reporter.act(command)
            case commands.ReportOutcome(number=number, outcome=outcome):
                self._tell_supervisor(number, outcome)
            case commands.ReportAnswer():
                self._reporter.answered()
            case commands.ReportMachine(detected=detected):
                self._reporter.detected(detected)
            case commands.ReportFault(service=service, fault=fault, detail=detail):
                self._log.warning("service.failed", service=service, fault=fault, detail=detail)
            case commands.Finish():
                self._end(command)
            case _:
                assert_never(command)

    async def _post(self, command: commands.PostMetaData) -> None:
        params = self._parameters[MetaData]
        sent = await post_metadata(
            outbound(),
            command,
            username=params.send_meta_data_username,
            password=params.send_meta_data_password,
        )
        if sent.problem:
            self._log.warning("metadata.not_sent", **{"pii.problem": sent.problem})
        self.take(sent)

    def _end(self, finish: commands.Finish) -> None:
        self._finish = finish
        self._over.set()
        for timer in (self._grace, self._timer):
            if timer is not None:
                timer.cancel()
        self.taps.end()
        for report in self._reports.values():  # of a call that broke, before the engine could
            report(Outcome(status="failed", detail="The call has ended"))
        self._reports.clear()
        dropped = self._ear.dropped if self._ear is not None else 0
        self._reporter.closed(finish, frames_in=self.frames_in, frames_dropped=dropped)
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
