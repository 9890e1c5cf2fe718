"""Recognising a caller by the voice."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet

_param = partial(
    Param,
    levels=BOT_SETTABLE,
    live=True,
    needs=Later.SPEAKER_VERIFICATION,
    source="VoiceAI Connect",
)


class SpeakerVerification(ParamSet):
    """Whom the bot's speakerVerification events are about (VoiceAI Connect, of that name)."""

    SECTION: ClassVar[str] = "Speaker verification"

    speaker_verification_speaker_id: Annotated[
        str, _param(help="The speaker's id at the service.")
    ] = Field("", alias="speakerVerificationSpeakerId", max_length=200)
    speaker_verification_type: Annotated[
        Literal["text-independent", "text-dependent"],
        _param(help="Whether the speaker must say a certain text."),
    ] = Field("text-independent", alias="speakerVerificationType")
