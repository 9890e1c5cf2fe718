"""Keys that the caller presses."""

from functools import partial
from typing import Annotated, ClassVar

from pydantic import Field

from bots.core.params.declare import BOT_SETTABLE, Param, ParamSet
from bots.core.params.reading import Keys

_param = partial(Param, levels=BOT_SETTABLE, live=True, source="VoiceAI Connect")


class Dtmf(ParamSet):
    """What happens to DTMF digits (product description 6.4)."""

    SECTION: ClassVar[str] = "DTMF"

    send_dtmf: Annotated[
        bool,
        _param(help="Digits are sent to the bot as DTMF events; otherwise they are ignored."),
    ] = Field(default=False, alias="sendDTMF")
    send_dtmf_as_text: Annotated[
        bool,
        _param(
            help="Digits are sent as text messages, for bots that take no events.",
            needs="sendDTMF",
        ),
    ] = Field(default=False, alias="sendDTMFAsText")
    dtmf_collect: Annotated[
        bool,
        _param(
            help=(
                "Collect digits and send them together: when there are enough, when the submit "
                "digit is pressed, or when the caller pauses."
            ),
            needs="sendDTMF",
        ),
    ] = Field(default=False, alias="dtmfCollect")
    dtmf_collect_inter_digit_timeout_ms: Annotated[
        int,
        _param(
            help="Pause after a digit that ends the collection.", unit="ms", needs="dtmfCollect"
        ),
    ] = Field(2000, ge=100, le=60_000, alias="dtmfCollectInterDigitTimeoutMS")
    dtmf_collect_max_digits: Annotated[
        int, _param(help="So many digits end the collection.", needs="dtmfCollect")
    ] = Field(5, ge=1, le=100, alias="dtmfCollectMaxDigits")
    dtmf_collect_submit_digit: Annotated[
        Keys,
        _param(
            help="Key that ends the collection and is not sent itself; empty: none.",
            needs="dtmfCollect",
        ),
    ] = Field("#", alias="dtmfCollectSubmitDigit", max_length=1)
    dtmf_acknowledge_timeout_ms: Annotated[
        int,
        _param(
            help=(
                "Without dtmfCollect a digit is sent when the bot has acknowledged the one before, "
                "or after this time."
            ),
            unit="ms",
            needs="sendDTMF",
            source="product description 6.4; the name is ours",
        ),
    ] = Field(2000, ge=0, le=60_000, alias="dtmfAcknowledgeTimeoutMS")
