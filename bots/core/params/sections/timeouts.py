"""How long anybody waits for anybody."""

from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet

_MINUTE_MS = 60_000


class Timeouts(ParamSet):
    """Caller and bot timers (VoiceAI Connect, "Inactivity detection", "Handling bot delay")."""

    SECTION: ClassVar[str] = "Timeouts"

    user_no_input_timeout_ms: Annotated[
        int,
        Param(
            help="Wait this long for the caller after the bot has spoken; 0 waits for ever.",
            unit="ms",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field(0, ge=0, le=600_000, alias="userNoInputTimeoutMS")
    user_no_input_retries: Annotated[
        int,
        Param(
            help="How often the wait is repeated before the call is given up.",
            levels=BOT_SETTABLE,
            needs="userNoInputTimeoutMS",
            source="VoiceAI Connect",
        ),
    ] = Field(0, ge=0, le=999, alias="userNoInputRetries")
    user_no_input_speech: Annotated[
        str,
        Param(
            help="Prompt (text or SSML) that is spoken when the wait has passed; empty: none.",
            levels=BOT_SETTABLE,
            needs="userNoInputTimeoutMS",
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="userNoInputSpeech", max_length=10_000)
    user_no_input_send_event: Annotated[
        bool,
        Param(
            help="Tell the bot by the event noUserInput that the wait has passed.",
            levels=BOT_SETTABLE,
            needs="userNoInputTimeoutMS",
            source="VoiceAI Connect",
        ),
    ] = Field(default=False, alias="userNoInputSendEvent")
    bot_no_input_give_up_timeout_ms: Annotated[
        int,
        Param(
            help=(
                "End the call when the bot has been silent this long in its turn; 0 waits for "
                "ever. VoiceAI Connect's default is 0; ours is 30 s, so that no caller is left in "
                "silence by a bot that died."
            ),
            unit="ms",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field(30_000, ge=0, le=600_000, alias="botNoInputGiveUpTimeoutMS")
    max_call_duration_ms: Annotated[
        int,
        Param(
            help="End the call after this time, whatever is going on.",
            unit="ms",
            source="gateway",
        ),
    ] = Field(240 * _MINUTE_MS, ge=_MINUTE_MS, le=24 * 60 * _MINUTE_MS, alias="maxCallDurationMS")
