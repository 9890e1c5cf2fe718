"""Keys that the caller presses."""

from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet


class Dtmf(ParamSet):
    """What happens to DTMF digits (VoiceAI Connect, "Receiving DTMF digits")."""

    SECTION: ClassVar[str] = "DTMF"

    send_dtmf: Annotated[
        bool,
        Param(
            help="Digits are sent to the bot as DTMF events; otherwise they are ignored.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field(default=False, alias="sendDTMF")
