"""How a call begins."""

import re
from functools import partial
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field

from bots.core.numbers import is_region
from bots.core.params.declare import Later, Param, ParamSet
from bots.core.params.reading import WrittenActivity

_SOURCE_OF_FIELD = re.compile(r"[A-Za-z0-9!%*_+`'~-]+(\.[0-9]{1,2})?")
_our_name = partial(Param, source="product description 6.2; the name is ours")


def _sources(value: dict[str, str]) -> dict[str, str]:
    for field, source in value.items():
        if not field or not _SOURCE_OF_FIELD.fullmatch(source):
            raise ValueError(
                f"{field or 'a field'}: use the name of a SIP header, or Header-Name.1 for the "
                "second of that name"
            )
    return value


def _region(value: str) -> str:
    if value and not is_region(value):
        raise ValueError("use the two capital letters of a country (ISO 3166-1) such as DE")
    return value


class CallInitiation(ParamSet):
    """What happens before the first word (product description 6.2)."""

    SECTION: ClassVar[str] = "Call initiation"

    connect_on_prompt: Annotated[
        bool,
        Param(
            help="Answer the call when the bot's first prompt is there; otherwise at once.",
            source="VoiceAI Connect",
        ),
    ] = Field(default=True, alias="connectOnPrompt")
    send_initial_activity: Annotated[
        bool, _our_name(help="Send the bot an activity when the call begins.")
    ] = Field(default=True, alias="sendInitialActivity")
    initial_activity: Annotated[
        WrittenActivity | None,
        _our_name(
            help=(
                'Activity that is sent instead of start, such as `{"name": "start"}`; null: '
                "start with the call's fields."
            ),
            needs="sendInitialActivity",
        ),
    ] = Field(None, alias="initialActivity")
    initial_message: Annotated[
        str, _our_name(help="Text that is sent to the bot when the call begins, such as hello.")
    ] = Field("", alias="initialMessage", max_length=10_000)
    welcome_message: Annotated[
        str,
        Param(
            help="Prompt (text or SSML) that the caller hears first, for bots that do not greet.",
            source="VoiceAI Connect",
        ),
    ] = Field("", alias="welcomeMessage", max_length=10_000)
    sip_headers_to_bot: Annotated[
        dict[str, str],
        AfterValidator(_sources),
        Param(
            help=(
                "Fields of start and the SIP headers they are filled from: `Header-Name`, or "
                "`Header-Name.1` for the second one of that name."
            ),
            needs=Later.SIP,
            source="VoiceAI Connect",
        ),
    ] = Field({}, alias="sipHeadersToBot", max_length=100)
    send_number_meta_data: Annotated[
        bool,
        Param(
            help="Tell the bot country, type and validity of the caller's number.",
            source="gateway",
        ),
    ] = Field(default=True, alias="sendNumberMetaData")
    number_region: Annotated[
        str,
        AfterValidator(_region),
        Param(
            help="Country of callers whose number has no country code, such as DE; empty: unknown.",
            needs="sendNumberMetaData",
            source="gateway",
        ),
    ] = Field("", alias="numberRegion")
    ringback_until_connected: Annotated[
        bool, _our_name(help="The caller hears ringing until the bot is there.", needs=Later.SIP)
    ] = Field(default=False, alias="ringbackUntilConnected")
    wait_for_media: Annotated[
        bool,
        _our_name(
            help="Play the first prompt only when the caller's audio flows.", needs=Later.SIP
        ),
    ] = Field(default=False, alias="waitForMedia")
