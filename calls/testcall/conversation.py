"""The caller's ear, mouth and mind during one call. Pure; times are seconds since the call began.

The owner tells it what the bot did (`take`) and asks for each 20 ms what the caller does (`frame`).
"""

from collections import deque
from typing import Any

import msgspec

from bots.core.activities import Activity, event, message
from bots.core.audio import FRAME_MS, AudioFormat
from bots.protocols import ac_bot_api as wire
from calls.testcall.flow import Act, Flow
from calls.testcall.judgement import judge_prompt
from calls.testcall.ledger import ActivitySeen, Kind, Ledger, PromptHeard, TurnTaken
from calls.testcall.mouth import Mouth, Spoken
from calls.testcall.plan import (
    AXIS,
    CallPlan,
    Digits,
    Expect,
    ExpectEnd,
    Manner,
    Outcome,
    Step,
    Turn,
    Utterance,
)
from calls.testcall.playback import Playback, Prompt
from calls.testcall.transfer import REASONS, Transfer

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
        self.began_at = 0.0
        """When the first frame of ``said`` and ``heard`` was due."""
        self._plan = plan
        self._ledger = ledger
        self._playback = Playback()
        self._mouth = Mouth(AXIS)
        self._flow = Flow(plan.steps, patience=plan.patience)
        self._keys: deque[tuple[str, float]] = deque()
        self._voice_began = self._voice_heard = float("-inf")
        self._records: dict[Prompt, PromptHeard] = {}
        self._settings: dict[str, Any] = {}
        self._transfer: Transfer | None = None

    @property
    def caller_speaking(self) -> bool:
        """Whether the caller is in the middle of a turn."""
        return self._mouth.speaking or bool(self._keys)

    @property
    def farewell(self) -> End | None:
        """How the bot ends the call once its prompts were heard, if it wants to."""
        pending = self._playback.pending
        return _end_of(pending) if pending is not None else None

    def finish(self, at: float) -> list[Step]:
        """The call ended at ``at``; answers the steps that are left."""
        self._note_expectations(at, busy=False)
        for prompt, record in self._records.items():
            if record.ended_at is None:
                self._prompt_over(prompt, at)
                record.cut = True
        return self._flow.left

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
        barge_in = (started.activity_params or {}).get("bargeIn", self._settings.get("bargeIn"))
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
        self._settings |= activity.session_params or {}
        if activity.event == "config":
            self._settings |= activity.activity_params or {}
        if activity.kind == "message":
            self._bot_wrote(activity.text or "", at)
            return
        told = _parameters(activity)
        name = activity.name or activity.type
        seen = ActivitySeen(at=at, name=name, value=activity.value, parameters=told)
        self._ledger.activities.append(seen)
        if activity.event in ("hangup", "transfer", "handover"):
            self._playback.queue(activity)
        elif activity.event == "abortprompts":
            self._silence(at, for_voice=False)
        else:
            self._ledger.say(at, "event", name, _shown(seen))
            if activity.event == "playurl" and self._plan.text_session:
                self._bot_wrote(str(told.get("playUrlAltText") or told.get("playUrlUrl", "")), at)

    def _bot_wrote(self, text: str, at: float) -> None:
        self._ledger.say(at, "bot", text, "" if self._plan.text_session else "text, not spoken")
        if self._plan.text_session:
            self._ledger.prompts += 1
            self._ledger.heard.append(PromptHeard(text=text, began_at=at, ended_at=at))
            self._answered(text, at, at)

    def _bot_hears_voice(self, at: float) -> None:
        prompt = self._playback.current
        if prompt is not None and prompt.barge_in:
            self._silence(at, for_voice=True)

    def _silence(self, at: float, *, for_voice: bool) -> None:
        """The bot falls silent at once, by the caller's voice or by its own will."""
        cut = self._playback.flush()
        if cut is None or not cut.heard_ms:
            return
        self._prompt_over(cut, at)
        self._records[cut].cut = True
        detail = f"after {cut.heard_ms / 1000:.1f} s of the prompt"
        turn = self._ledger.turns[-1] if self._ledger.turns else None
        over = turn is not None and turn.over_prompt and self._voice_began >= turn.began_at
        if turn is not None and over and turn.barge_in_ms is None:
            turn.barge_in_ms = (at - self._voice_began) * 1000
            cause = "first sound" if turn.spoken else "first key"
            detail = f"{turn.barge_in_ms:.0f} ms after the caller's {cause}, {detail}"
        elif for_voice and at - self._voice_heard > FALSE_ALARM_SECONDS:
            self._ledger.fault(at, "a prompt was cut off although the caller was silent")
        self._ledger.say(at, "barge-in", "the bot fell silent", detail)

    def _prompt_over(self, prompt: Prompt, at: float) -> None:
        record = self._records[prompt]
        record.ended_at = at
        record.heard_ms = prompt.heard_ms
        record.gap_ms = prompt.starved_ms

    # --- what the caller does -------------------------------------------------------------------

    def frame(self, at: float, *, talking: bool) -> Deeds:
        """The next 20 ms, due at ``at``; ``talking``: the call is up and nobody ends it."""
        if not self.heard:
            self.began_at = at
        self._close_forgotten_stream(at)
        due = self._hear(at, talking=talking)
        spoken = self._mouth.next_frame()
        if self._plan.recorded:
            self.said += spoken.pcm
        self._notice_own_voice(spoken, at)
        if due is not None:
            return Deeds(audio=spoken.wire, end=self._leave(due, at))
        if not talking or self._mouth.speaking:
            return Deeds(audio=spoken.wire)
        if self._keys:
            return Deeds(audio=spoken.wire, activities=self._press(at))
        if self._transfer is not None:
            return self._ring(self._transfer, spoken, at)
        return self._go_on(spoken, at)

    def _hear(self, at: float, *, talking: bool) -> Activity | None:
        """Hear 20 ms; answers what is to be done behind them."""
        heard = self._playback.next_frame(acting=talking and self._transfer is None)
        if self._plan.recorded:
            self.heard += heard.pcm
        for prompt in heard.began:
            self._records[prompt] = PromptHeard(text=prompt.text, began_at=at)
            self._ledger.heard.append(self._records[prompt])
            self._ledger.say(at, "bot", prompt.text or "(no text)")
            self._answered(prompt.text, prompt.arrived_at, at)
        for prompt in heard.finished:
            self._ledger.starved_ms += prompt.starved_ms
            if prompt in self._records:  # else it had no audio
                self._prompt_over(prompt, at + FRAME_MS / 1000)
        return heard.due

    def _leave(self, activity: Activity, at: float) -> End | None:
        """The bot hangs up or transfers; None: it wants to know what becomes of the transfer."""
        wanted = activity.parameter("transferNotifications")
        notified = self._settings.get("transferNotifications") if wanted is None else wanted
        if activity.event == "hangup":
            return _end_of(activity)
        if notified is not True:
            return _transferred(activity, self._plan.transfer)
        self._transfer = Transfer(activity, self._plan.transfer, at)
        self._ledger.say(at, "event", "transfer", _end_of(activity).reason)
        return None

    def _ring(self, transfer: Transfer, spoken: Spoken, at: float) -> Deeds:
        if not transfer.over(at):
            return Deeds(audio=spoken.wire)
        self._transfer = None
        self._ledger.say(at, "event", "transfer", self._plan.transfer)
        end = _end_of(transfer.activity) if transfer.answered else None
        told = (transfer.status(self._plan.language),)
        return Deeds(audio=spoken.wire, activities=told, end=end)

    def _go_on(self, spoken: Spoken, at: float) -> Deeds:
        """The next step of the plan, or the wait for its time."""
        busy, prompt = self._playback.busy, self._playback.current
        self._note_expectations(at, busy=busy)
        act = self._flow.next_act(at, busy=busy, prompt=prompt)
        step = self._flow.step
        if act is Act.HANG_UP:
            return Deeds(audio=spoken.wire, end=CALLER_DONE)
        if act is Act.STOP_WAITING:
            self._bot_kept_silent(at)
        elif act is Act.GIVE_UP:
            self._ledger.fault(at, _disappointment(step, self._plan.patience))
            self._flow.skip(at)
        elif act in (Act.SPEAK, Act.SPEAK_OVER) and isinstance(step, Turn):
            over = act is Act.SPEAK_OVER
            return Deeds(audio=spoken.wire, activities=self._begin(step, at, over=over))
        return Deeds(audio=spoken.wire)

    def _note_expectations(self, at: float, *, busy: bool) -> None:
        for met in self._flow.met(at, busy=busy):
            self._ledger.met.append(met)
            self._ledger.say(at, "expected", met.text, "" if met.told else "its text is not told")

    def _begin(self, turn: Turn, at: float, *, over: bool) -> tuple[Activity, ...]:
        spoken = isinstance(turn, Utterance)
        manner = self._flow.manner
        judged = manner is not Manner.TALK_OVER and not self._flow.judged_by_plan
        taken = TurnTaken(
            said=turn.label,
            spoken=spoken,
            began_at=at,
            over_prompt=over,
            must_be_heard=judged,
            must_silence=spoken and over and manner is Manner.INTERRUPT,
        )
        self._ledger.turns.append(taken)
        self._flow.turn_begun()
        kind: Kind = "digits" if isinstance(turn, Digits) else "caller"
        self._ledger.say(at, kind, turn.label, "over the bot" if over else "")
        if isinstance(turn, Utterance):
            self._mouth.say(turn)
        elif isinstance(turn, Digits):
            self._voice_began = self._voice_heard = at
            self._keys.extend((key, at + n * turn.gap) for n, key in enumerate(turn.digits))
            return self._press(at)
        else:
            self._turn_ended(at)
            return (message(turn.label, language=self._plan.language),)
        return ()

    def _press(self, at: float) -> tuple[Activity, ...]:
        """The key that is due, if one is."""
        digit, due = self._keys[0]
        if at < due - FRAME_MS / 2000:
            return ()
        self._keys.popleft()
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

    def _answered(self, text: str, arrived_at: float, at: float) -> None:
        turn = self._ledger.turns[-1] if self._ledger.turns else None
        waited_for = self._flow.bot_spoke(arrived_at, at, text)
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


def _transferred(activity: Activity, outcome: Outcome) -> End:
    """How a call ends whose bot does not want to know what becomes of the transfer."""
    if outcome == "answered":
        return _end_of(activity)
    return End(by="bot", reason_code="error", reason=f"Transfer failed: {REASONS[outcome]}")


def _disappointment(step: Step | None, patience: float) -> str:
    """What an expectation that did not come true reads like."""
    if isinstance(step, Expect):
        return f'the bot did not say "{step.text}" within {patience:g} s'
    assert isinstance(step, ExpectEnd)  # noqa: S101 - nothing else is waited for
    return f'the call did not end as "{step.reason}" within {patience:g} s'


def _parameters(activity: Activity) -> dict[str, Any]:
    """All parameters of an event, the stronger scope winning."""
    told: dict[str, Any] = {}
    for scope in (activity.parameters, activity.session_params, activity.activity_params):
        told |= scope or {}
    return told


def _shown(seen: ActivitySeen) -> str:
    """The parameters of an event, short enough for one line."""
    told = seen.parameters if seen.value is None else {**seen.parameters, "value": seen.value}
    return msgspec.json.encode(told).decode()[:200] if told else ""
