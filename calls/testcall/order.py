"""A run of test calls as ordered on the command line."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import msgspec

from bots.core.errors import ParameterError
from bots.protocols.ac_bot_api import MediaFormat
from bots.protocols.dialogue.matching import plain_words
from calls.testcall import speech
from calls.testcall.plan import (
    KEY_GAP,
    CallPlan,
    Digits,
    Expect,
    ExpectEnd,
    HangUp,
    Manner,
    Silence,
    Step,
    Text,
    Words,
)

VOICE_PATH = "/voice/audiocodes/"
MAX_CALLS = 500
MAX_TIMEOUT = 3600.0
MAX_SILENCE = 600.0
MAX_KEY_GAP = 60.0
_KEYS = frozenset("0123456789*#")
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not listened on


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: ``plan`` is repeated ``calls`` times, each call with an identity of its own."""

    plan: CallPlan
    url: str
    token: str = ""
    calls: int = 1
    recording: Path | None = None
    listen: bool = False
    """Whether the offline recogniser confirms what the bot was expected to say."""


def read_order(options: Mapping[str, Any], *, host: str, port: int) -> Order:
    """The order that the ``options`` of the command line describe.

    Raises:
        ParameterError: an option is wrong; every problem is listed.
    """
    problems = option_problems(options)
    if problems:
        raise ParameterError(problems)
    plan = CallPlan(
        conversation_id=UUID(int=0),
        epoch=datetime.min.replace(tzinfo=UTC),
        bot=options["bot"],
        caller=options["caller"],
        callee=options["callee"],
        language=options["language"],
        steps=tuple(_step(option, value, options) for option, value in options["steps"]),
        text_session=options["text"],
        patience=options["patience"],
        transfer=options["transfer"],
        cut_after=options["cut"],
        timeout=options["timeout"],
    )
    if options["format"]:
        only = (MediaFormat(options["format"]),)
        plan = msgspec.structs.replace(plan, media_formats=only)
    return Order(
        plan=plan,
        url=bot_url(options["url"], options["bot"], host=host, port=port),
        token=options["token"],
        calls=options["calls"],
        recording=options["record"],
        listen=options["listen"],
    )


def option_problems(options: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the options, by option."""
    problems = dict(_step_problems(options))
    for name in ("format", "record", "listen"):
        if options["text"] and options[name]:
            problems[f"--{name}"] = "a text session has no audio; leave out --text"
    if not 1 <= options["calls"] <= MAX_CALLS:
        problems["--calls"] = f"between 1 and {MAX_CALLS} calls can be placed at once"
    for name in ("timeout", "patience"):
        if not 0 < options[name] <= MAX_TIMEOUT:
            problems[f"--{name}"] = f"more than 0 and at most {MAX_TIMEOUT:g} seconds"
    if options["cut"] is not None and options["cut"] < 0:
        problems["--cut"] = "seconds since the call was accepted, 0 or more"
    if options["url"] and urlsplit(options["url"]).scheme not in ("ws", "wss"):
        problems["--url"] = "it begins with ws:// or wss://"
    return problems


def _step_problems(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    steps = options["steps"]
    for option, value in steps:
        if option in ("--wav", "--interrupt", "--talk-over") and options["text"]:
            yield option, f"a text session has no audio; leave out --text or {option}"
        elif problem := _value_problem(option, value):
            yield option, problem
    for option, _ in steps[:-1]:
        if option in ("--hang-up", "--expect-end"):
            yield option, "it ends the call, so no step can come behind it"


def _value_problem(option: str, value: str) -> str:
    """What is wrong with one step; empty when nothing is."""
    match option:
        case "--press":
            keys, at, gap = value.partition("@")
            if not keys or not set(keys) <= _KEYS:
                return f"{keys!r} holds other keys than 0-9, * and #"
            if at and not 0 < _number(gap) <= MAX_KEY_GAP:
                return f"{value!r}: behind @ come the seconds between keys, at most {MAX_KEY_GAP:g}"
        case "--silent":
            if not 0 < _number(value) <= MAX_SILENCE:
                return f"{value!r}: more than 0 and at most {MAX_SILENCE:g} seconds"
        case "--expect":
            return "" if plain_words(value) else "it has no word in it"
        case "--say" | "--wav" | "--expect-end":
            return "" if value.strip() else "it is empty"
    return ""


def _number(text: str) -> float:
    """``text`` as a number; what is none is no good number of seconds either."""
    try:
        return float(text)
    except ValueError:
        return -1.0


def bot_url(url: str | None, bot: str, *, host: str, port: int) -> str:
    """Where the bot is called: on this machine, at another gateway, or at a URL of its own."""
    parts = urlsplit(url or f"ws://{_EVERY_INTERFACE.get(host, host)}:{port}")
    if parts.path in ("", "/"):
        parts = parts._replace(path=VOICE_PATH + quote(bot, safe=""))
    return urlunsplit(parts)


def _step(option: str, value: str, options: Mapping[str, Any]) -> Step:
    match option:
        case "--say":
            return Text(value) if options["text"] else Words(value)
        case "--wav":
            return speech.read_wav(Path(value))
        case "--press":
            keys, _, gap = value.partition("@")
            return Digits(keys, float(gap or KEY_GAP))
        case "--silent":
            return Silence(float(value))
        case "--expect":
            return Expect(value)
        case "--expect-end":
            return ExpectEnd(value)
        case "--hang-up":
            return HangUp()
        case "--interrupt":
            return Manner.INTERRUPT
        case _:
            return Manner.TALK_OVER
