"""What the agent may do with the call: functions offered to its language model, done as activities.

They wait for the end of the caller's turn (``defer_until_eot``): a call must not be hung up or
transferred on a guess what the caller will have said.
"""

import re
from collections.abc import Mapping
from typing import assert_never

import msgspec

from bots.connectors.deepgram_agent.params import DeepgramAgentParams, GatewayFunction
from bots.core import activities
from bots.core.activities import Activity, Json

_DIGITS = re.compile(r"[0-9*#]{1,20}")
_REASON_CHARACTERS = 200
_TEXT: Json = {"type": "string"}


class Deed(msgspec.Struct, frozen=True):
    """What a call of a function comes to; without an ``activity`` it was not possible.

    ``parting``: the agent leaves the call by it, and is to have its last word.
    """

    content: str
    activity: Activity | None = None
    parting: bool = False


class CallFunctions:
    """The functions that one bot's agent has."""

    def __init__(self, params: DeepgramAgentParams) -> None:
        self._allowed = frozenset(params.gateway_functions)
        self._targets: Mapping[str, str] = params.transfer_targets

    def offered(self) -> list[Json]:
        """As Deepgram's ``functions``, in an order that does not change."""
        return [self._described(name) for name in sorted(self._allowed)]

    def done(self, name: str, arguments: Json) -> Deed | None:
        """What is to be done; None: the function is not one of these."""
        if name not in self._allowed:
            return None
        match name:
            case "hangup":
                return _hang_up(arguments)
            case "transfer":
                return self._transfer(arguments)
            case _:
                return _send_digits(arguments)

    def _described(self, name: GatewayFunction) -> Json:
        match name:
            case "hangup":
                about = "End the call. Say goodbye first; the line is closed when that was heard."
                return _function(name, about, reason=_TEXT)
            case "transfer":
                about = "Transfer the caller to somebody else and leave the call. Say so first."
                if not self._targets:
                    return _function(name, about, reason=_TEXT)
                target = {**_TEXT, "enum": sorted(self._targets)}
                return _function(name, about, required=("target",), target=target, reason=_TEXT)
            case "sendDtmf":
                about = "Press keys on the telephone, as when a menu asks for them."
                digits = {**_TEXT, "pattern": "^[0-9*#]{1,20}$"}
                return _function(name, about, required=("digits",), digits=digits)
            case _:
                assert_never(name)

    def _transfer(self, arguments: Json) -> Deed:
        found: Json = {}
        if self._targets:
            target = arguments.get("target")
            if not isinstance(target, str) or target not in self._targets:
                known = ", ".join(sorted(self._targets))
                return Deed(f"There is no such target; there are: {known}.")
            found["transferTarget"] = self._targets[target]
        if reason := _reason(arguments):
            found["handoverReason"] = reason
        transfer = activities.event("transfer", activity_params=found or None)
        return Deed("The caller is transferred when you have spoken.", transfer, parting=True)


def _hang_up(arguments: Json) -> Deed:
    reason = _reason(arguments)
    params = {"hangupReason": reason} if reason else None
    hangup = activities.event("hangup", activity_params=params)
    return Deed("The call ends when you have spoken.", hangup, parting=True)


def _send_digits(arguments: Json) -> Deed:
    digits = arguments.get("digits")
    if not isinstance(digits, str) or not _DIGITS.fullmatch(digits):
        return Deed("The digits must be 1 to 20 of 0-9, * and #.")
    return Deed(
        "The keys are being pressed.",
        activities.event("sendDtmf", activity_params={"dtmfDigits": digits}),
    )


def _function(name: str, about: str, required: tuple[str, ...] = (), **parameters: Json) -> Json:
    shape: Json = {"type": "object", "properties": parameters}
    if required:
        shape["required"] = list(required)
    return {"name": name, "description": about, "parameters": shape, "defer_until_eot": True}


def _reason(arguments: Json) -> str:
    """What the model gives as its reason, as one printable line."""
    reason = arguments.get("reason")
    if not isinstance(reason, str):
        return ""
    printable = "".join(each if each.isprintable() else " " for each in reason)
    return " ".join(printable.split())[:_REASON_CHARACTERS]
