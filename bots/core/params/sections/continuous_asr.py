"""Several utterances as one turn."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.params.reading import Keys
from bots.core.texts import gettext_noop

_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")


class ContinuousAsr(ParamSet):
    """Whether the caller may pause in what they say (product description 6.3.5)."""

    SECTION: ClassVar[str] = "Continuous ASR"

    continuous_asr: Annotated[
        bool,
        _param(
            help=(
                "Collect the caller's utterances until a longer silence or a key, and send them "
                "to the bot as one message."
            )
        ),
    ] = Field(default=False, alias="continuousASR")
    continuous_asr_digits: Annotated[
        Keys, _param(help="Keys that end the collection, each by itself; empty: none does.")
    ] = Field("#", alias="continuousASRDigits", max_length=12)
    continuous_asr_timeout_in_ms: Annotated[
        int,
        _param(
            help=(
                "Silence after an utterance that ends the collection; until then the caller's "
                "other timeouts do not run."
            ),
            unit="ms",
        ),
    ] = Field(3000, ge=500, le=60_000, alias="continuousASRTimeoutInMS")
    continuous_asr_hypothesis_timeout_ms: Annotated[
        int,
        _param(
            help="End the collection when interim text has not changed for so long.",
            unit="ms",
            needs=gettext_noop("a recogniser with interim results"),
        ),
    ] = Field(3000, ge=500, le=6000, alias="continuousASRHypothesisTimeoutMS")
