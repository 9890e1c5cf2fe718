"""What the bot is told beside the caller's turns."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.texts import gettext_noop

_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")

EventName = Literal[
    "agentConnected",
    "conversationEnd",
    "dialoutInitiated",
    "noUserInput",
    "playFinished",
    "silenceDetected",
    "speakerVerificationActionResult",
    "speakerVerificationEnrollCompleted",
    "speakerVerificationEnrollProgress",
    "speakerVerificationSpeakerStatus",
    "speakerVerificationVerifyCompleted",
    "speakerVerificationVerifyProgress",
    "speechHypothesis",
    "voiceDetected",
]


class BotEvents(ParamSet):
    """Events to the bot (VoiceAI Connect, "Controlling events sent to bot")."""

    SECTION: ClassVar[str] = "Events to the bot"

    send_events_to_bot: Annotated[
        tuple[EventName, ...], _param(help="The events that the bot wants, by name.")
    ] = Field((), alias="sendEventsToBot", max_length=50)
    enable_speech_detection_event: Annotated[
        bool,
        Param(
            help="Allow the events voiceDetected and silenceDetected.",
            live=True,
            needs=gettext_noop("sendEventsToBot with their names"),
            source="VoiceAI Connect",
        ),
    ] = Field(default=False, alias="enableSpeechDetectionEvent")
    speech_activity_silence_period_ms: Annotated[
        int,
        _param(help="Silence before silenceDetected.", unit="ms", needs="silenceDetected"),
    ] = Field(1000, ge=0, le=10_000, alias="speechActivitySilencePeriodMS")
    speech_activity_voice_period_ms: Annotated[
        int, _param(help="Voice before voiceDetected.", unit="ms", needs="voiceDetected")
    ] = Field(0, ge=0, le=10_000, alias="speechActivityVoicePeriodMS")
