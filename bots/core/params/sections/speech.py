"""Language, voice and hints for the speech services."""

import re
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")


def _language_tag(value: str) -> str:
    """``value`` if it is empty or has the shape of a language tag (BCP 47, section 2.1)."""
    if value and not _TAG.fullmatch(value):
        raise ValueError("use a BCP 47 language tag such as en-US")
    return value


class Speech(ParamSet):
    """What is spoken and how it is recognised (VoiceAI Connect, "Speech customization")."""

    SECTION: ClassVar[str] = "Speech"

    language: Annotated[
        str,
        AfterValidator(_language_tag),
        Param(
            help="Language of the conversation, a BCP 47 tag.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field("en-US", alias="language", min_length=1)
    stt_language: Annotated[
        str,
        AfterValidator(_language_tag),
        Param(
            help="Language the caller speaks when it differs; empty: language.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="sttLanguage")
    tts_language: Annotated[
        str,
        AfterValidator(_language_tag),
        Param(
            help="Language the bot speaks when it differs; empty: language.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="ttsLanguage")
    voice_name: Annotated[
        str,
        Param(
            help="Voice of the synthesiser; empty: its own choice for the language.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="voiceName", max_length=200)
    stt_context_phrases: Annotated[
        tuple[str, ...],
        Param(
            help="Phrases the caller is likely to say, beside those of the bot itself.",
            levels=BOT_SETTABLE,
            needs="a recogniser that takes phrase hints",
            source="VoiceAI Connect",
        ),
    ] = Field((), alias="sttContextPhrases", max_length=5000)
    speech_silence_ms: Annotated[
        int,
        Param(
            help="Silence that ends an utterance.",
            unit="ms",
            needs="a recogniser that leaves endpointing to the gateway",
            source="VoiceAI Connect",
        ),
    ] = Field(600, ge=100, le=5000, alias="speechDetectionSilencePeriodMS")
    speech_voice_ms: Annotated[
        int,
        Param(
            help="Speech that begins an utterance: more ignores short noises, less reacts sooner.",
            unit="ms",
            source="gateway",
        ),
    ] = Field(100, ge=20, le=2000, alias="speechDetectionVoicePeriodMS")
