"""What is kept of a call."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import Later, Param, ParamSet

_param = partial(Param, source="product description 6.3.7; the name is ours")


class Storage(ParamSet):
    """What the gateway keeps when the call is over (product description 6.3.7)."""

    SECTION: ClassVar[str] = "Storage"

    store_transcripts: Annotated[
        bool, _param(help="Keep what was said; otherwise only the facts of the call are kept.")
    ] = Field(default=True, alias="storeTranscripts")
    transcript_retention_days: Annotated[
        int,
        _param(help="Delete transcripts after this time.", unit="days", needs="storeTranscripts"),
    ] = Field(1, ge=1, le=3650, alias="transcriptRetentionDays")
    store_user_audio: Annotated[
        bool,
        _param(
            help="Keep each utterance of the caller; the bot is told its audioFilename.",
            needs=Later.AUDIO_STORE,
        ),
    ] = Field(default=False, alias="storeUserAudio")
