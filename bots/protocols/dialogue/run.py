"""One conversation along a dialogue: activities in, deeds out; no clock, no I/O.

A `Pause` says how long the next deed waits; who carries the deeds out has the clock.
"""

import re
from collections.abc import Iterable
from html import escape

import msgspec

from bots.core import activities
from bots.core.activities import Activity, Json
from bots.core.errors import Fault
from bots.core.ports import BotConversation
from bots.protocols.dialogue.checked import Dialogue
from bots.protocols.dialogue.form import (
    PLACEHOLDERS,
    Act,
    Answer,
    Reaction,
    Reprompt,
    Step,
    Transfer,
)

LONGEST_VALUE = 200
"""Characters of a caller's words, number or keys that a placeholder repeats."""

_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


class Pause(msgspec.Struct, frozen=True):
    """Nothing happens for ``ms`` milliseconds."""

    ms: int


class Leave(msgspec.Struct, frozen=True):
    """The bot closes its side of the conversation; nothing follows."""


class Fail(msgspec.Struct, frozen=True):
    """The bot fails as a service does; nothing follows."""

    fault: Fault


Deed = Activity | Pause | Leave | Fail


class DialogueRun:
    """The place of one call in ``dialogue``."""

    def __init__(self, dialogue: Dialogue, conversation: BotConversation) -> None:
        self._dialogue = dialogue
        self._place: str | None = None
        self._said: list[Activity] = []
        self._silences = 0
        self._mismatches = 0
        self._values = {"heard": "", "caller": _spelled(conversation.caller), "digits": ""}
        self.over = False
        """The bot is gone, silent for ever, or the call has ended: nothing follows."""

    def receive(self, activity: Activity) -> list[Deed]:
        """Take what the caller did; answer what the bot says and does, in order.

        A conversation begins with its first ``start`` event or message. Events that a dialogue has
        no use for are ignored.
        """
        if self.over:
            return []
        kind = activity.event or activity.kind
        if kind in ("hangup", "conversationend"):
            self.over = True
            return []
        if self._place is None:
            return self._begin(activity) if kind in ("start", "message") else []
        match kind:
            case "message":
                return self._spoken(activity.text or "", self._place)
            case "dtmf":
                return self._pressed(activity, self._place)
            case "nouserinput":
                return self._silent(activity, self._place)
            case _:
                reaction = self._reaction(activity, self._place)
                return [] if reaction is None else self._do(reaction)

    def _begin(self, start: Activity) -> list[Deed]:
        if caller := start.parameter("caller"):
            self._values["caller"] = _spelled(str(caller))
        self._place = self._dialogue.start
        first = self._dialogue.states[self._place]
        return [*_settings(self._dialogue.settings()), *self._do(first)]

    def _spoken(self, text: str, place: str) -> list[Deed]:
        self._values["heard"] = " ".join(text[:LONGEST_VALUE].split())
        return self._answered(self._dialogue.matcher(place).spoken(text), place)

    def _pressed(self, pressed: Activity, place: str) -> list[Deed]:
        digits = str(pressed.value or "")
        self._values["digits"] = _spelled(digits)
        answer = self._dialogue.matcher(place).pressed(digits)
        return self._answered(answer or self._reaction(pressed, place), place)

    def _answered(self, answer: Step | None, place: str) -> list[Deed]:
        self._silences = 0
        if answer is not None:
            return self._do(answer)
        self._mismatches += 1
        reprompt = self._dialogue.states[place].no_match or self._dialogue.no_match
        return self._ask_again(reprompt, self._mismatches)

    def _silent(self, silence: Activity, place: str) -> list[Deed]:
        reaction = self._reaction(silence, place)
        if reaction is not None:
            return self._do(reaction)
        self._silences += 1
        reprompt = self._dialogue.states[place].no_input or self._dialogue.no_input
        return self._ask_again(reprompt, self._silences)

    def _reaction(self, activity: Activity, place: str) -> Reaction | None:
        """What follows the event here: the first that fits, the state's before the dialogue's."""
        reactions = (*self._dialogue.states[place].events, *self._dialogue.events)
        return next((reaction for reaction in reactions if reaction.fits(activity)), None)

    def _ask_again(self, reprompt: Reprompt, times: int) -> list[Deed]:
        if reprompt.then is not None and times > reprompt.retries:
            return self._do(reprompt.then)
        again = self._said if reprompt.repeat or not reprompt.say else []
        return [*self._messages(reprompt.say), *again]

    def _do(self, step: Step) -> list[Deed]:
        """Carry out ``step`` and what it leads to, up to where the caller's turn comes."""
        self._silences = self._mismatches = 0
        out = self._deeds(step)
        if isinstance(step, Answer) and step.repeat:
            return [*out, *self._said]
        while step.goto is not None:
            self._place = step.goto
            step = self._dialogue.states[step.goto]
            out += self._deeds(step)
        if messages := [d for d in out if isinstance(d, Activity) and d.kind == "message"]:
            self._said = messages
        return out + self._end(step)

    def _deeds(self, step: Step) -> list[Deed]:
        """All of ``step`` but how it ends."""
        out: list[Deed] = [Pause(step.delay_ms)] if step.delay_ms else []
        out += _settings(step.session_params)
        out += self._messages(step.say, step.activity_params)
        for act in step.do:
            if act.delay_ms:
                out.append(Pause(act.delay_ms))
            out.append(self._activity(act))
        return out

    def _activity(self, act: Act) -> Activity:
        scopes = {"activity_params": act.activity_params, "session_params": act.session_params}
        if act.event is not None:
            return activities.event(act.event, value=act.value, **scopes)
        text = self._filled(act.say) if act.say is not None else act.text or ""
        return activities.message(text, **scopes)

    def _end(self, step: Step) -> list[Deed]:
        """How ``step`` ends; says whether anything can follow."""
        notified = step.transfer is not None and step.transfer.notifications
        stays = step.goto is not None or not step.actions or step.silent == "once" or notified
        self.over = not stays
        if step.transfer is not None:
            return [activities.event("transfer", activity_params=_transfer(step.transfer))]
        if step.hangup is not None:
            reason = {"hangupReason": step.hangup.reason} if step.hangup.reason else {}
            params: Json = {**reason, **step.hangup.params}
            return [activities.event("hangup", activity_params=params or None)]
        if step.fail is not None:
            return [Fail(step.fail)]
        return [Leave()] if step.leave else []

    def _messages(self, lines: Iterable[str], params: Json | None = None) -> list[Activity]:
        return [activities.message(self._filled(line), activity_params=params) for line in lines]

    def _filled(self, line: str) -> str:
        """``line`` with its placeholders filled; what a caller said can never become markup."""
        markup = line.startswith("<")

        def value(found: re.Match[str]) -> str:
            text = self._values[found[1]]
            return escape(text) if markup else re.sub(r"[<>]", "", text)

        return _PLACEHOLDER.sub(value, line)


def _transfer(transfer: Transfer) -> Json:
    params: Json = {"transferTarget": transfer.target}
    if transfer.reason:
        params["handoverReason"] = transfer.reason
    if transfer.notifications:
        params["transferNotifications"] = True
    return params | transfer.params


def _settings(session_params: Json | None) -> list[Activity]:
    if not session_params:
        return []
    return [activities.event("config", session_params=session_params)]


def _spelled(number: str) -> str:
    """A number as it is read out, digit by digit; anything else as it is."""
    digits = number[:LONGEST_VALUE].removeprefix("+")
    return " ".join(digits) if re.fullmatch(r"[0-9*#]+", digits) else number[:LONGEST_VALUE]
