"""The form of a dialogue: states, what callers may answer in them, and what follows.

Wire names are camelCase (``noInput``, ``sessionParams``). Ranges and types are checked here; what
only the whole dialogue can tell is checked in `checked`.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from bots.core.activities import Activity
from bots.core.errors import Fault

PLACEHOLDERS = ("heard", "caller", "digits")
"""What ``{…}`` in a line may name: the caller's last words, number and last keys."""
LONGEST_DELAY_MS = 600_000

Path = tuple[str | int, ...]


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _speakable(line: str) -> str:
    if not re.search(r"\w", re.sub(r"\{\w+\}", "", line)):
        raise PydanticCustomError("line", "needs a word of its own, or there may be silence")
    for name in re.findall(r"\{(\w+)\}", line):
        if name not in PLACEHOLDERS:
            known = ", ".join(f"{{{one}}}" for one in PLACEHOLDERS)
            text = "{name} is not a placeholder; there are {known}"
            raise PydanticCustomError("placeholder", text, {"name": f"{{{name}}}", "known": known})
    return line


def _reason_alone(value: Any) -> Any:
    """``true`` and a text are short for a hang-up with no reason and with that reason."""
    if value is True:
        return {}
    return {"reason": value} if isinstance(value, str) else value


def _true_is_a_server_fault(value: Any) -> Any:
    return Fault.SERVER if value is True else value


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=3000),
    AfterValidator(_speakable),
]
Lines = Annotated[tuple[Line, ...], BeforeValidator(_one_or_many), Field(max_length=20)]
StateName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Keys = Annotated[str, StringConstraints(pattern=r"^[0-9*#]{1,20}$")]
EventName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_.-]{0,63}$")]
Delay = Annotated[int, Field(ge=0, le=LONGEST_DELAY_MS)]
Target = Annotated[str, StringConstraints(pattern=r"^((tel|sips?):\S+|\+?[0-9]+)$", max_length=500)]
Reason = Annotated[str, StringConstraints(max_length=200)]
Failure = Annotated[Fault, BeforeValidator(_true_is_a_server_fault)]
Params = dict[str, JsonValue]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Transfer(_Part):
    """Where the call goes (a ``tel:`` or ``sip:`` URI or a number), and why, for the records.

    With ``notifications`` the bot stays and is told by ``transferStatus`` what became of it.
    ``params`` are further parameters of the event, such as ``transferSipHeaders``.
    """

    target: Target
    reason: Reason = ""
    notifications: bool = False
    params: Params = {}


class Hangup(_Part):
    """The end of the call: ``reason`` for the records, ``params`` for the rest of the event."""

    reason: Reason = ""
    params: Params = {}


class Act(_Part):
    """A message or any event, ``delay_ms`` after what came before it.

    ``text`` is a message that nobody checks or fills in: empty, huge or broken, for rehearsals.
    """

    say: Line | None = None
    text: Annotated[str, StringConstraints(max_length=200_000)] | None = None
    event: EventName | None = None
    value: JsonValue = None
    activity_params: Params | None = None
    session_params: Params | None = None
    delay_ms: Delay = 0


class Step(_Part):
    """Something to say and to do, after ``delay_ms``; and at most one thing that ends it.

    Order: session parameters, ``say``, ``do``, then the end: go on in another state, transfer, hang
    up, leave without a word, fail as a service does, or be silent: ``once`` answers nothing to this
    turn, ``forever`` nothing in the rest of the call.
    """

    delay_ms: Delay = 0
    say: Lines = ()
    do: tuple[Act, ...] = Field((), max_length=20)
    goto: StateName | None = None
    transfer: Transfer | None = None
    hangup: Annotated[Hangup, BeforeValidator(_reason_alone)] | None = None
    leave: Literal[True] | None = None
    fail: Failure | None = None
    silent: Literal["once", "forever"] | None = None
    session_params: Params | None = None
    activity_params: Params | None = None

    @property
    def actions(self) -> list[str]:
        """Wire names of what it does after it has spoken."""
        names = ("goto", "transfer", "hangup", "leave", "fail", "silent")
        return [name for name in names if getattr(self, name) is not None]


class Answer(Step):
    """What a caller may say or press, and what follows. ``repeat``: what was said last, again."""

    phrases: tuple[Phrase, ...] = Field((), max_length=100)
    digits: Keys | None = None
    repeat: bool = False

    @property
    def actions(self) -> list[str]:
        """Wire names of what it does after it has spoken."""
        return [*super().actions, "repeat"] if self.repeat else super().actions


class Reaction(Step):
    """What follows an event; with ``value``, only one whose value is equal or has these fields."""

    event: EventName
    value: JsonValue = None

    def fits(self, activity: Activity) -> bool:
        """Whether ``activity`` is such an event."""
        if activity.event != self.event.lower():
            return False
        if isinstance(self.value, dict) and isinstance(activity.value, dict):
            return self.value.items() <= activity.value.items()
        return self.value is None or self.value == activity.value


class Reprompt(_Part):
    """What to say to silence, or to words that match nothing.

    ``say`` comes ``retries`` times in a row, then ``then`` is done; without ``then`` it comes for
    ever. With ``repeat``, or with nothing to say, what was said last is said again.
    """

    say: Lines = ()
    repeat: bool = False
    retries: int = Field(2, ge=0, le=20)
    then: Step | None = None


class State(Step):
    """A place in the dialogue: it speaks and waits for an answer, or it acts and does not wait."""

    answers: tuple[Answer, ...] = Field((), max_length=100)
    events: tuple[Reaction, ...] = Field((), max_length=100)
    no_input: Reprompt | None = None
    no_match: Reprompt | None = None

    @property
    def waits(self) -> bool:
        """Whether something can still happen in it once the state has spoken."""
        told = self.transfer is not None and self.transfer.notifications
        return not self.actions or self.silent == "once" or told


class Join(_Part):
    """How the bot joins a call: after ``delay_ms``, or not at all."""

    delay_ms: Delay = 0
    fail: Failure | None = None


class DialogueForm(_Part):
    """A whole dialogue; what stands outside the states holds in every state."""

    join: Join = Join()
    start: StateName = "start"
    states: dict[StateName, State] = Field(min_length=1, max_length=500)
    answers: tuple[Answer, ...] = Field((), max_length=100)
    events: tuple[Reaction, ...] = Field((), max_length=100)
    no_input: Reprompt = Reprompt()
    no_match: Reprompt = Reprompt()
    session_params: Params | None = None

    def steps(self) -> Iterator[tuple[Path, Step]]:
        """Every step with its path: states, answers, reactions, what follows the last reprompt."""
        yield from _steps_of((), self)
        for name, state in self.states.items():
            yield ("states", name), state
            yield from _steps_of(("states", name), state)


def _steps_of(path: Path, part: DialogueForm | State) -> Iterator[tuple[Path, Step]]:
    for index, answer in enumerate(part.answers):
        yield (*path, "answers", index), answer
    for index, reaction in enumerate(part.events):
        yield (*path, "events", index), reaction
    for name, reprompt in (("noInput", part.no_input), ("noMatch", part.no_match)):
        if reprompt is not None and reprompt.then is not None:
            yield (*path, name, "then"), reprompt.then
