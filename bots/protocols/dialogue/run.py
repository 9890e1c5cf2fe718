"""One conversation along a dialogue: activities in, activities out; no clock, no I/O."""

import re
from collections.abc import Iterable
from html import escape

from bots.core import activities
from bots.core.activities import Activity
from bots.core.ports import BotConversation
from bots.protocols.dialogue.checked import Dialogue
from bots.protocols.dialogue.form import PLACEHOLDERS, Answer, Reprompt, Step

LONGEST_VALUE = 200
"""Characters of a caller's words, number or keys that a placeholder repeats."""

_PLACEHOLDER = re.compile(r"\{(" + "|".join(PLACEHOLDERS) + r")\}")


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
        """The bot has hung up or transferred, or the call has ended: nothing follows."""

    def receive(self, activity: Activity) -> list[Activity]:
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
                return self._pressed(str(activity.value or ""), self._place)
            case "nouserinput":
                return self._silent(self._place)
            case _:
                return []

    def _begin(self, start: Activity) -> list[Activity]:
        if caller := start.parameter("caller"):
            self._values["caller"] = _spelled(str(caller))
        self._place = self._dialogue.start
        first = self._dialogue.states[self._place]
        return [*_settings(self._dialogue.settings()), *self._do(first)]

    def _spoken(self, text: str, place: str) -> list[Activity]:
        self._values["heard"] = " ".join(text[:LONGEST_VALUE].split())
        return self._answered(self._dialogue.matcher(place).spoken(text), place)

    def _pressed(self, digits: str, place: str) -> list[Activity]:
        self._values["digits"] = _spelled(digits)
        return self._answered(self._dialogue.matcher(place).pressed(digits), place)

    def _answered(self, answer: Answer | None, place: str) -> list[Activity]:
        self._silences = 0
        if answer is not None:
            return self._do(answer)
        self._mismatches += 1
        reprompt = self._dialogue.states[place].no_match or self._dialogue.no_match
        return self._ask_again(reprompt, self._mismatches)

    def _silent(self, place: str) -> list[Activity]:
        self._silences += 1
        reprompt = self._dialogue.states[place].no_input or self._dialogue.no_input
        return self._ask_again(reprompt, self._silences)

    def _ask_again(self, reprompt: Reprompt, times: int) -> list[Activity]:
        if reprompt.then is not None and times > reprompt.retries:
            return self._do(reprompt.then)
        again = self._said if reprompt.repeat or not reprompt.say else []
        return [*self._messages(reprompt.say), *again]

    def _do(self, step: Step) -> list[Activity]:
        """Carry out ``step`` and what it leads to, up to where the caller's turn comes."""
        self._silences = self._mismatches = 0
        out = [*_settings(step.session_params), *self._messages(step.say, step)]
        if isinstance(step, Answer) and step.repeat:
            return out + self._said
        self._said = [activity for activity in out if activity.kind == "message"]
        while step.goto is not None:
            self._place = step.goto
            step = self._dialogue.states[step.goto]
            spoken = self._messages(step.say, step)
            self._said += spoken
            out += [*_settings(step.session_params), *spoken]
        return out + self._leave(step)

    def _leave(self, step: Step) -> list[Activity]:
        if step.transfer is not None:
            params = {"transferTarget": step.transfer.target}
            if step.transfer.reason:
                params["handoverReason"] = step.transfer.reason
            leaving = activities.event("transfer", activity_params=params)
        elif step.hangup is not None:
            params = {"hangupReason": step.hangup} if step.hangup else {}
            leaving = activities.event("hangup", activity_params=params or None)
        else:
            return []
        self.over = True
        return [leaving]

    def _messages(self, lines: Iterable[str], step: Step | None = None) -> list[Activity]:
        params = None if step is None else step.activity_params
        return [activities.message(self._filled(line), activity_params=params) for line in lines]

    def _filled(self, line: str) -> str:
        """``line`` with its placeholders filled; what a caller said can never become markup."""
        markup = line.startswith("<")

        def value(found: re.Match[str]) -> str:
            text = self._values[found[1]]
            return escape(text) if markup else re.sub(r"[<>]", "", text)

        return _PLACEHOLDER.sub(value, line)


def _settings(session_params: activities.Json | None) -> list[Activity]:
    if not session_params:
        return []
    return [activities.event("config", session_params=session_params)]


def _spelled(number: str) -> str:
    """A number as it is read out, digit by digit; anything else as it is."""
    digits = number[:LONGEST_VALUE].removeprefix("+")
    return " ".join(digits) if re.fullmatch(r"[0-9*#]+", digits) else number[:LONGEST_VALUE]
