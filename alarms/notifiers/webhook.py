"""Notifier ``webhook``: a POST for each notice, signed as Standard Webhooks says.

Source: https://www.standardwebhooks.com, version 1.0.0
"""

from datetime import UTC, datetime
from typing import Annotated, Any, ClassVar

import msgspec
from pydantic import AfterValidator, Field, SecretStr
from standardwebhooks import Webhook
from standardwebhooks.webhooks import EmptyWebhookSecretError
from yarl import URL

from alarms.core.ports import Notice
from bots.core import registry
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import Param, ParamSet
from bots.core.registry import NoParams
from bots.net import NOT_ALLOWED, OutboundError, fault_of_status, outbound

DEADLINE_S = 9.0

_SERVICE = "notifier:webhook"


def _http_url(secret: SecretStr) -> SecretStr:
    value = secret.get_secret_value()
    try:
        sound = not value or (URL(value).scheme in ("http", "https") and bool(URL(value).host))
    except ValueError:
        sound = False
    if not sound or not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be an http or https URL, such as https://hooks.example.com/alarms")
    return secret


def _origin(url: str) -> str:
    return str(URL(url).origin())


class WebhookCredentials(ParamSet):
    """Where alarms are posted, which may be proof enough, and what else the receiver asks for."""

    SECTION: ClassVar[str] = "Alarm webhook credentials"

    url: Annotated[
        SecretStr,
        AfterValidator(_http_url),
        Param(
            help="Address that takes a POST with a JSON body for each alarm; only its scheme and "
            "host are shown again. Addresses inside the network are only reached when "
            "OUTBOUND_ALLOW names them.",
            secret=True,
            hint=_origin,
        ),
    ] = Field(SecretStr(""), alias="alarmWebhookUrl", max_length=2000)
    secret: Annotated[
        SecretStr,
        Param(
            help="Signing secret of Standard Webhooks (whsec_… or its base64); empty: not signed.",
            secret=True,
        ),
    ] = Field(SecretStr(""), alias="alarmWebhookSecret", max_length=200)
    authorization: Annotated[
        SecretStr,
        Param(
            help="Value of the header Authorization, such as Bearer <token>; empty: none.",
            secret=True,
        ),
    ] = Field(SecretStr(""), alias="alarmWebhookAuthorization", max_length=4000)


@registry.register(
    "notifier",
    "webhook",
    "Webhook",
    summary="A signed JSON POST for each change of an alarm: for chat systems, incident tools and "
    "your own programs.",
    credentials=WebhookCredentials,
)
class AlarmWebhook:
    """Posts notices to one address.

    Raises:
        ParameterError: the address is missing, or the secret or header is malformed.
    """

    confirmed: ClassVar[bool] = True

    def __init__(self, params: NoParams, credentials: WebhookCredentials) -> None:
        self._url = credentials.url.get_secret_value()
        if not self._url:
            raise ParameterError({"alarmWebhookUrl": "is needed"})
        self._signer = _signer(credentials.secret.get_secret_value())
        self._authorization = credentials.authorization.get_secret_value()
        if not self._authorization.isascii() or not self._authorization.isprintable():
            problem = "must be one line of ASCII characters"
            raise ParameterError({"alarmWebhookAuthorization": problem})

    async def send(self, notice: Notice) -> None:
        """Post ``notice``.

        Raises:
            ServiceError: no answer came, or one that is not 2xx.
        """
        body = msgspec.json.encode(body_of(notice))
        now = datetime.now(UTC)
        headers = {
            "Content-Type": "application/json",
            "webhook-id": notice.id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if self._signer is not None:
            headers["webhook-signature"] = self._signer.sign(notice.id, now, body.decode())
        if self._authorization:
            headers["Authorization"] = self._authorization
        try:
            answer = await outbound().request(
                "POST", self._url, deadline_s=DEADLINE_S, headers=headers, body=body
            )
        except OutboundError as error:
            hint = "; OUTBOUND_ALLOW does not name it" if error.reason == NOT_ALLOWED else ""
            raise ServiceError(_SERVICE, error.fault, error.reason + hint) from None
        if not 200 <= answer.status < 300:
            fault = fault_of_status(answer.status) if answer.status >= 400 else Fault.PROTOCOL
            raise ServiceError(_SERVICE, fault, f"answered HTTP {answer.status}")

    async def close(self) -> None:
        """Nothing is held: connections are those of the whole process."""


def body_of(notice: Notice) -> dict[str, Any]:
    """What is posted about ``notice``."""
    data = msgspec.to_builtins(notice)
    for name in ("id", "kind", "number"):
        del data[name]
    data["severity"] = notice.severity.word
    data["previous"] = None if notice.previous is None else notice.previous.word
    return {
        "type": f"alarm.{notice.kind}",
        "timestamp": notice.at.isoformat(),
        "data": data,
    }


def _signer(secret: str) -> Webhook | None:
    if not secret:
        return None
    try:
        return Webhook(secret)
    except (ValueError, EmptyWebhookSecretError):
        problem = "must be base64, with or without whsec_ before it"
        raise ParameterError({"alarmWebhookSecret": problem}) from None
