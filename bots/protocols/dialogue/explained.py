"""A dialogue in plain words: what the bot says and does in each state, and what leads where."""

import json
from collections.abc import Iterator

from bots.protocols.dialogue.checked import Dialogue
from bots.protocols.dialogue.form import Act, Answer, DialogueForm, Reaction, Reprompt, State, Step

_LONGEST_TEXT = 60


def explain(dialogue: Dialogue) -> list[str]:
    """One line for each thing that can happen, the states in their order."""
    lines = list(_joining(dialogue))
    if settings := dialogue.settings():
        lines.append(f"settings of the call: {_json(settings)}")
    lines.append(f"the call starts in {dialogue.start}")
    for name, state in dialogue.states.items():
        lines += ["", f"{name}: {_told(state)}"]
        lines += [f"  {line}" for line in _ways(state)]
    return [*lines, "", "in every state:", *(f"  {line}" for line in _ways(dialogue))]


def _joining(dialogue: Dialogue) -> Iterator[str]:
    join = dialogue.join
    if join.fail is not None:
        yield f"{_after(join.delay_ms)}it cannot be joined ({join.fail})"
    elif join.delay_ms:
        yield f"{_after(join.delay_ms)}it joins the call"


def _ways(part: DialogueForm | State) -> Iterator[str]:
    for answer in part.answers:
        yield f"{_chosen(answer)}: {_told(answer)}"
    for reaction in part.events:
        yield f"event {_awaited(reaction)}: {_told(reaction)}"
    for title, reprompt in (("silence", part.no_input), ("anything else", part.no_match)):
        if reprompt is not None:
            yield f"{title}: {_asked_again(reprompt)}"


def _chosen(answer: Answer) -> str:
    ways = [f'"{phrase}"' for phrase in answer.phrases]
    if answer.digits is not None:
        ways.append(f"keys {answer.digits}" if len(answer.digits) > 1 else f"key {answer.digits}")
    return ", ".join(ways)


def _awaited(reaction: Reaction) -> str:
    return reaction.event if reaction.value is None else f"{reaction.event} {_json(reaction.value)}"


def _asked_again(reprompt: Reprompt) -> str:
    told = [f'says "{_short(line)}"' for line in reprompt.say]
    if reprompt.repeat or not reprompt.say:
        told.append("repeats what was said last")
    if reprompt.then is None:
        return ", ".join(told)
    times = "once" if reprompt.retries == 1 else f"{reprompt.retries} times"
    return f"{', '.join(told)}, {times}; then {_told(reprompt.then)}"


def _told(step: Step) -> str:
    """Everything a step does, in its order."""
    told = [f"sets {_json(step.session_params)}"] if step.session_params else []
    told += [f'says "{_short(line)}"' for line in step.say]
    told += [_act(act) for act in step.do]
    told += _end(step)
    return _after(step.delay_ms) + ", ".join(told)


def _act(act: Act) -> str:
    if act.event is None:
        text = act.say if act.say is not None else act.text or ""
        return f'{_after(act.delay_ms)}says "{_short(text)}"'
    scopes = (act.value, act.activity_params, act.session_params)
    details = "".join(f" {_json(scope)}" for scope in scopes if scope is not None)
    return f"{_after(act.delay_ms)}sends {act.event}{details}"


def _end(step: Step) -> Iterator[str]:
    if isinstance(step, Answer) and step.repeat:
        yield "repeats what was said last"
    if step.goto is not None:
        yield f"goes on in {step.goto}"
    if step.transfer is not None:
        stays = " and waits for what becomes of it" if step.transfer.notifications else ""
        yield f"transfers to {step.transfer.target}{stays}"
    if step.hangup is not None:
        yield "hangs up"
    if step.leave:
        yield "leaves without a word"
    if step.fail is not None:
        yield f"fails ({step.fail})"
    if step.silent is not None:
        yield "does not answer" if step.silent == "once" else "never says anything again"


def _after(delay_ms: int) -> str:
    return f"after {delay_ms / 1000:g} s " if delay_ms else ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)
