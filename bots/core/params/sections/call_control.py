"""Moving a call and keeping it."""

from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet


class CallControl(ParamSet):
    """Transfer and reconnection (VoiceAI Connect, "Call transfer")."""

    SECTION: ClassVar[str] = "Call control"

    transfer_target: Annotated[
        str,
        Param(
            help="Where transfer goes when the bot names no target: a tel: or sip: URI.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="transferTarget", max_length=500)
    handover_reason: Annotated[
        str,
        Param(
            help="Why the call is transferred, for the record of the call.",
            levels=BOT_SETTABLE,
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="handoverReason", max_length=500)
    resume_grace_ms: Annotated[
        int,
        Param(
            help="Wait this long for a new voice socket when it was lost; 0 ends the call at once.",
            unit="ms",
            source="gateway",
        ),
    ] = Field(10_000, ge=0, le=600_000, alias="resumeGracePeriodMS")
