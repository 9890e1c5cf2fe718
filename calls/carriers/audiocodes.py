"""Carrier ``audiocodes``: VoiceAI Connect or Live Hub places the call.

It is asked by its dialout API, connects to our bot over the voice WebSocket as for any call
(`calls.channels.voice_consumer` tells which one it is), rings, and reports failures to
``Desk.callback_url``. Source: VoiceAI Connect and Live Hub documentation, "Outbound calling".
"""

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import msgspec
import structlog
from pydantic import AfterValidator, Field, SecretStr

from bots.core import registry
from bots.core.delivering import retry_after_s
from bots.core.errors import Fault, ServiceError
from bots.core.params.declare import BESIDE_CREDENTIALS, Param, ParamSet
from bots.net import Answer, Outbound, OutboundError, fault_of_status
from bots.oauth import Bearer, ClientCredentials
from calls.channels.expected import marked
from calls.core.dialout import DialoutOrder
from calls.core.events import EndRequested
from calls.dialout.port import CarrierBusy, CarrierRefused, Desk

PATH = "/api/v1/actions/dialout"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
ORDER_S = 10.0
MAX_ANSWER_BYTES = 65_536
UNREACHABLE_S = 10.0
"""When to try again after no connection was had."""
MOST_PATIENCE_S = 300.0
"""The longest ``Retry-After`` that is believed."""

_CALL_ID = re.compile(r"[\x21-\x7e]{1,200}")
_UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_SERVICE = "carrier:audiocodes"

log = structlog.get_logger(__name__)


def _http_url(value: str) -> str:
    try:
        parts = urlsplit(value)
        sound = not value or (parts.scheme in ("http", "https") and bool(parts.hostname))
        sound = sound and "@" not in parts.netloc
    except ValueError:
        sound = False
    if not sound or not value.isascii() or any(c <= " " or c == "\x7f" for c in value):
        raise ValueError("must be an http or https URL, such as https://livehub.audiocodes.io")
    return value


