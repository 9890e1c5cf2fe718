"""Reads conversation transcripts (tests/transcripts/engine/*.txt) and plays them to the engine.

``0.4 > Event(arguments)`` happens at 0.4 s; every ``0.4 < command`` line that follows must come
out, in this order and no other. ``params name=value ...`` (JSON values) configures the call;
``dialled(...)`` is the arrival of an outbound call. ``text session`` makes the voice side speak and
recognise itself, ``bot hears speaks`` the bot. After every event the engine must have a deadline,
until it has finished; ``deadline 5.4`` demands an exact one. ``UseParameters`` shows what has
changed, and a message its language when that is not English.
"""

import json
import shlex
from pathlib import Path
from typing import Any

from bots.core import activities
from bots.core.activities import Activity
from bots.core.errors import Fault
from bots.core.params.declare import Level
from bots.core.params.resolve import Catalogue, Layer, Resolved, resolve
from bots.core.params.sections import COMMON
from bots.core.ports import BotCapabilities
from calls.core import commands, events, steering
from calls.core.commands import Command
from calls.core.dialout import DialoutOrder, MachineDetection
from calls.core.engine import Conversation
from calls.core.phases import Phase
from calls.core.ports import LegCapabilities

START = activities.event("start", parameters={"caller": "+15550100", "callee": "+15550199"})
CATALOGUE = Catalogue(COMMON)
USUAL = {"caller", "callee", "numberMetaData"}
"""Start attributes that no transcript writes."""
NAMES: dict[str, Any] = {
    **{name: value for name, value in vars(events).items() if isinstance(value, type)},
    "START": START,
    "Fault": Fault,
    "Activity": Activity,
    "message": activities.message,
    "event": activities.event,
}


def configured(**values: Any) -> Resolved:
    """The parameters of a bot that sets ``values``, by wire name."""
    return resolve(CATALOGUE, [Layer(Level.BOT, "bot test", values)])


def says(text: str, **fields: Any) -> events.BotSpoke:
    """The bot says ``text``."""
    return events.BotSpoke(activities.message(text, **fields))


def anna(act: steering.Steering, number: int = 1) -> events.SupervisorActed:
    """The supervisor called anna steps in."""
    return events.SupervisorActed(number=number, by="anna", act=act)


def dialled(detection: MachineDetection = "disabled", **order: Any) -> events.CallArrived:
    """An outbound call is to be placed."""
    wanted = DialoutOrder(
        dialout_id="", bot="test", target="tel:+15550123", machine_detection=detection, **order
    )
    return events.CallArrived(start=START, dialout=wanted)


def refused(reason_code: str) -> events.CallerHungUp:
    """The called party did not take the call."""
    return events.CallerHungUp(reason_code=reason_code, reason="")


NAMES |= {"says": says, "anna": anna, "dialled": dialled, "refused": refused}
NAMES |= {name: value for name, value in vars(steering).items() if isinstance(value, type)}


def written(command: Command) -> str:
    """One command as a transcript writes it."""
    match command:
        case commands.Prepare():
            return f"Prepare {command.text!r} {_manner(command)}"
        case commands.Play():
            cut = "" if command.interruptible else " uninterruptible"
            return f"Play {command.utterance} {command.text!r} {_manner(command)}{cut}"
        case commands.PlayUrl():
            kept = " cached" if command.cache else ""
            cut = "" if command.interruptible else " uninterruptible"
            shown = f"{command.url} {command.media_format} {command.text!r}"
            return f"PlayUrl {command.utterance} {shown}{kept}{cut}"
        case commands.PlayStream():
            cut = "" if command.interruptible else " uninterruptible"
            return f"PlayStream {command.utterance} {command.stream} {command.text!r}{cut}"
        case commands.DropStream(stream):
            return f"DropStream {stream}"
        case commands.ControlBot():
            return f"ControlBot {command.number} {command.message}"
        case commands.RecordReport():
            return f"RecordReport {command.name} {command.detail}"
        case commands.PostMetaData():
            return f"PostMetaData {command.url} {command.metadata} {command.timeout_ms} ms"
        case commands.RecordTurn():
            return _turn(command)
        case commands.RecordLine():
            whole = f" of {command.full_text!r}" if command.full_text else ""
            after = f" after {command.delay_ms} ms" if command.delay_ms is not None else ""
            sure = f" {command.confidence}" if command.confidence is not None else ""
            return f"Record {command.side} {command.kind} {command.text!r}{whole}{after}{sure}"
        case commands.SendToBot(activity) | commands.SendToVoiceSide(activity):
            return f"{type(command).__name__} {_activity(activity)}"
        case commands.TransferCall():
            known = {"transferTarget", "handoverReason"}
            more = {
                name: value
                for name, value in (command.activity.activity_params or {}).items()
                if name not in known
            }
            shown = f" {more}" if more else ""
            return f"TransferCall {command.target} {command.reason!r}{shown}"
        case commands.HangUp():
            headers = f" {list(command.sip_headers)}" if command.sip_headers else ""
            return f"HangUp {command.reason_code} {command.reason!r}{headers}"
        case commands.Listen(on):
            return f"Listen {'on' if on else 'off'}"
        case commands.ReportFault():
            return f"ReportFault {command.service} {command.fault} {command.detail!r}"
        case commands.Finish():
            result = f" result={command.bot_result}" if command.bot_result else ""
            cause = f" cause={command.cause}" if command.cause else ""
            recordings = f" recordings={list(command.recordings)}" if command.recordings else ""
            return (
                f"Finish by {command.ended_by} {command.reason_code} {command.reason!r}{cause} "
                f"turns={command.turns}{result}{recordings}"
            )
        case commands.RecordAct():
            muted = " muted" if command.muted else ""
            return f"RecordAct {command.by} {command.name} {command.detail}{muted}"
        case commands.ReportOutcome():
            outcome = command.outcome
            return f"ReportOutcome {command.number} {outcome.status} {outcome.detail!r}"
        case commands.ReportMachine(detected=detected, after_ms=after_ms):
            return f"ReportMachine {detected} after {after_ms} ms"
        case commands.StopPlayback(utterance):
            return f"StopPlayback {utterance}"
        case commands.ShowInterim(side, text):
            return f"ShowInterim {side} {text!r}"
        case commands.ShowState(state):
            return f"ShowState {state}"
        case _:
            return type(command).__name__


