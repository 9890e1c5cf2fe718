"""Parameters of Amazon's speech services."""

from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet


class Aws(ParamSet):
    """Amazon Polly."""

    SECTION: ClassVar[str] = "AWS speech"

    tts_enhanced_voice: Annotated[
        str,
        Param(
            help="Engine of Amazon Polly, such as `standard` or `neural`; empty: its own choice.",
            levels=BOT_SETTABLE,
            live=True,
            needs=Later.AWS,
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="ttsEnhancedVoice", max_length=50)