class AudioCodesParams(ParamSet):
    """How VoiceAI Connect or Live Hub is asked to place calls (their dialout API)."""

    SECTION: ClassVar[str] = "VoiceAI Connect dialout"

    url: Annotated[
        str,
        AfterValidator(_http_url),
        Param(
            help=f"Address of VoiceAI Connect or Live Hub; {PATH} is added unless it is there.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field("", alias="dialoutUrl", max_length=500)
    bot: Annotated[
        str,
        Param(
            help="The bot connection that is to call, as it is named there (VoiceAI Connect: its "
            "name, Live Hub: its id). It must lead to this bot. Empty: it has the bot's name."
        ),
    ] = Field("", alias="carrierBot", max_length=200)
    auth: Annotated[
        Literal["oauth", "basic", "token"],
        Param(
            help="oauth: a token by client credentials. basic: client id and secret with every "
            "request. token: a permanent token."
        ),
    ] = Field("oauth", alias="dialoutAuth")
    token_url: Annotated[
        str,
        AfterValidator(_http_url),
        Param(
            help=f"Where OAuth tokens are fetched; empty: {TOKEN_PATH} at the same host.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field("", alias="dialoutTokenUrl", max_length=500)


class AudioCodesCredentials(ParamSet):
    """What VoiceAI Connect or Live Hub gave the gateway to dial out with."""

    SECTION: ClassVar[str] = "VoiceAI Connect dialout credentials"

    client_id: Annotated[str, Param(help="Client id; for oauth and basic.")] = Field(
        "", alias="dialoutClientId", max_length=500
    )
    client_secret: Annotated[
        SecretStr, Param(help="Client secret; for oauth and basic.", secret=True)
    ] = Field(SecretStr(""), alias="dialoutClientSecret", max_length=2000)
    token: Annotated[SecretStr, Param(help="Permanent token.", secret=True)] = Field(
        SecretStr(""), alias="dialoutToken", max_length=8000
    )


class _Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """Body of the dialout request."""

    bot: str
    target: str
    caller: str = ""
    caller_host: str = ""
    caller_display_name: str = ""
    notify_url: str = ""
    answer_timeout_sec: int = 0
    machine_detection: str = ""
    metadata: dict[str, object] = {}


class _Reply(msgspec.Struct, frozen=True, rename="camel"):
    conversation_id: str = ""


@registry.register(
    "carrier",
    "audiocodes",
    "AudioCodes VoiceAI Connect, Live Hub",
    summary="Places calls by the dialout API of VoiceAI Connect or Live Hub, which then connects "
    "to the bot as for any other call.",
    params=AudioCodesParams,
    credentials=AudioCodesCredentials,
)
class AudioCodes:
    """Asks VoiceAI Connect to call."""

    calls_back = True

    def __init__(self, params: AudioCodesParams, credentials: AudioCodesCredentials) -> None:
        self._params = params
        self._credentials = credentials
        self._url = _dialout_url(params.url)
        client = ClientCredentials(
            token_url=params.token_url or _token_url(self._url),
            client_id=credentials.client_id,
            client_secret=credentials.client_secret,
        )
        self._bearer = Bearer(
            _SERVICE, token=credentials.token, client=client if params.auth == "oauth" else None
        )

    async def place(self, order: DialoutOrder, desk: Desk) -> str:
        """See `calls.dialout.port.Carrier`.

        Where it is not known whether the order arrived, it counts as taken, without an id: the
        call may come, and ordering it again could call somebody twice.
        """
        if not self._url:
            raise CarrierRefused("error", "The carrier has no address; set dialoutUrl")
        body = msgspec.json.encode(self._request(order, desk.callback_url))
        try:
            answer = await self._authorised("POST", desk.outbound, body)
        except OutboundError as error:
            if error.sent:
                log.warning("carrier.no_reply", dialout=order.dialout_id, reason=error.reason)
                return ""
            raise _not_placed(
                error.fault, f"The carrier cannot be reached: {error.reason}"
            ) from None
        except ServiceError as error:
            raise _not_placed(error.fault, error.detail) from None
        if answer.status == 504:
            log.warning("carrier.no_reply", dialout=order.dialout_id, reason="HTTP 504")
            return ""
        _refuse_unless_taken(answer)
        return _call_id(answer.body, order.dialout_id)

    async def cancel(self, order: DialoutOrder, carrier_call_id: str, desk: Desk) -> None:
        """See `calls.dialout.port.Carrier`; their API has no way but to hang up as the bot."""
        session = desk.host.find(order.bot, carrier_call_id) if carrier_call_id else None
        if session is not None:
            session.take(
                EndRequested(by="operator", reason_code="bot-disconnected", reason="Cancelled")
            )

    async def check(self, outbound: Outbound) -> None:
        """See `calls.dialout.port.CheckedCarrier`; their API answers 405 to a GET, or the like."""
        if not self._url:
            raise ServiceError(_SERVICE, Fault.INVALID_REQUEST, "dialoutUrl is not set")
        try:
            answer = await self._authorised("GET", outbound, None)
        except OutboundError as error:
            raise ServiceError(_SERVICE, error.fault, error.reason) from None
        if answer.status in (401, 403, 404) or answer.status >= 500:
            detail = f"HTTP {answer.status} from {urlsplit(self._url).hostname}"
            raise ServiceError(_SERVICE, fault_of_status(answer.status), detail)

    def _request(self, order: DialoutOrder, callback_url: str) -> _Request:
        return _Request(
            bot=self._params.bot or order.bot,
            target=order.target,
            caller=order.caller,
            caller_host=order.caller_host,
            caller_display_name=order.caller_display_name,
            notify_url=callback_url,
            answer_timeout_sec=order.answer_timeout_s,
            machine_detection=order.machine_detection,
            metadata=marked(order),
        )

    # --- who we are -----------------------------------------------------------------------------

    async def _authorised(self, method: str, outbound: Outbound, body: bytes | None) -> Answer:
        """Ask with the credentials; a token that is refused is fetched anew once.

        Raises:
            OutboundError: no answer to the request itself.
            ServiceError: no token can be had.
        """
        proof = await self._proof(outbound, None)
        answer = await self._asked(method, outbound, body, proof)
        if answer.status == 401 and proof:
            fresh = await self._proof(outbound, proof["Authorization"])
            if fresh != proof:
                answer = await self._asked(method, outbound, body, fresh)
        return answer

    async def _proof(self, outbound: Outbound, refused: str | None) -> dict[str, str]:
        if self._params.auth != "basic":
            return await self._bearer.headers(refused, way=outbound)
        user, secret = self._credentials.client_id, self._credentials.client_secret
        return {"Authorization": aiohttp.encode_basic_auth(user, secret.get_secret_value())}

    async def _asked(
        self, method: str, outbound: Outbound, body: bytes | None, proof: dict[str, str]
    ) -> Answer:
        return await outbound.request(
            method,
            self._url,
            deadline_s=ORDER_S,
            headers=proof if body is None else {"Content-Type": "application/json", **proof},
            body=body,
            max_bytes=MAX_ANSWER_BYTES,
        )


def _dialout_url(url: str) -> str:
    """``url`` with the path of the dialout action, unless it has it."""
    if not url or urlsplit(url).path.rstrip("/").endswith("/dialout"):
        return url
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.rstrip("/") + PATH, "", ""))


def _token_url(dialout_url: str) -> str:
    parts = urlsplit(dialout_url)
    return urlunsplit((parts.scheme, parts.netloc, TOKEN_PATH, "", ""))


def _patience_s(answer: Answer) -> float:
    told = retry_after_s(answer.headers.get("Retry-After", ""), datetime.now(UTC))
    return max(1.0, min(told, MOST_PATIENCE_S)) if told is not None else UNREACHABLE_S


def _not_placed(fault: Fault, reason: str) -> CarrierBusy | CarrierRefused:
    if fault.retryable:
        return CarrierBusy(reason, retry_after_s=UNREACHABLE_S)
    return CarrierRefused("error", reason)


def _refuse_unless_taken(answer: Answer) -> None:
    """What another status than success means (their dialer takes any but 200 as a failure).

    Raises:
        CarrierBusy: 429 or 503.
        CarrierRefused: anything else.
    """
    if answer.status in (429, 503):
        reason = f"The carrier takes no more calls now (HTTP {answer.status})"
        raise CarrierBusy(reason, retry_after_s=_patience_s(answer))
    if answer.status in (401, 403):
        reason = f"The carrier does not let the gateway call (HTTP {answer.status})"
        raise CarrierRefused("error", reason)
    if not 200 <= answer.status < 300:
        raise CarrierRefused("error", f"The carrier refused the order (HTTP {answer.status})")


def _call_id(body: bytes, dialout_id: str) -> str:
    """The carrier's id of the call; empty when it does not tell one."""
    try:
        told = msgspec.json.decode(body, type=_Reply).conversation_id
    except _UNREADABLE:
        told = ""
    if not _CALL_ID.fullmatch(told):
        log.warning("carrier.no_call_id", dialout=dialout_id)
        return ""
    return told
