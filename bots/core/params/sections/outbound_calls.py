"""Who may have a bot call somebody, and how often."""

import re
from functools import partial
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from bots.core.params.declare import Param, ParamSet

_CLIENT_ID = re.compile(r"[\x21-\x7e]{1,255}")
_CALLER = re.compile(r"[A-Za-z0-9+*#._!~'()&=$,;?/-]*")
_param = partial(Param, source="gateway")


def _client_id(value: str) -> str:
    if not _CLIENT_ID.fullmatch(value):
        raise ValueError("must be the client id of an API client")
    return value


def _caller(value: str) -> str:
    if not _CALLER.fullmatch(value):
        raise ValueError("must be a number such as +15550100, or the user part of a sip: URI")
    return value


class OutboundCalls(ParamSet):
    """Who may dial out with the bot, and how often (product description 6.11.2).

    Limits count over all processes of the gateway; those of the client that asks hold as well. A
    call that a limit holds back waits its turn until its time is over.
    """

    SECTION: ClassVar[str] = "Outbound calls"

    dialout_clients: Annotated[
        tuple[Annotated[str, AfterValidator(_client_id)], ...],
        Param(
            help=(
                "The API clients that may have this bot call somebody, by client id; empty: none. "
                "People need a permission instead."
            ),
            source="product description 6.11.2; the name is ours",
        ),
    ] = Field((), alias="dialoutClients", max_length=200)
    dialout_per_second: Annotated[
        float, _param(help="Calls placed for this bot per second; 0: no limit.", unit="calls/s")
    ] = Field(0.0, ge=0, le=1000, alias="dialoutPerSecond")
    dialout_max_concurrent: Annotated[
        int,
        _param(
            help="Outbound calls of this bot at the same time, those that ring included; "
            "0: no limit.",
            unit="calls",
        ),
    ] = Field(0, ge=0, le=100_000, alias="dialoutMaxConcurrent")
    dialout_caller: Annotated[
        str,
        AfterValidator(_caller),
        _param(help="The number that is shown to the called party when the request names none."),
    ] = Field("", alias="dialoutCaller", max_length=200)
