"""Recording of calls by a server of its own (SIPREC)."""

from functools import partial
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.texts import gettext_noop

_fixed = partial(
    Param, needs=gettext_noop("a voice side that records (SIPREC)"), source="VoiceAI Connect"
)
_param = partial(_fixed, levels=BOT_SETTABLE, live=True)


class CallRecording(ParamSet):
    """Where calls are recorded (product description 6.7; RFC 7866).

    The bot begins and ends a recording by events; autoCallRecording begins one with the call.
    """

    SECTION: ClassVar[str] = "Call recording"

    call_recording_server: Annotated[
        str,
        _fixed(help="IP groups of the recording servers as the voice side calls them, by commas."),
    ] = Field("", alias="callRecordingServer", max_length=500)
    call_recording_server_set: Annotated[
        str, _fixed(help="IP group sets instead of callRecordingServer, separated by commas.")
    ] = Field("", alias="callRecordingServerSet", max_length=500)
    auto_call_recording: Annotated[bool, _fixed(help="Record every call from its beginning.")] = (
        Field(default=False, alias="autoCallRecording")
    )
    call_recording_id: Annotated[
        str,
        _param(help="Name of the recording session, to find it again; empty: one is made up."),
    ] = Field("", alias="callRecordingId", max_length=200)
    call_recording_dest_username: Annotated[
        str, _param(help="User part of the recording server's SIP address.")
    ] = Field("", alias="callRecordingDestUsername", max_length=200)

    @model_validator(mode="after")
    def _one_kind_of_server(self) -> Self:
        if self.call_recording_server and self.call_recording_server_set:
            raise ValueError("callRecordingServer and callRecordingServerSet exclude each other")
        return self