def _manner(command: commands.Prepare | commands.Play) -> str:
    voice = f" voice={command.voice}" if command.voice else ""
    return f"{command.language}{voice}{'' if command.cache else ' uncached'}"


def _turn(turn: commands.RecordTurn) -> str:
    """The times of a turn in milliseconds since the caller stopped."""
    moments = {
        "decided": turn.end_decided_at,
        "text": turn.final_text_at,
        "sent": turn.sent_to_bot_at,
        "answered": turn.bot_answered_at,
        "audio": turn.audio_ready_at,
        "heard": turn.audio_sent_at,
        "over": turn.playback_ended_at,
    }
    shown = [
        f"{name}+{round((at - turn.caller_stopped_at) * 1000)}"
        for name, at in moments.items()
        if at is not None
    ]
    agent = f" {turn.agent}" if turn.agent else ""
    return f"Turn {turn.turn} {turn.kind} {' '.join(shown)}{agent}"


def _activity(activity: Activity) -> str:
    what = activity.text if activity.kind == "message" else activity.name
    shown = [f"{activity.type} {what!r}"]
    if activity.language not in (None, "en-US"):
        shown.append(f"in {activity.language}")
    if activity.value is not None:
        shown.append(f"{activity.value!r}")
    hidden = USUAL if activity.name == "start" else set()
    parameters = {
        name: value for name, value in (activity.parameters or {}).items() if name not in hidden
    }
    shown += [str(given) for given in (parameters, activity.activity_params) if given]
    return " ".join(shown)


def _changed(before: Resolved, after: Resolved) -> str:
    """The values that differ, as they are in ``after``."""
    known = before.values()
    changed = {name: value for name, value in after.values().items() if value != known[name]}
    return "".join(f" {name}={value!r}" for name, value in changed.items())


def play(path: Path) -> list[str]:
    """Play the transcript; answers it as it came out, line by line (equal when all is right)."""
    out: list[str] = []
    values: dict[str, Any] = {}
    capabilities, bot = LegCapabilities(audio=True), BotCapabilities()
    conversation: Conversation | None = None
    in_force = configured()
    for line in path.read_text().splitlines():
        words = line.split(maxsplit=2)
        if line.startswith("params "):
            pairs = (word.split("=", 1) for word in shlex.split(line)[1:])
            values = {name: _json(value) for name, value in pairs}
        elif line == "text session":
            capabilities = LegCapabilities(audio=False)
        elif line.startswith("bot "):
            bot = BotCapabilities(hears="hears" in words, speaks="speaks" in words)
        elif line.startswith("deadline "):
            assert conversation is not None
            due = conversation.deadline
            out.append("deadline none" if due is None else f"deadline {round(due, 3):g}")
            continue
        elif len(words) == 3 and words[1] == ">":
            if conversation is None:
                in_force = configured(**values)
                conversation = Conversation(in_force, capabilities, bot)
            out.append(line)
            now = float(words[0])
            event = eval(words[2], {}, NAMES)  # test data of our own
            produced = conversation.handle(event, now)
            for command in produced:
                shown = written(command)
                if isinstance(command, commands.UseParameters):
                    shown += _changed(in_force, command.parameters)
                    in_force = command.parameters
                out.append(f"{words[0]} < {shown}")
            waiting = conversation.phase not in (Phase.NEW, Phase.ENDED)
            assert not waiting or conversation.deadline is not None, "no wait without a deadline"
            continue
        elif len(words) == 3 and words[1] == "<":
            continue
        out.append(line)
    return out


def _json(value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return value
