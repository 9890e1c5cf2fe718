"""A caller behind VoiceAI Connect: the gateway side of one call, without I/O and without a clock.

Frames go in and out as text; times are seconds on any monotonic clock. The driver calls `connected`
when a WebSocket is up, `received` for each frame, `tick` whenever `next_tick` has come,
`disconnected` when the socket is gone; it sends what these return and then does what `wish` says. A
plan that `CallPlan.rings` makes it the called party of an outbound call. Source: Bot API, streaming
mode, state machine of the client.
"""

from datetime import timedelta
from enum import Enum, StrEnum, auto
from uuid import uuid5

import msgspec

from bots.core.activities import Activity, event
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import ClientState, StreamClient
from calls.testcall.conversation import CALLER_DONE, Conversation, End
from calls.testcall.judgement import judge_call
from calls.testcall.ledger import Ledger
from calls.testcall.plan import AXIS, CallPlan
from calls.testcall.silence import silences
from calls.testcall.transfer import REASONS

CLOSE_SECONDS = 1.0
"""How long the gateway may take to close the socket after ``session.end``."""


class Phase(StrEnum):
    """Where the call stands, worded to complete "the call was lost while ..."."""

    CONNECTING = "connecting"
    REQUESTED = "waiting for session.accepted"
    RINGING = "ringing"
    OPENING = "waiting for userStream.started"
    TALKING = "talking"
    CUT = "reconnecting"
    STOPPING = "waiting for userStream.stopped"
    CLOSING = "ending"
    DONE = "over"


class Wish(Enum):
    """What the driver is to do with the socket."""

    KEEP = auto()
    CUT = auto()
    """Drop it without a word, connect anew and call `Caller.connected`."""
    CLOSE = auto()
    """The call is over; close in order."""


_PATIENCE = {
    Phase.CONNECTING: (10.0, "the gateway did not answer"),
    Phase.REQUESTED: (10.0, "the session request was not answered"),
    Phase.OPENING: (5.0, "userStream.start was not answered"),
    Phase.CUT: (10.0, "the gateway did not answer after the cut"),
    Phase.STOPPING: (2.0, "userStream.stop was not answered"),
}
"""How long the caller waits in a phase, in seconds, and what is wrong when nothing came."""

_NEVER = float("inf")


