"""The caller's ear, mouth and mind during one call. Pure; times are seconds since the call began.

The owner tells it what the bot did (`take`) and asks for each 20 ms what the caller does (`frame`).
"""

from collections import deque
from typing import Any

import msgspec

from bots.core.activities import Activity, event, message
from bots.core.audio import FRAME_MS, AudioFormat
from bots.protocols import ac_bot_api as wire
from calls.testcall.flow import Flow, Step
from calls.testcall.judgement import judge_prompt
from calls.testcall.ledger import Kind, Ledger, TurnTaken
from calls.testcall.mouth import Mouth, Spoken
from calls.testcall.plan import AXIS, CallPlan, Digits, Turn, Utterance
from calls.testcall.playback import Playback, Prompt

FRAMES_PER_DIGIT = 10
"""Between two digits of a turn."""
FORGOTTEN_SECONDS = 5.0
"""A play stream without audio for so long was forgotten by the bot."""
FALSE_ALARM_SECONDS = 2.0
"""A barge-in so long after the caller's last sound was caused by nothing the caller said."""


class End(msgspec.Struct, frozen=True, kw_only=True):
    """The call is to be ended, in the protocol's words."""

    by: str
    reason_code: str
    reason: str


CALLER_DONE = End(by="caller", reason_code="client-disconnected", reason="Client Side")


class Deeds(msgspec.Struct, frozen=True, kw_only=True):
    """What the caller does in one frame."""

    audio: bytes
    activities: tuple[Activity, ...] = ()
    end: End | None = None


