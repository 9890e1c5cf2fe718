"""What only a whole dialogue can tell: where names lead, which answers cannot be told apart."""

from collections.abc import Iterator
from difflib import get_close_matches
from typing import Self

from pydantic import PrivateAttr, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from bots.core.errors import ParameterError
from bots.protocols.dialogue.form import (
    Act,
    Answer,
    DialogueForm,
    Params,
    Path,
    Reaction,
    State,
    Step,
)
from bots.protocols.dialogue.matching import Matcher, plain_words

MAX_PHRASES = 2000
"""Of one dialogue; more would keep the event loop busy for milliseconds a turn."""

BOT_EVENTS = (
    "abortPrompts", "config", "expectAnotherBotMessage", "pauseCallRecording", "playUrl",
    "resumeCallRecording", "sendDtmf", "sendMetaData", "startCallRecording", "startRecognition",
    "stopCallRecording", "stopRecognition",
)  # fmt: skip
"""What a bot may send besides messages, hang-up and transfer; a gateway ignores other names."""
REPORTED = (
    "agentConnected", "dialoutInitiated", "playFinished", "silenceDetected", "speechHypothesis",
    "voiceDetected",
)  # fmt: skip
"""Events that come only to bots that ask for them by ``sendEventsToBot``."""
GATEWAY_EVENTS = (*REPORTED, "DTMF", "noUserInput", "playUrlFailed", "transferStatus")
_LEAVING = {"hangup": "hangup", "transfer": "transfer", "handover": "transfer"}
_BEGINNING_AND_END = ("start", "hangup", "conversationend")

_IN_PLAIN_WORDS = {
    "extra_forbidden": "There is no such field",
    "missing": "This field is required",
    "tuple_type": "Must be a list",
    "dict_type": "Must be an object",
    "model_type": "Must be an object",
    "string_type": "Must be a text",
    "bool_type": "Must be true or false",
    "int_type": "Must be a whole number",
}
"""What is said instead of the validator's own words for Python types."""

Mistakes = Iterator[tuple[Path, str]]


class Dialogue(DialogueForm):
    """A dialogue without mistakes; shared by the calls that follow it."""

    _matchers: dict[str, Matcher] = PrivateAttr(default_factory=dict)

    @classmethod
    def parse(cls, obj: object) -> Self:
        """Read a dialogue from JSON data.

        Raises:
            ParameterError: the problems by path, such as ``states.menu.answers.0.goto``; mistakes
                of form first, and the others when there are none of those.
        """
        try:
            return cls.model_validate(obj)
        except ValidationError as error:
            raise ParameterError(
                {
                    ".".join(map(str, problem["loc"])) or "dialogue": _IN_PLAIN_WORDS.get(
                        problem["type"], problem["msg"]
                    )
                    for problem in error.errors(include_url=False, include_context=False)
                }
            ) from None

    @model_validator(mode="after")
    def _has_no_mistakes(self) -> Self:
        found = [
            InitErrorDetails(
                type=PydanticCustomError("dialogue", "{problem}", {"problem": problem}),
                loc=path,
                input=None,
            )
            for path, problem in _mistakes(self)
        ]
        if found:
            raise ValidationError.from_exception_data(type(self).__name__, found)
        return self

    def matcher(self, state: str) -> Matcher:
        """Finds answers in ``state``: its own, then those that hold everywhere."""
        if state not in self._matchers:
            self._matchers[state] = Matcher((self.states[state].answers, self.answers))
        return self._matchers[state]

    def phrases(self) -> tuple[str, ...]:
        """Everything callers are expected to say, each once."""
        answers = (step for _, step in self.steps() if isinstance(step, Answer))
        return tuple(dict.fromkeys(phrase for answer in answers for phrase in answer.phrases))

    def settings(self) -> Params:
        """Session parameters: what the dialogue needs to work, under what its author set.

        Keys only come when they are sent to the bot, silence only when it is reported, and some
        events only to bots that name them.
        """
        needed: Params = {}
        steps = [step for _, step in self.steps()]
        awaited = {step.event.lower() for step in steps if isinstance(step, Reaction)}
        if "dtmf" in awaited or any(isinstance(s, Answer) and s.digits for s in steps):
            needed["sendDTMF"] = True
        parts: list[DialogueForm | State] = [self, *self.states.values()]
        asks_again = any("no_input" in part.model_fields_set for part in parts)
        if asks_again or "nouserinput" in awaited:
            needed["userNoInputSendEvent"] = True
        if reported := [name for name in REPORTED if name.lower() in awaited]:
            needed["sendEventsToBot"] = [*reported]
        return needed | (self.session_params or {})

    def unreachable(self) -> tuple[str, ...]:
        """States that no caller can come to; not wrong, but surely not meant."""
        leads: dict[str, set[str]] = {name: set() for name in self.states}
        everywhere: set[str] = set()
        for path, step in self.steps():
            if step.goto is not None:
                (leads[str(path[1])] if path[0] == "states" else everywhere).add(step.goto)
        reached: set[str] = set()
        ahead = [self.start]
        while ahead:
            name = ahead.pop()
            if name not in reached:
                reached.add(name)
                ahead += leads[name] | (everywhere if self.states[name].waits else set())
        return tuple(name for name in self.states if name not in reached)


