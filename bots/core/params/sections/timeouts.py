"""How long anybody waits for anybody."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet
from bots.core.params.reading import AudioUrl

_MINUTE_MS = 60_000
_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")
_our_name = partial(_param, source="product description 6.6; the name is ours")
_OF_USER = "userNoInputTimeoutMS"
_OF_BOT = "botNoInputTimeoutMS"


class Timeouts(ParamSet):
    """Waiting for the caller, the bot and the speech services (product description 6.6, 6.8).

    The first expiry prompts, then as many more as there are retries. The expiry after the last
    prompt ends the call; if a give-up timeout is set, the call ends when that has passed.
    """

    SECTION: ClassVar[str] = "Timeouts"

    user_no_input_timeout_ms: Annotated[
        int,
        _param(
            help="Wait this long for the caller after the bot has spoken; 0 waits for ever.",
            unit="ms",
        ),
    ] = Field(0, ge=0, le=600_000, alias="userNoInputTimeoutMS")
    user_no_input_retries: Annotated[
        int,
        _param(
            help=(
                "How many more prompts follow the first. When the wait after the last one has "
                "passed too, the call ends, or when userNoInputGiveUpTimeoutMS has passed if it "
                "is set."
            ),
            needs=_OF_USER,
        ),
    ] = Field(0, ge=0, le=999, alias="userNoInputRetries")
    user_no_input_send_event: Annotated[
        bool,
        _param(
            help="Tell the bot by the event noUserInput that the wait has passed.", needs=_OF_USER
        ),
    ] = Field(default=False, alias="userNoInputSendEvent")
    user_no_input_speech: Annotated[
        str,
        _param(
            help="Prompt (text or SSML) that is spoken when the wait has passed; empty: none.",
            needs=_OF_USER,
        ),
    ] = Field("", alias="userNoInputSpeech", max_length=10_000)
    user_no_input_url: Annotated[
        AudioUrl,
        _param(
            help="Audio file that is played instead, when userNoInputSpeech is empty.",
            needs=_OF_USER,
        ),
    ] = Field("", alias="userNoInputUrl")
    user_no_input_give_up_timeout_ms: Annotated[
        int,
        _param(
            help="End the call when the caller has been silent this long in all; 0: never.",
            unit="ms",
        ),
    ] = Field(0, ge=0, le=3_600_000, alias="userNoInputGiveUpTimeoutMS")
    bot_no_input_timeout_ms: Annotated[
        int,
        _param(
            help="Prompt the caller when the bot has not answered for this long; 0: never.",
            unit="ms",
        ),
    ] = Field(0, ge=0, le=600_000, alias="botNoInputTimeoutMS")
    bot_no_input_retries: Annotated[
        int,
        _param(
            help=(
                "How many more prompts follow the first. When the wait after the last one has "
                "passed too, the call ends, or when botNoInputGiveUpTimeoutMS has passed if it "
                "is set."
            ),
            needs=_OF_BOT,
        ),
    ] = Field(0, ge=0, le=999, alias="botNoInputRetries")
    bot_no_input_speech: Annotated[
        str,
        _param(
            help="Prompt (text or SSML) that is spoken when the wait has passed; empty: none.",
            needs=_OF_BOT,
        ),
    ] = Field("", alias="botNoInputSpeech", max_length=10_000)
    bot_no_input_url: Annotated[
        AudioUrl,
        _param(
            help="Audio file that is played instead, when botNoInputSpeech is empty.",
            needs=_OF_BOT,
        ),
    ] = Field("", alias="botNoInputUrl")
    bot_no_input_give_up_timeout_ms: Annotated[
        int,
        _param(
            help=(
                "End the call when the bot has been silent this long in its turn; 0 waits for "
                "ever. VoiceAI Connect's default is 0; ours is 30 s, so that no caller is left in "
                "silence by a bot that died."
            ),
            unit="ms",
        ),
    ] = Field(30_000, ge=0, le=600_000, alias="botNoInputGiveUpTimeoutMS")
    resume_recognition_timeout_ms: Annotated[
        int,
        _param(
            help=(
                "Without bargeIn: listen to the caller again when the bot has not answered for "
                "this long; 0: at once."
            ),
            unit="ms",
        ),
    ] = Field(10_000, ge=0, le=600_000, alias="resumeRecognitionTimeoutMS")
    resume_recognition_speech: Annotated[
        str, _param(help="Prompt (text or SSML) that is spoken then; empty: none.")
    ] = Field("", alias="resumeRecognitionSpeech", max_length=10_000)
    resume_recognition_play_url: Annotated[
        AudioUrl,
        _param(help="Audio file that is played instead, when resumeRecognitionSpeech is empty."),
    ] = Field("", alias="resumeRecognitionPlayUrl")
    expect_another_bot_message: Annotated[
        bool,
        _param(
            help=(
                "More is to come after this message: wait for the bot, not for the caller. Meant "
                "for activityParams."
            )
        ),
    ] = Field(default=False, alias="expectAnotherBotMessage")
    bot_fail_on_errors: Annotated[
        bool,
        _param(
            help="A failed delivery to the bot fails the call; otherwise the conversation goes on.",
            needs=Later.DIRECT_LINE,
        ),
    ] = Field(default=False, alias="botFailOnErrors")
    stt_response_timeout_ms: Annotated[
        int,
        _our_name(
            help="Longest wait for the recognised text after the caller has stopped.", unit="ms"
        ),
    ] = Field(8000, ge=500, le=120_000, alias="sttResponseTimeoutMS")
    tts_response_timeout_ms: Annotated[
        int, _our_name(help="Longest wait for the first sound of a prompt.", unit="ms")
    ] = Field(10_000, ge=500, le=120_000, alias="ttsResponseTimeoutMS")
    max_call_duration_ms: Annotated[
        int,
        Param(
            help="End the call after this time, whatever is going on.",
            unit="ms",
            source="gateway",
        ),
    ] = Field(240 * _MINUTE_MS, ge=_MINUTE_MS, le=24 * 60 * _MINUTE_MS, alias="maxCallDurationMS")
