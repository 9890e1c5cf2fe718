"""Audio files that the bot plays."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet

_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")

MediaFormatName = Literal[
    "raw/mulaw",
    "wav/mulaw",
    "raw/lpcm16",
    "wav/lpcm16",
    "raw/lpcm16_8",
    "wav/lpcm16_8",
    "raw/lpcm16_24",
    "wav/lpcm16_24",
]
FailureHandling = Literal["disconnect", "ignore", "notify-bot"]


class AudioFiles(ParamSet):
    """What playUrl plays and what follows when it cannot (VoiceAI Connect, "Playing audio URL").

    Usually the bot gives these with its event playUrl. Configured, they hold for every playUrl that
    leaves them out; the format also for the audio files of timeouts.
    """

    SECTION: ClassVar[str] = "Audio files"

    play_url_url: Annotated[
        str,
        # NB not checked here: a wrong address must fail like any other that cannot be played.
        _param(help="Where the audio file is: an http:, https: or data: URL."),
    ] = Field("", alias="playUrlUrl")
    play_url_media_format: Annotated[
        MediaFormatName, _param(help="What the file holds; a WAV file's own header counts more.")
    ] = Field("wav/lpcm16", alias="playUrlMediaFormat")
    play_url_caching: Annotated[bool, _param(help="Keep the file for later calls.")] = Field(
        default=False, alias="playUrlCaching"
    )
    play_url_alt_text: Annotated[
        str, _param(help="What the transcript shows for the file; empty: its name.")
    ] = Field("", alias="playUrlAltText", max_length=10_000)
    play_url_failure_handling: Annotated[
        FailureHandling,
        _param(
            help=(
                "When the file cannot be played: disconnect carries out failoverActivities and "
                "ends the call, unless it was a prompt of the gateway's own; ignore goes on; "
                "notify-bot sends the event playUrlFailed."
            )
        ),
    ] = Field("disconnect", alias="playUrlFailureHandling")
