"""Who is told when calls begin and end."""

import base64
import binascii
import re
from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr

from bots.core.agents import ReportName
from bots.core.params.declare import Param, ParamSet
from bots.core.texts import gettext_noop

_HTTP_URL = re.compile(r"https?://[^\s\x00-\x20\x7f/?#@\\]+([/?#][^\s\x00-\x20\x7f\\]*)?", re.I)
_PREFIX = "whsec_"
_LEAST_BYTES, _MOST_BYTES = 24, 64
_param = partial(Param, source="gateway")

CallEvent = Literal["call.started", "call.ended", "call.line", "call.agent"]


def http_url(value: str) -> str:
    """Check the address of a server that is posted to.

    Raises:
        ValueError: it is none, or holds a user name.
    """
    if value and not _HTTP_URL.fullmatch(value):
        raise ValueError("must be an http or https URL without user name and password")
    return value


def signing_secret(value: SecretStr) -> SecretStr:
    """Check a secret that requests are signed with: ``whsec_`` and 24 to 64 bytes in base64.

    Source: Standard Webhooks 1.0.0, https://www.standardwebhooks.com

    Raises:
        ValueError: it is none.
    """
    text = value.get_secret_value()
    if not text:
        return value
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not (text.startswith(_PREFIX) and _LEAST_BYTES <= len(key) <= _MOST_BYTES):
        raise ValueError("must be whsec_ and 24 to 64 random bytes in base64")
    return value


class Webhooks(ParamSet):
    """Where the events of the bot's calls are posted (Standard Webhooks).

    Every event is delivered at least once and in the order of its call; the same one can come
    again, with the same `webhook-id`. A server that does not answer is asked again, for some hours.
    """

    SECTION: ClassVar[str] = "Webhooks"

    call_events_url: Annotated[
        str,
        AfterValidator(http_url),
        _param(
            help=(
                "Events of this bot's calls are posted here as JSON, with the numbers of both "
                "sides; empty: nothing is posted."
            )
        ),
    ] = Field("", alias="callEventsUrl", max_length=2000)
    call_events_secret: Annotated[
        SecretStr,
        AfterValidator(signing_secret),
        _param(
            help=(
                "What the events are signed with, so that the server can tell that they come from "
                "this gateway: `whsec_` and 24 to 64 random bytes in base64; empty: unsigned."
            ),
            needs="callEventsUrl",
            secret=True,
        ),
    ] = Field(SecretStr(""), alias="callEventsSecret", max_length=100)
    call_events: Annotated[
        tuple[CallEvent, ...],
        _param(
            help=(
                "Which events are posted. `call.ended` holds the call record and the address of "
                "the transcript; `call.line` everything that is said, while it is said, and "
                "`call.agent` what a voice agent tells about its work: only choose these for a "
                "server that may read conversations."
            ),
            needs="callEventsUrl",
        ),
    ] = Field(("call.started", "call.ended"), alias="callEvents", max_length=10)

    call_agent_reports: Annotated[
        tuple[ReportName, ...],
        _param(
            help=(
                "What `call.agent` tells of: the reports of a voice agent by name, such as "
                "`function_call` with its arguments, `latency` or `warning`. `history`, "
                "`thinking`, `speaking` and `audio_done` come again and again in each turn."
            ),
            needs=gettext_noop("callEvents with call.agent"),
        ),
    ] = Field(
        (
            "connected",
            "reconnected",
            "latency",
            "function_call",
            "function_cancelled",
            "function_response",
            "prompt_updated",
            "speak_updated",
            "think_updated",
            "listen_updated",
            "injection_refused",
            "warning",
            "error",
        ),
        alias="callAgentReports",
        max_length=20,
    )
