"""Whether the caller may interrupt the bot."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet

_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")


class BargeIn(ParamSet):
    """What silences the bot while it speaks (product description 6.3.9)."""

    SECTION: ClassVar[str] = "Barge-in"

    barge_in: Annotated[
        bool, _param(help="Speech of the caller stops the prompt and those queued behind it.")
    ] = Field(default=False, alias="bargeIn")
    barge_in_on_dtmf: Annotated[
        bool, _param(help="A pressed key stops the prompt and those queued behind it.")
    ] = Field(default=False, alias="bargeInOnDTMF")
    barge_in_min_word_count: Annotated[
        int,
        _param(
            help=(
                "Words the caller must have said to interrupt; with 0 and 1 the voice alone is "
                "enough."
            ),
            needs="bargeIn",
        ),
    ] = Field(1, ge=0, le=5, alias="bargeInMinWordCount")
