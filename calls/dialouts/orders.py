"""What a dialout's row says to carriers and conversations."""

from typing import cast

import msgspec

from bots import secrets
from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer
from bots.selectors import CallConfiguration, Configured
from calls.core.dialout import DialoutOrder, MachineDetection
from calls.models import Dialout

LAYER_NAME = "the dialout request"
"""Where parameters of a request come from, for people."""


def order_of(dialout: Dialout) -> DialoutOrder:
    """What a carrier needs to place the call; the bot goes by the name it has at this moment."""
    return DialoutOrder(
        dialout_id=str(dialout.pk),
        bot=dialout.bot.name if dialout.bot is not None else dialout.bot_name,
        target=dialout.target,
        caller=dialout.caller,
        caller_host=dialout.caller_host,
        caller_display_name=dialout.caller_display_name,
        answer_timeout_s=dialout.answer_timeout_s,
        # The column's choices are those of the type.
        machine_detection=cast("MachineDetection", dialout.machine_detection),
        metadata=dialout.metadata,
    )


def configured(configuration: CallConfiguration, dialout: Dialout) -> CallConfiguration:
    """``configuration`` of the bot with the parameters of one dialout.

    Raises:
        ParameterError: what does not fit the bot any more, by wire name.
        LookupError: a plug-in is not installed here.
    """
    if not dialout.params:
        return configuration
    plain, problems = secrets.opened(configuration.resolved.catalogue, dialout.params)
    if problems:
        raise ParameterError(problems)
    resolved = configuration.resolved.overlay(Layer(Level.DIALOUT, LAYER_NAME, plain))
    parts: dict[str, Configured] = {
        field: msgspec.structs.replace(part, params=resolved[plugin.params])
        for field in ("connector", "stt", "tts", "vad", "carrier")
        if (part := getattr(configuration, field)) is not None
        and (plugin := registry.plugin(part.kind, part.plugin))
    }
    return msgspec.structs.replace(configuration, resolved=resolved, **parts)
