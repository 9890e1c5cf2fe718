"""Parameters of Google's speech services."""

from functools import partial
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet

_fixed = partial(Param, needs=Later.GOOGLE, source="VoiceAI Connect")


class Google(ParamSet):
    """Google Cloud Speech-to-Text (product description 6.3.3, 6.3.6)."""

    SECTION: ClassVar[str] = "Google speech"

    google_interaction_type: Annotated[
        Literal[
            "INTERACTION_TYPE_UNSPECIFIED",
            "DISCUSSION",
            "PRESENTATION",
            "PHONE_CALL",
            "VOICEMAIL",
            "PROFESSIONALLY_PRODUCED",
            "VOICE_SEARCH",
            "VOICE_COMMAND",
            "DICTATION",
        ],
        _fixed(help="What kind of speech it is.", levels=BOT_SETTABLE, live=True),
    ] = Field("INTERACTION_TYPE_UNSPECIFIED", alias="googleInteractionType")
    stt_override_config: Annotated[
        dict[str, Any],
        _fixed(help="Fields of Google's RecognitionConfig that are set or replaced."),
    ] = Field({}, alias="sttOverrideConfig")
    stt_override_streaming_config: Annotated[
        dict[str, Any],
        _fixed(
            help=(
                "Fields of Google's StreamingRecognitionConfig that are set or replaced, such as "
                "`single_utterance`."
            )
        ),
    ] = Field({}, alias="sttOverrideStreamingConfig")
