"""Moving a call, ending it and keeping it."""

from functools import partial
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Later, Param, ParamSet
from bots.core.params.reading import OneLine, SipHeaders

_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")


class CallControl(ParamSet):
    """Transfer, hang-up and reconnection (product description 6.13)."""

    SECTION: ClassVar[str] = "Call control"

    transfer_target: Annotated[
        OneLine,
        _param(help="Where transfer goes when the bot names no target: a tel: or sip: URI."),
    ] = Field("", alias="transferTarget", max_length=500)
    handover_reason: Annotated[
        OneLine, _param(help="Why the call is transferred, for the record of the call.")
    ] = Field("", alias="handoverReason", max_length=500)
    transfer_referred_by_url: Annotated[
        OneLine, _param(help="Who is named as the transferor (SIP Referred-By), a sip: URI.")
    ] = Field("", alias="transferReferredByURL", max_length=500)
    transfer_sip_headers: Annotated[
        SipHeaders, _param(help="SIP headers that go with a transfer: `name`, `value`.")
    ] = Field((), alias="transferSipHeaders")
    transfer_notifications: Annotated[
        bool,
        _param(
            help=(
                "The bot stays until the transfer is decided, is told the outcome by the event "
                "transferStatus, and goes on when it failed."
            )
        ),
    ] = Field(default=False, alias="transferNotifications")
    transfer_method: Annotated[
        Literal["refer", "invite"],
        Param(
            help="refer: the gateway leaves the call; invite: it stays in the path.",
            needs=Later.SIP,
            source="product description 6.13.1; the name is ours",
        ),
    ] = Field("refer", alias="transferMethod")
    hangup_reason: Annotated[
        OneLine, _param(help="Why the bot hangs up when it gives no reason itself.")
    ] = Field("", alias="hangupReason", max_length=500)
    hangup_sip_headers: Annotated[
        SipHeaders, _param(help="SIP headers that go with the end of the call: `name`, `value`.")
    ] = Field((), alias="hangupSipHeaders")
    sip_headers: Annotated[
        SipHeaders,
        Param(
            help="SIP headers that the gateway adds to its answers to the voice side.",
            needs=Later.SIP,
            source="VoiceAI Connect; the name is ours",
        ),
    ] = Field((), alias="sipHeaders")
    resume_grace_ms: Annotated[
        int,
        Param(
            help="Wait this long for a new voice socket when it was lost; 0 ends the call at once.",
            unit="ms",
            source="gateway",
        ),
    ] = Field(10_000, ge=0, le=600_000, alias="resumeGracePeriodMS")
