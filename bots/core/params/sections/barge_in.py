"""Whether the caller may interrupt the bot."""

from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet


class BargeIn(ParamSet):
    """What silences the bot while it speaks (VoiceAI Connect, "Speech customization")."""

    SECTION: ClassVar[str] = "Barge-in"

    barge_in: Annotated[
        bool,
        Param(
            help="Speech of the caller stops the prompt and those queued behind it.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field(default=False, alias="bargeIn")
    barge_in_on_dtmf: Annotated[
        bool,
        Param(
            help="A pressed key stops the prompt and those queued behind it.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field(default=False, alias="bargeInOnDTMF")
