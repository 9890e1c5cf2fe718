"""A run of test calls as ordered on the command line."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import UUID

import msgspec

from bots.core.errors import ParameterError
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall import speech
from calls.testcall.plan import CallPlan, Digits, Text, Turn

VOICE_PATH = "/voice/audiocodes/"
MAX_CALLS = 500
MAX_TIMEOUT = 3600.0
_KEYS = frozenset("0123456789*#")
_EVERY_INTERFACE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 - not listened on


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What to do: ``plan`` is repeated ``calls`` times, each call with an identity of its own."""

    plan: CallPlan
    url: str
    token: str = ""
    calls: int = 1
    recording: Path | None = None


async def read_order(options: Mapping[str, Any], *, host: str, port: int) -> Order:
    """The order that the ``options`` of the command line describe; speaks what is to be said.

    Raises:
        ParameterError: an option is wrong; every problem is listed.
        ServiceError: the offline synthesiser failed.
        LookupError: the offline synthesiser is not installed.
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
        turns=await _turns(options),
        text_session=options["text"],
        interrupt=options["interrupt"],
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
    )


def option_problems(options: Mapping[str, Any]) -> dict[str, str]:
    """What is wrong with the options, by option."""
    problems: dict[str, str] = {}
    for option, value in options["turns"]:
        if option == "--dtmf" and (not value or not set(value) <= _KEYS):
            problems["--dtmf"] = f"{value!r} holds other keys than 0-9, * and #"
        elif option == "--wav" and options["text"]:
            problems["--wav"] = "a text session has no audio; leave out --text or --wav"
        elif not value.strip():
            problems[option] = "it is empty"
    for name in ("interrupt", "format", "record"):
        if options["text"] and options[name]:
            problems[f"--{name}"] = "a text session has no audio; leave out --text"
    if not 1 <= options["calls"] <= MAX_CALLS:
        problems["--calls"] = f"between 1 and {MAX_CALLS} calls can be placed at once"
    if not 0 < options["timeout"] <= MAX_TIMEOUT:
        problems["--timeout"] = f"more than 0 and at most {MAX_TIMEOUT:g} seconds"
    if options["cut"] is not None and options["cut"] < 0:
        problems["--cut"] = "seconds since the call was accepted, 0 or more"
    if options["url"] and urlsplit(options["url"]).scheme not in ("ws", "wss"):
        problems["--url"] = "it begins with ws:// or wss://"
    return problems


def bot_url(url: str | None, bot: str, *, host: str, port: int) -> str:
    """Where the bot is called: on this machine, at another gateway, or at a URL of its own."""
    parts = urlsplit(url or f"ws://{_EVERY_INTERFACE.get(host, host)}:{port}")
    if parts.path in ("", "/"):
        parts = parts._replace(path=VOICE_PATH + quote(bot, safe=""))
    return urlunsplit(parts)


async def _turns(options: Mapping[str, Any]) -> tuple[Turn, ...]:
    requested: Sequence[tuple[str, str]] = options["turns"]
    texts = [value for option, value in requested if option == "--say" and not options["text"]]
    spoken = await speech.synthesise(texts, options["language"]) if texts else {}
    turns: list[Turn] = []
    for option, value in requested:
        if option == "--dtmf":
            turns.append(Digits(value))
        elif option == "--wav":
            turns.append(speech.read_wav(Path(value)))
        else:
            turns.append(Text(value) if options["text"] else spoken[value])
    return tuple(turns)