class Caller:
    """One test call."""

    def __init__(self, plan: CallPlan, now: float) -> None:
        self.ledger = Ledger()
        self.conversation = Conversation(plan, self.ledger)
        self.identity = plan.conversation_id
        self._plan = plan
        self._client = StreamClient(str(plan.conversation_id))
        self._phase = Phase.CONNECTING
        self._began = now
        self._since = 0.0
        self._up_at: float | None = None
        self._frames = 0
        self._cut_at: float | None = None
        self._end: End | None = None
        self._activities = 0
        self._out: list[str] = []

    @property
    def wish(self) -> Wish:
        """What to do with the socket, once everything was sent."""
        if self._phase is Phase.DONE:
            return Wish.CLOSE
        return Wish.CUT if self._phase is Phase.CUT else Wish.KEEP

    @property
    def up(self) -> bool:
        """Whether the call was taken and, if it had to ring, answered."""
        return self._up_at is not None

    @property
    def next_tick(self) -> float:
        """When `tick` is due, on the clock of the arguments."""
        return self._began + (self._frames + 1) * self._plan.frame_s

    # --- from the driver ------------------------------------------------------------------------

    def connected(self, now: float) -> list[str]:
        """A socket is up: ask for a session, or go on with the one that was cut."""
        if self._phase is Phase.CUT:
            self._out.append(self._client.resume())
        else:
            self.ledger.say(self._at(now), "call", f"conversation {self.identity}")
            self._out.append(
                self._client.initiate(
                    bot_name=self._plan.bot,
                    caller=self._plan.caller,
                    expect_audio_messages=not self._plan.text_session,
                    media_formats=() if self._plan.text_session else self._plan.media_formats,
                )
            )
        self._enter(Phase.REQUESTED, self._at(now))
        return self._drain()

    def received(self, frame: str | bytes, now: float) -> list[str]:
        """A frame of the gateway."""
        at = self._at(now)
        for what in self._client.receive(frame):
            self._take(what, at)
        return self._drain()

    def tick(self, now: float) -> list[str]:
        """Let the time pass until ``now``: hear, speak, decide, lose patience."""
        at = self._at(now)
        self._lose_patience(at)
        own_delay_ms = (now - self.next_tick) * 1000
        self.ledger.own_delay_ms = max(self.ledger.own_delay_ms, own_delay_ms)
        while self.next_tick <= now:
            due = self._at(self.next_tick)
            self._frames += 1
            if self._up_at is not None and self._phase not in (Phase.CLOSING, Phase.DONE):
                self._frame(due)
        if self._phase is Phase.RINGING:
            self._ring(at)
        self._maybe_cut(at)
        return self._drain()

    def disconnected(self, now: float, close_code: int | None) -> None:
        """The socket is gone, and not because of `wish`."""
        at = self._at(now)
        farewell = self.conversation.farewell
        if self._phase in (Phase.CUT, Phase.DONE):
            return
        if self._phase is not Phase.CLOSING and farewell is not None:
            # Some bots close at once after hangup or transfer; what was queued is lost.
            self._record_end(farewell, at)
        elif self._phase is not Phase.CLOSING:
            self.ledger.fault(
                at, f"the gateway closed the socket while {self._phase} (code {close_code})"
            )
        self._over(at)

    def unreachable(self, now: float, problem: str) -> None:
        """No socket could be had; ``problem`` says why, as a sentence."""
        self.ledger.fault(self._at(now), problem)
        self._over(self._at(now))

    def hang_up(self, now: float) -> list[str]:
        """The operator wants the call to end now; it ends in order."""
        self._give_up(self._at(now), "the call was broken off by the operator")
        return self._drain()

    # --- what the gateway sent ------------------------------------------------------------------

    def _take(self, what: wire.ClientEvent, at: float) -> None:
        match what:
            case wire.Accepted(media_format):
                self._accepted(media_format, at)
            case wire.Errored(reason):
                self._broken_off(reason, at)
            case wire.UserStreamOpen():
                self._enter(Phase.TALKING, at)
            case wire.UserStreamClosed():
                self._end_session(at)
            case wire.Rejected(problem, unknown_type):
                if unknown_type:
                    self.ledger.note(f"an unknown message was ignored: {problem}")
                else:
                    self.ledger.fault(at, f"the gateway broke the protocol: {problem}")
            case _:
                self.conversation.take(what, at)

    def _broken_off(self, reason: str, at: float) -> None:
        if self._plan.expects_end("error", reason):
            self._record_end(End(by="gateway", reason_code="error", reason=reason), at)
        else:
            asked = "refused" if self._phase is Phase.REQUESTED else "broke off"
            self.ledger.fault(at, f'the gateway {asked} the call: "{reason}"')
        self._over(at)

    def _accepted(self, media_format: wire.MediaFormat | None, at: float) -> None:
        if self._cut_at is not None:
            self.ledger.resumed_after_ms = (at - self._cut_at) * 1000
            self.ledger.say(at, "call", "resumed on a new socket")
        else:
            self.ledger.accepted_after_ms = (at - self._since) * 1000
            self.ledger.media_format = "" if media_format is None else media_format.value
            if not self._usable(media_format, at):
                return
            if self._plan.rings:
                self._enter(Phase.RINGING, at)
                return
            self._begin_call(at)
        self._open_stream(at)

    def _usable(self, media_format: wire.MediaFormat | None, at: float) -> bool:
        """Whether the accepted format is one that was offered."""
        plan = self._plan
        offered = plan.text_session or media_format in plan.media_formats
        kind = "text session" if plan.text_session else self.ledger.media_format or "no format"
        after_ms = self.ledger.accepted_after_ms or 0.0
        detail = f"{kind}, after {after_ms:.0f} ms"
        self.ledger.say(at, "call", "accepted", detail)
        if not offered:
            self._give_up(at, f"the gateway accepted with {kind}, which was not offered")
        return offered

    def _begin_call(self, at: float) -> None:
        """The call is up: send ``start``."""
        plan, media_format = self._plan, self._client.media_format
        self._up_at = at
        audio = AXIS if plan.text_session or media_format is None else media_format.audio
        self.conversation.begin(audio, at)
        parameters = {
            "locale": plan.language,
            "vaigConversationId": str(plan.conversation_id),
            "caller": plan.caller,
            "callee": plan.callee,
            **plan.start,
        }
        self._hand_over((event("start", language=plan.language, parameters=parameters),), at)

    def _open_stream(self, at: float) -> None:
        if self._plan.text_session:
            self._enter(Phase.TALKING, at)
        else:
            self._out.append(self._client.user_stream_start())
            self._enter(Phase.OPENING, at)

    # --- the passing of time --------------------------------------------------------------------

    def _frame(self, due: float) -> None:
        talking = self._phase is Phase.TALKING
        deeds = self.conversation.frame(due, talking=talking)
        if talking and not self._plan.text_session:
            self._out.append(self._client.user_stream_chunk(deeds.audio))
        if deeds.activities:
            self._hand_over(deeds.activities, due)
        if deeds.end is not None:
            self._finish(deeds.end, due)

    def _ring(self, at: float) -> None:
        """Somebody answers, nobody does, or the bot does not wait for it."""
        wanted, plan = self.conversation.farewell, self._plan
        if wanted is not None:
            self._finish(wanted, at)
        elif at - self._since >= plan.ring and plan.pick_up == "answered":
            self._begin_call(at)
            self._open_stream(at)
        elif at - self._since >= plan.ring:
            reason = REASONS[plan.pick_up]
            self._finish(End(by="callee", reason_code=plan.pick_up, reason=reason), at)

    def _lose_patience(self, at: float) -> None:
        patience, problem = _PATIENCE.get(self._phase, (_NEVER, ""))
        if at - self._since > patience:
            self._give_up(at, f"{problem} within {patience:g} s")
        elif self._phase is Phase.CLOSING and at - self._since > CLOSE_SECONDS:
            self._over(at)
        elif self._end is None and self._phase is not Phase.DONE and at > self._plan.timeout:
            self._give_up(at, f"the call was not over after {self._plan.timeout:g} s")

    def _maybe_cut(self, at: float) -> None:
        planned = self._plan.cut_after
        if planned is None or self._cut_at is not None or self._phase is not Phase.TALKING:
            return
        if self._up_at is None or at - self._up_at < planned or self.conversation.caller_speaking:
            return
        self._cut_at = at
        self._client = StreamClient(
            str(self._plan.conversation_id), media_format=self._client.media_format
        )
        self.conversation.lose_socket()
        self.ledger.say(at, "call", "socket cut", "without session.end")
        self._enter(Phase.CUT, at)

    # --- the end --------------------------------------------------------------------------------

    def _finish(self, end: End, at: float) -> None:
        """End the call in order; the caller closes its stream first, a bot's wish is at once."""
        self._record_end(end, at)
        if end.by == "caller" and self._phase is Phase.TALKING and not self._plan.text_session:
            self._out.append(self._client.user_stream_stop())
            self._enter(Phase.STOPPING, at)
        else:
            self._end_session(at)

    def _give_up(self, at: float, sentence: str) -> None:
        """Something is wrong: say so, and end what can be ended."""
        if self._phase in (Phase.CLOSING, Phase.DONE):
            return
        self.ledger.fault(at, sentence)
        if self._end is None:
            self._end = CALLER_DONE
            self.ledger.ended_by = "test"
        self._end_session(at)

    def _record_end(self, end: End, at: float) -> None:
        self._end = end
        self.ledger.ended_by, self.ledger.reason_code = end.by, end.reason_code
        self.ledger.reason = end.reason
        self.ledger.say(at, "end", f"by the {end.by}: {end.reason_code}", end.reason)

    def _end_session(self, at: float) -> None:
        end = self._end or CALLER_DONE
        if self._client.state in (ClientState.REQUESTED, ClientState.ACTIVE):
            self._out.append(self._client.end(end.reason_code, end.reason))
            self._enter(Phase.CLOSING, at)
        else:
            self._over(at)

    def _over(self, at: float) -> None:
        if self._phase is Phase.DONE:
            return
        self._enter(Phase.DONE, at)
        self.ledger.ended_at = at
        talk = self.conversation
        undone = talk.finish(at)
        if self._plan.recorded and not self._plan.text_session:
            self.ledger.silences = silences(bytes(talk.said), bytes(talk.heard), talk.began_at)
        if self.ledger.reason_code:
            cut = self._cut_at is not None
            judge_call(self._plan, self.ledger, at, cut=cut, undone=undone)

    # --- inside ---------------------------------------------------------------------------------

    def _at(self, now: float) -> float:
        return now - self._began

    def _enter(self, phase: Phase, at: float) -> None:
        self._phase = phase
        self._since = at

    def _hand_over(self, activities: tuple[Activity, ...], at: float) -> None:
        """Send activities with the id and timestamp that the protocol demands."""
        stamped = []
        for activity in activities:
            self._activities += 1
            told_at = self._plan.epoch + timedelta(seconds=at)
            stamped.append(
                msgspec.structs.replace(
                    activity,
                    id=str(uuid5(self._plan.conversation_id, str(self._activities))),
                    timestamp=told_at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                )
            )
        self._out.append(self._client.activities(stamped))

    def _drain(self) -> list[str]:
        out, self._out = self._out, []
        return out
