"""The form of a dialogue: states, what callers may answer in them, and what follows.

Wire names are camelCase (``noInput``, ``sessionParams``). Ranges and types are checked here; what
only the whole dialogue can tell is checked in `checked`.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Any

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

PLACEHOLDERS = ("heard", "caller", "digits")
"""What ``{…}`` in a line may name: the caller's last words, number and last key."""

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


def _true_is_no_reason(value: Any) -> Any:
    return "" if value is True else value


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=3000),
    AfterValidator(_speakable),
]
Lines = Annotated[tuple[Line, ...], BeforeValidator(_one_or_many), Field(max_length=20)]
StateName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Phrase = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Key = Annotated[str, StringConstraints(pattern=r"^[0-9*#]$")]
Target = Annotated[str, StringConstraints(pattern=r"^((tel|sips?):\S+|\+?[0-9]+)$", max_length=500)]
Reason = Annotated[str, BeforeValidator(_true_is_no_reason), StringConstraints(max_length=200)]
Params = dict[str, JsonValue]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel)


class Transfer(_Part):
    """Where the call goes (a ``tel:`` or ``sip:`` URI or a number), and why, for the records."""

    target: Target
    reason: Reason = ""


class Step(_Part):
    """Something to say, and at most one thing to do after it.

    ``hangup`` is the reason that the records show; empty (``true`` in the data) gives none.
    """

    say: Lines = ()
    goto: StateName | None = None
    transfer: Transfer | None = None
    hangup: Reason | None = None
    session_params: Params | None = None
    activity_params: Params | None = None

    @property
    def actions(self) -> list[str]:
        """Wire names of what it does after it has spoken."""
        choices = {"goto": self.goto, "transfer": self.transfer, "hangup": self.hangup}
        return [name for name, chosen in choices.items() if chosen is not None]


class Answer(Step):
    """What a caller may say or press, and what follows. ``repeat``: what was said last, again."""

    phrases: tuple[Phrase, ...] = Field((), max_length=100)
    digits: Key | None = None
    repeat: bool = False

    @property
    def actions(self) -> list[str]:
        """Wire names of what it does after it has spoken."""
        return [*super().actions, "repeat"] if self.repeat else super().actions


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
    no_input: Reprompt | None = None
    no_match: Reprompt | None = None

    @property
    def waits(self) -> bool:
        """Whether it is the caller's turn once the state has spoken."""
        return not self.actions


class DialogueForm(_Part):
    """A whole dialogue; ``answers`` and reprompts outside the states hold in every state."""

    start: StateName = "start"
    states: dict[StateName, State] = Field(min_length=1, max_length=500)
    answers: tuple[Answer, ...] = Field((), max_length=100)
    no_input: Reprompt = Reprompt()
    no_match: Reprompt = Reprompt()
    session_params: Params | None = None

    def steps(self) -> Iterator[tuple[Path, Step]]:
        """Every step with its path: answers, states, and what follows the last reprompt."""
        yield from _steps_of((), self)
        for name, state in self.states.items():
            yield ("states", name), state
            yield from _steps_of(("states", name), state)


def _steps_of(path: Path, part: DialogueForm | State) -> Iterator[tuple[Path, Step]]:
    for index, answer in enumerate(part.answers):
        yield (*path, "answers", index), answer
    for name, reprompt in (("noInput", part.no_input), ("noMatch", part.no_match)):
        if reprompt is not None and reprompt.then is not None:
            yield (*path, name, "then"), reprompt.then
