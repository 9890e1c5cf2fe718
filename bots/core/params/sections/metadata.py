"""Where the bot's metadata goes."""

import re
from functools import partial
from typing import Annotated, ClassVar

from pydantic import AfterValidator, Field, SecretStr

from bots.core.params.declare import Param, ParamSet

_BEGINNING = re.compile(r"https?://|\$\{", re.IGNORECASE)
_param = partial(Param, source="VoiceAI Connect")


def _http_url(value: str) -> str:
    if value and not _BEGINNING.match(value):
        raise ValueError("must be an http or https URL")
    return value


class MetaData(ParamSet):
    """How sendMetaData is forwarded (product description 6.13.2, 6.2.5).

    Placeholders are JavaScript expressions. `botMessageMetadata` holds the parameters of the start
    event, such as `caller`, `callee` and `callerDisplayName`; encode what may hold any character:
    `https://crm.example/call/${encodeURIComponent(botMessageMetadata.caller)}`.
    """

    SECTION: ClassVar[str] = "Metadata"

    send_meta_data_url: Annotated[
        str,
        AfterValidator(_http_url),
        _param(
            help=(
                "Metadata is posted here as JSON; empty: it goes to the voice side. May hold "
                "placeholders such as `${botMessageMetadata.caller}`, which are filled when the "
                "call begins; a failing one ends the call."
            ),
            placeholders=True,
        ),
    ] = Field("", alias="sendMetaDataUrl", max_length=4000)
    send_meta_data_timeout_ms: Annotated[
        int, _param(help="Longest wait for the server.", unit="ms", needs="sendMetaDataUrl")
    ] = Field(10_000, ge=10, le=60_000, alias="sendMetaDataTimeoutMs")
    send_metadata_as_sip_info: Annotated[
        bool,
        _param(
            help="The voice side gets the metadata (SIP INFO) although it is posted, too.",
            needs="sendMetaDataUrl",
        ),
    ] = Field(default=False, alias="sendMetadataAsSipInfo")
    send_meta_data_username: Annotated[
        str, _param(help="User name for the server (HTTP Basic).", needs="sendMetaDataUrl")
    ] = Field("", alias="sendMetaDataUsername", max_length=200)
    send_meta_data_password: Annotated[
        SecretStr,
        _param(
            help="Password for the server (HTTP Basic).",
            needs="sendMetaDataUsername",
            secret=True,
        ),
    ] = Field(SecretStr(""), alias="sendMetaDataPassword", max_length=500)