class Conversation:
    """What is said and heard; ``said`` and ``heard`` are on one axis of time, frame by frame."""

    def __init__(self, plan: CallPlan, ledger: Ledger) -> None:
        self.said = bytearray()
        self.heard = bytearray()
        self._plan = plan
        self._ledger = ledger
        self._playback = Playback()
        self._mouth = Mouth(AXIS)
        self._flow = Flow(len(plan.turns), interrupt=plan.interrupt)
        self._keys: deque[str] = deque()
        self._voice_began = self._voice_heard = float("-inf")
        self._barge_in_default = False

    @property
    def caller_speaking(self) -> bool:
        """Whether the caller is in the middle of a turn."""
        return self._mouth.speaking or bool(self._keys)

    @property
    def farewell(self) -> End | None:
        """How the bot ends the call once its prompts were heard, if it wants to."""
        pending = self._playback.pending
        return _end_of(pending) if pending is not None else None

    def begin(self, audio: AudioFormat, at: float) -> None:
        """The call is up; ``audio`` is the format of the caller's stream."""
        self._mouth = Mouth(audio)
        self._flow.begin(at)

    def lose_socket(self) -> None:
        """The open play stream is over with its socket."""
        self._playback.stop()

    # --- what the bot does ----------------------------------------------------------------------

    def take(self, what: wire.ClientEvent, at: float) -> None:
        """Something the bot sent during the call."""
        match what:
            case wire.PlayAudio(_, audio):
                self._playback.push(audio, at)
            case wire.PlayStarted():
                self._start_stream(what, at)
            case wire.PlayStopped():
                self._stop_stream(at)
            case wire.SpeechStarted():
                self._bot_hears_voice(at)
            case wire.SpeechHypothesis(text):
                self._bot_hears_voice(at)
                self._ledger.say(at, "hypothesis", text)
            case wire.SpeechRecognition():
                self._recognised(what, at)
            case wire.ActivitiesReceived(activities):
                for activity in activities:
                    self._take_activity(activity, at)

    def _start_stream(self, started: wire.PlayStarted, at: float) -> None:
        if started.media_format not in self._plan.media_formats:
            self._ledger.fault(
                at, f"a prompt came as {started.media_format.value}, which was not offered"
            )
        barge_in = (started.activity_params or {}).get("bargeIn", self._barge_in_default)
        self._ledger.prompts += 1
        self._playback.start(Prompt(started, arrived_at=at, barge_in=barge_in is True))

    def _stop_stream(self, at: float) -> None:
        prompt = self._playback.stop()
        if prompt is not None:
            judge_prompt(prompt, self._ledger, at)

    def _close_forgotten_stream(self, at: float) -> None:
        prompt = self._playback.open
        if prompt is not None and prompt.waiting and at - prompt.fed_at > FORGOTTEN_SECONDS:
            self._ledger.fault(
                at, f"{prompt.name} was left open without audio for {FORGOTTEN_SECONDS:g} s"
            )
            self._stop_stream(at)

    def _recognised(self, recognition: wire.SpeechRecognition, at: float) -> None:
        confidence = recognition.confidence
        detail = "" if confidence is None else f"confidence {confidence:.2f}"
        self._ledger.say(at, "heard", recognition.text, detail)
        spoken = [turn for turn in self._ledger.turns if turn.spoken]
        if spoken and recognition.text:
            spoken[-1].recognised = f"{spoken[-1].recognised} {recognition.text}".strip()
            spoken[-1].confidence = confidence

    def _take_activity(self, activity: Activity, at: float) -> None:
        for scope in (activity.session_params, activity.activity_params):
            if scope is not None and (
                scope is activity.session_params or activity.event == "config"
            ):
                self._barge_in_default = scope.get("bargeIn", self._barge_in_default) is True
        if activity.kind == "message":
            self._bot_wrote(activity.text or "", at)
        elif activity.event in ("hangup", "transfer", "handover"):
            self._playback.queue(activity)
        elif activity.event == "abortprompts":
            self._silence(at, for_voice=False)
        else:
            self._ledger.say(at, "event", activity.name or activity.type, _shown(activity))

    def _bot_wrote(self, text: str, at: float) -> None:
        self._ledger.say(at, "bot", text, "" if self._plan.text_session else "text, not spoken")
        if self._plan.text_session:
            self._ledger.prompts += 1
            self._answered(at, at)

    def _bot_hears_voice(self, at: float) -> None:
        prompt = self._playback.current
        if prompt is not None and prompt.barge_in:
            self._silence(at, for_voice=True)

    def _silence(self, at: float, *, for_voice: bool) -> None:
        """The bot falls silent at once, by the caller's voice or by its own will."""
        cut = self._playback.flush()
        if cut is None or not cut.heard_ms:
            return
        detail = f"after {cut.heard_ms / 1000:.1f} s of the prompt"
        turn = self._ledger.turns[-1] if self._ledger.turns else None
        over = turn is not None and turn.over_prompt and self._voice_began >= turn.began_at
        if turn is not None and over and turn.barge_in_ms is None:
            turn.barge_in_ms = (at - self._voice_began) * 1000
            detail = f"{turn.barge_in_ms:.0f} ms after the caller's first sound, {detail}"
        elif for_voice and at - self._voice_heard > FALSE_ALARM_SECONDS:
            self._ledger.fault(at, "a prompt was cut off although the caller was silent")
        self._ledger.say(at, "barge-in", "the bot fell silent", detail)

    # --- what the caller does -------------------------------------------------------------------

    def frame(self, at: float, *, talking: bool) -> Deeds:
        """The next 20 ms, due at ``at``; ``talking``: the call is up and nobody ends it."""
        self._close_forgotten_stream(at)
        heard = self._playback.next_frame(acting=talking)
        for prompt in heard.began:
            self._ledger.say(at, "bot", prompt.text or "(no text)")
            self._answered(prompt.arrived_at, at)
        self._ledger.starved_ms += sum(prompt.starved_ms for prompt in heard.finished)
        spoken = self._mouth.next_frame()
        self.said += spoken.pcm
        self.heard += heard.pcm
        self._notice_own_voice(spoken, at)
        if heard.due is not None:
            return Deeds(audio=spoken.wire, end=_end_of(heard.due))
        if not talking or self._mouth.speaking:
            return Deeds(audio=spoken.wire)
        if self._keys:
            return Deeds(audio=spoken.wire, activities=self._press(at))
        return self._next_turn(spoken, at)

    def _next_turn(self, spoken: Spoken, at: float) -> Deeds:
        busy, prompt = self._playback.busy, self._playback.current
        step = self._flow.next_step(at, busy=busy, prompt=prompt)
        if step is Step.HANG_UP:
            return Deeds(audio=spoken.wire, end=CALLER_DONE)
        if step is Step.STOP_WAITING:
            self._bot_kept_silent(at)
        if step not in (Step.SPEAK, Step.SPEAK_OVER):
            return Deeds(audio=spoken.wire)
        turn = self._plan.turns[-self._flow.turns_left]
        return Deeds(
            audio=spoken.wire, activities=self._begin(turn, at, over=step is Step.SPEAK_OVER)
        )

    def _begin(self, turn: Turn, at: float, *, over: bool) -> tuple[Activity, ...]:
        spoken = isinstance(turn, Utterance)
        taken = TurnTaken(said=turn.label, spoken=spoken, began_at=at, over_prompt=over and spoken)
        self._ledger.turns.append(taken)
        kind: Kind = "digits" if isinstance(turn, Digits) else "caller"
        self._ledger.say(at, kind, turn.label, "over the bot" if over else "")
        if isinstance(turn, Utterance):
            self._mouth.say(turn)
        elif isinstance(turn, Digits):
            self._keys.extend(turn.digits)
        else:
            self._turn_ended(at)
            return (message(turn.label, language=self._plan.language),)
        return ()

    def _press(self, at: float) -> tuple[Activity, ...]:
        """One key at a time, at a human pace; the frames of the call are the clock."""
        if (len(self.said) // AXIS.bytes_for_ms(FRAME_MS)) % FRAMES_PER_DIGIT:
            return ()
        digit = self._keys.popleft()
        if not self._keys:
            self._turn_ended(at)
        return (event("DTMF", value=digit, language=self._plan.language),)

    def _notice_own_voice(self, spoken: Spoken, at: float) -> None:
        if spoken.voice_began:
            self._voice_began = at
        if self._mouth.speaking:
            self._voice_heard = at
        if spoken.voice_ended:
            self._turn_ended(at + FRAME_MS / 1000)

    def _turn_ended(self, at: float) -> None:
        self._ledger.turns[-1].ended_at = at
        self._flow.caller_done(at)

    def _answered(self, arrived_at: float, at: float) -> None:
        turn = self._ledger.turns[-1] if self._ledger.turns else None
        waited_for = self._flow.bot_spoke(arrived_at, at)
        if waited_for and turn is not None and turn.ended_at is not None:
            turn.answer_delay_ms = (at - turn.ended_at) * 1000

    def _bot_kept_silent(self, at: float) -> None:
        if self._ledger.turns:
            said = self._ledger.turns[-1].said
            self._ledger.fault(at, f'the bot did not answer "{said}"')
        else:
            self._ledger.note("the bot did not greet")
            self._flow.greeted = True


def _end_of(activity: Activity) -> End:
    """How ``hangup`` and ``transfer`` end a call (reference: call-end reason codes)."""
    if activity.event == "hangup":
        reason = str(activity.parameter("hangupReason") or "Bot hung up")
        return End(by="bot", reason_code="bot-disconnected", reason=reason)
    target = str(activity.parameter("transferTarget") or "the default target")
    return End(by="bot", reason_code="transferred", reason=f"Transferred to {target}")


def _shown(activity: Activity) -> str:
    """The parameters of an event, short enough for one line."""
    told: dict[str, Any] = {}
    for scope in (activity.parameters, activity.session_params, activity.activity_params):
        told |= scope or {}
    if activity.value is not None:
        told["value"] = activity.value
    return msgspec.json.encode(told).decode()[:200] if told else ""
