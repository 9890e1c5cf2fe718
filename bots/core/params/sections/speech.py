"""Language, voice and hints for the speech services."""

import re
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet, Part
from bots.core.texts import gettext_noop

_TAG = re.compile(r"[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*")
_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")


def _language_tag(value: str) -> str:
    """``value`` if it is empty or has the shape of a language tag (BCP 47, section 2.1)."""
    if value and not _TAG.fullmatch(value):
        raise ValueError("use a BCP 47 language tag such as en-US")
    return value


class SpeechContext(Part):
    """Phrases and how much more likely than others they are."""

    phrases: tuple[str, ...] = Field(max_length=5000)
    boost: float = Field(default=0, ge=0, le=100)


class Speech(ParamSet):
    """What is spoken and how it is recognised (VoiceAI Connect, "Speech customization")."""

    SECTION: ClassVar[str] = "Speech"

    language: Annotated[
        str,
        AfterValidator(_language_tag),
        _param(help="Language of the conversation, a BCP 47 tag."),
    ] = Field("en-US", alias="language", min_length=1)
    stt_language: Annotated[
        str,
        AfterValidator(_language_tag),
        _param(help="Language the caller speaks when it differs; empty: language."),
    ] = Field("", alias="sttLanguage")
    tts_language: Annotated[
        str,
        AfterValidator(_language_tag),
        _param(help="Language the bot speaks when it differs; empty: language."),
    ] = Field("", alias="ttsLanguage")
    voice_name: Annotated[
        str, _param(help="Voice of the synthesiser; empty: its own choice for the language.")
    ] = Field("", alias="voiceName", max_length=200)
    disable_tts_cache: Annotated[
        bool,
        _param(help="Synthesise anew what is said, and keep nothing of it for the next time."),
    ] = Field(default=False, alias="disableTtsCache")
    tts_override_config: Annotated[
        dict[str, Any],
        Param(
            help="Fields of the synthesiser's own request that are set or replaced.",
            needs=Later.CLOUD_SPEECH,
            source="VoiceAI Connect",
        ),
    ] = Field({}, alias="ttsOverrideConfig")
    stt_disable_punctuation: Annotated[
        bool,
        _param(
            help="Recognised text comes without full stops, commas and question marks.",
            needs=gettext_noop("a recogniser that punctuates"),
        ),
    ] = Field(default=False, alias="sttDisablePunctuation")
    stt_context_id: Annotated[
        str,
        _param(
            help="A model or context of your own at the recogniser, such as Azure Custom Speech.",
            needs=Later.CLOUD_SPEECH,
        ),
    ] = Field("", alias="sttContextId", max_length=500)
    stt_context_phrases: Annotated[
        tuple[str, ...],
        _param(
            help="Phrases the caller is likely to say, beside those of the bot itself.",
            needs=gettext_noop("a recogniser that takes phrase hints"),
        ),
    ] = Field((), alias="sttContextPhrases", max_length=5000)
    stt_context_boost: Annotated[
        float,
        _param(
            help="How much more likely sttContextPhrases are than other words.",
            needs=Later.GOOGLE,
        ),
    ] = Field(0, alias="sttContextBoost", ge=0, le=100)
    stt_speech_contexts: Annotated[
        tuple[SpeechContext, ...],
        _param(
            help="Several lists of phrases, each with a boost of its own: `phrases`, `boost`.",
            needs=Later.CLOUD_SPEECH,
        ),
    ] = Field((), alias="sttSpeechContexts", max_length=100)
    stt_generic_data: Annotated[
        Any,
        _param(
            help="Handed to the recogniser as it is; what it means is between it and the bot.",
            needs=Later.CLOUD_SPEECH,
        ),
    ] = Field(None, alias="sttGenericData")
    speech_detection: Annotated[
        bool,
        Param(
            help="Send audio to the recogniser only while the gateway itself hears a voice.",
            needs=Later.CLOUD_SPEECH,
            source="VoiceAI Connect",
        ),
    ] = Field(default=False, alias="speechDetection")
    speech_silence_ms: Annotated[
        int,
        Param(
            help="Silence that ends an utterance.",
            unit="ms",
            needs=gettext_noop("a recogniser that leaves endpointing to the gateway"),
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