def _mistakes(dialogue: DialogueForm) -> Mistakes:
    if dialogue.start not in dialogue.states:
        yield ("start",), _no_state(dialogue.start, dialogue)
    yield from _confusable((), dialogue.answers)
    count = sum(len(step.phrases) for _, step in dialogue.steps() if isinstance(step, Answer))
    if count > MAX_PHRASES:
        yield ("states",), f"has {count} phrases; {MAX_PHRASES} are the most"
    for path, step in dialogue.steps():
        yield from _step_mistakes(path, step, dialogue)
    for name, state in dialogue.states.items():
        yield from _state_mistakes(("states", name), state, dialogue)


def _step_mistakes(path: Path, step: Step, dialogue: DialogueForm) -> Mistakes:
    if step.goto is not None and step.goto not in dialogue.states:
        yield (*path, "goto"), _no_state(step.goto, dialogue)
    if len(step.actions) > 1:
        yield path, f"does {' and '.join(step.actions)}; it can do only one of them"
    if step.silent == "once" and (step.say or step.do):
        yield (*path, "silent"), "says something all the same; leave out say and do"
    for index, act in enumerate(step.do):
        yield from _act_mistakes((*path, "do", index), act)
    if isinstance(step, Reaction):
        yield from _event_mistakes((*path, "event"), step.event, GATEWAY_EVENTS)
    follows = bool(step.say or step.do or step.actions)
    if isinstance(step, Answer):
        if not step.phrases and step.digits is None:
            yield path, "needs phrases or digits, so that a caller can choose it"
        if not follows:
            yield path, "needs say, do, goto, transfer, hangup or repeat, so that something follows"
    elif isinstance(step, Reaction):
        if not follows:
            yield path, "needs say, do, goto, transfer or hangup, so that something follows"
    elif not isinstance(step, State) and not step.actions:
        yield path, "needs goto, transfer or hangup, because the caller was asked often enough"


def _act_mistakes(path: Path, act: Act) -> Mistakes:
    chosen = [name for name in ("say", "text", "event") if getattr(act, name) is not None]
    if len(chosen) != 1:
        found = f"has {' and '.join(chosen)}" if chosen else "has none of them"
        yield path, f"needs either say, text or event; it {found}"
    if act.event is None:
        if act.value is not None:
            yield (*path, "value"), "belongs to an event; add event, or leave it out"
    elif act.event.lower() in _LEAVING:
        beside = _LEAVING[act.event.lower()]
        yield (*path, "event"), f"write {beside} beside do, where it ends the step"
    else:
        yield from _event_mistakes((*path, "event"), act.event, BOT_EVENTS)


def _event_mistakes(path: Path, name: str, known: tuple[str, ...]) -> Mistakes:
    """A name that is almost one of the ``known`` is a slip; any other may be meant."""
    folded = {one.lower(): one for one in known}
    if known is GATEWAY_EVENTS and name.lower() in _BEGINNING_AND_END:
        yield path, "begins or ends the conversation; use the state that the call starts in"
    elif name.lower() not in folded and (near := get_close_matches(name.lower(), folded, n=1)):
        yield path, f"no event is called {name!r}; did you mean {folded[near[0]]!r}?"


def _state_mistakes(path: Path, state: State, dialogue: DialogueForm) -> Mistakes:
    if not state.waits:
        idle = state.model_fields_set & {"answers", "events", "no_input", "no_match"}
        if idle:
            yield path, f"does {state.actions[0]} at once and never waits for an answer"
        yield from _circle(path, state, dialogue)
        return
    if not state.say and not state.do and not state.actions:
        yield (*path, "say"), "is missing: the caller would hear silence"
    ways = (state.answers, state.events, dialogue.answers, dialogue.events)
    if not any(ways) and state.transfer is None:
        yield path, "waits for the caller, but there is no answer that leads on"
    yield from _confusable(path, state.answers)


def _circle(path: Path, state: State, dialogue: DialogueForm) -> Mistakes:
    seen = {path[-1]}
    name = state.goto
    while name in dialogue.states and not dialogue.states[name].waits:
        if name in seen:
            yield (*path, "goto"), "goes round in a circle without waiting for the caller"
            return
        seen.add(name)
        name = dialogue.states[name].goto


def _confusable(path: Path, answers: tuple[Answer, ...]) -> Mistakes:
    """Phrases and keys that two answers of one list share, and phrases without a word."""
    taken: dict[tuple[str, ...] | str, int] = {}
    for index, answer in enumerate(answers):
        place = (*path, "answers", index)
        for number, phrase in enumerate(answer.phrases):
            heard = plain_words(phrase)
            if not heard:
                yield (*place, "phrases", number), "has no word in it"
            elif taken.setdefault(heard, index) != index:
                first = taken[heard]
                yield (*place, "phrases", number), f"{phrase!r} also belongs to answers.{first}"
        if answer.digits is not None and taken.setdefault(answer.digits, index) != index:
            first = taken[answer.digits]
            yield (*place, "digits"), f"key {answer.digits} also belongs to answers.{first}"


def _no_state(name: str, dialogue: DialogueForm) -> str:
    near = get_close_matches(name, dialogue.states, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(dialogue.states)}"
    return f"no state is called {name!r}; {hint}"
