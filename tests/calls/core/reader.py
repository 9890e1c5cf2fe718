"""Reads conversation transcripts (tests/transcripts/engine/*.txt) and plays them to the engine.

``0.4 > Event(arguments)`` happens at 0.4 s; every ``0.4 < command`` line that follows must come
out, in this order and no other. ``params name=value ...`` (JSON values) configures the call;
``text session`` makes the voice side speak and recognise itself. After every event the engine must
have a deadline, until it has finished; ``deadline 5.4`` demands an exact one.
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
from bots.core.params.sections.barge_in import BargeIn
from bots.core.params.sections.call_control import CallControl
from bots.core.params.sections.dtmf import Dtmf
from bots.core.params.sections.speech import Speech
from bots.core.params.sections.timeouts import Timeouts
from calls.core import commands, events
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.ports import LegCapabilities

START = activities.event("start", parameters={"caller": "+15550100", "callee": "+15550199"})
CATALOGUE = Catalogue([Speech, BargeIn, Dtmf, Timeouts, CallControl])
NAMES: dict[str, Any] = {
    **{name: value for name, value in vars(events).items() if isinstance(value, type)},
    "START": START,
    "Fault": Fault,
    "message": activities.message,
    "event": activities.event,
}


def configured(**values: Any) -> Resolved:
    """The parameters of a bot that sets ``values``, by wire name."""
    return resolve(CATALOGUE, [Layer(Level.BOT, "bot test", values)])


def says(text: str, **fields: Any) -> events.BotSpoke:
    """The bot says ``text``."""
    return events.BotSpoke(activities.message(text, **fields))


NAMES["says"] = says


def written(command: Command) -> str:
    """One command as a transcript writes it."""
    match command:
        case commands.Prepare():
            voice = f" voice={command.voice}" if command.voice else ""
            return f"Prepare {command.text!r} {command.language}{voice}"
        case commands.Play():
            voice = f" voice={command.voice}" if command.voice else ""
            cut = "" if command.interruptible else " uninterruptible"
            return f"Play {command.utterance} {command.text!r} {command.language}{voice}{cut}"
        case commands.RecordLine():
            whole = f" of {command.full_text!r}" if command.full_text else ""
            after = f" after {command.delay_ms} ms" if command.delay_ms is not None else ""
            sure = f" {command.confidence}" if command.confidence is not None else ""
            return f"Record {command.side} {command.kind} {command.text!r}{whole}{after}{sure}"
        case commands.SendToBot(activity) | commands.SendToVoiceSide(activity):
            return f"{type(command).__name__} {_activity(activity)}"
        case commands.TransferCall():
            return f"TransferCall {command.target} {command.reason!r}"
        case commands.HangUp():
            return f"HangUp {command.reason_code} {command.reason!r}"
        case commands.Listen(on):
            return f"Listen {'on' if on else 'off'}"
        case commands.ReportFault():
            return f"ReportFault {command.service} {command.fault} {command.detail!r}"
        case commands.Finish():
            result = f" result={command.bot_result}" if command.bot_result else ""
            turns = f"turns={command.turns}"
            return (
                f"Finish by {command.ended_by} {command.reason_code} {command.reason!r} "
                f"{turns}{result}"
            )
        case commands.StopPlayback(utterance):
            return f"StopPlayback {utterance}"
        case commands.ShowInterim(side, text):
            return f"ShowInterim {side} {text!r}"
        case commands.ShowState(state):
            return f"ShowState {state}"
        case _:
            return type(command).__name__


def _activity(activity: Activity) -> str:
    what = activity.text if activity.kind == "message" else activity.name
    value = f" {activity.value!r}" if activity.value is not None else ""
    parameters = activity.parameters if activity is not START else None
    sure = f" {parameters}" if parameters else ""
    return f"{activity.type} {what!r}{value}{sure}"


def play(path: Path) -> list[str]:
    """Play the transcript; answers it as it came out, line by line (equal when all is right)."""
    out: list[str] = []
    values: dict[str, Any] = {}
    capabilities = LegCapabilities(audio=True)
    conversation: Conversation | None = None
    for line in path.read_text().splitlines():
        words = line.split(maxsplit=2)
        if line.startswith("params "):
            pairs = (word.split("=", 1) for word in shlex.split(line)[1:])
            values = {name: _json(value) for name, value in pairs}
        elif line == "text session":
            capabilities = LegCapabilities(audio=False)
        elif line.startswith("deadline "):
            assert conversation is not None
            due = conversation.deadline
            out.append("deadline none" if due is None else f"deadline {round(due, 3):g}")
            continue
        elif len(words) == 3 and words[1] == ">":
            if conversation is None:
                conversation = Conversation(configured(**values), capabilities)
            out.append(line)
            now = float(words[0])
            event = eval(words[2], {}, NAMES)  # test data of our own
            produced = conversation.handle(event, now)
            out += [f"{words[0]} < {written(command)}" for command in produced]
            finished = any(isinstance(command, commands.Finish) for command in produced)
            assert (
                finished
                or conversation.deadline is not None
                or conversation.phase.name
                in (
                    "NEW",
                    "ENDED",
                )
            ), "no wait without a deadline"
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
