"""Notifier ``email``: a plain text mail for each notice, by SMTP.

Source: RFC 5321 (SMTP), RFC 3207 (STARTTLS), RFC 8314 (TLS from the start).
"""

import asyncio
import re
import socket
import ssl
from email.message import EmailMessage
from email.policy import SMTP as SMTP_LINES
from email.utils import format_datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, SecretStr

from alarms.core.plain import host_name, one_line
from alarms.core.ports import Notice
from bots.core import registry
from bots.core.errors import Fault, ParameterError, ServiceError
from bots.core.params.declare import BESIDE_CREDENTIALS, Param, ParamSet

DEADLINE_S = 9.0
"""Of one attempt, from the connection to the server's last word."""
MOST_RECIPIENTS = 20

_SERVICE = "notifier:email"
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
_SUBJECT_CHARS = 200


def _address(value: str) -> str:
    if value and not _ADDRESS.fullmatch(value):
        raise ValueError("must be an address such as gateway@example.com, without a name")
    return value


def _addresses(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        if not _ADDRESS.fullmatch(value):
            raise ValueError("must be addresses such as ops@example.com, without names")
    return values


class EmailParams(ParamSet):
    """Who gets mail about alarms, and by which server."""

    SECTION: ClassVar[str] = "Alarm e-mail"

    host: Annotated[
        str,
        AfterValidator(host_name),
        Param(help="Host name or address of the mail server.", levels=BESIDE_CREDENTIALS),
    ] = Field("", alias="mailHost", max_length=253)
    port: Annotated[
        int,
        Param(
            help="Port of the mail server: usually 587 with starttls, 465 with tls, 25 without.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field(587, alias="mailPort", ge=1, le=65_535)
    security: Annotated[
        Literal["starttls", "tls", "none"],
        Param(
            help="starttls: encrypted after a greeting. tls: encrypted from the start. none: in "
            "the clear, for a server on this machine.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field("starttls", alias="mailSecurity")
    verify: Annotated[
        bool,
        Param(
            help="Whether the server's certificate must be trusted. Off, anybody between can "
            "read mails and the password.",
            levels=BESIDE_CREDENTIALS,
        ),
    ] = Field(default=True, alias="mailVerifyTls")
    sender: Annotated[
        str,
        AfterValidator(_address),
        Param(help="Address that mails come from.", levels=BESIDE_CREDENTIALS),
    ] = Field("", alias="mailFrom", max_length=254)
    recipients: Annotated[
        tuple[str, ...],
        AfterValidator(_addresses),
        Param(help="Addresses that mails go to.", levels=BESIDE_CREDENTIALS),
    ] = Field((), alias="mailTo", max_length=MOST_RECIPIENTS)


class EmailCredentials(ParamSet):
    """What the mail server knows the gateway by."""

    SECTION: ClassVar[str] = "Alarm e-mail credentials"

    user: Annotated[str, Param(help="Name at the mail server; empty: it asks for none.")] = Field(
        "", alias="mailUser", max_length=254
    )
    password: Annotated[SecretStr, Param(help="Password at the mail server.", secret=True)] = Field(
        SecretStr(""), alias="mailPassword", max_length=500
    )


@registry.register(
    "notifier",
    "email",
    "E-mail",
    summary="A plain text mail for each change of an alarm. Choose a higher severity here: mails "
    "are for people.",
    params=EmailParams,
    credentials=EmailCredentials,
)
class Email:
    """Sends mails to a list of people.

    Raises:
        ParameterError: something that is needed is missing.
    """

    confirmed: ClassVar[bool] = True

    def __init__(
        self,
        params: EmailParams,
        credentials: EmailCredentials,
        *,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        needed = {
            "mailHost": params.host,
            "mailFrom": params.sender,
            "mailTo": params.recipients,
        }
        problems = {name: "is needed" for name, value in needed.items() if not value}
        if credentials.user and params.security == "none":
            problems["mailUser"] = "would send the password in the clear; use starttls or tls"
        if problems:
            raise ParameterError(problems)
        self._params = params
        self._credentials = credentials
        self._deadline_s = deadline_s

    async def send(self, notice: Notice) -> None:
        """Send the mail about ``notice``; taken when the server took it for any recipient.

        Raises:
            ServiceError: the server did not take it.
        """
        import aiosmtplib

        user = self._credentials.user
        try:
            async with asyncio.timeout(self._deadline_s):
                await aiosmtplib.send(
                    message_of(notice, self._params),
                    sender=self._params.sender,
                    recipients=list(self._params.recipients),
                    hostname=self._params.host,
                    port=self._params.port,
                    username=user or None,
                    password=self._credentials.password.get_secret_value() if user else None,
                    use_tls=self._params.security == "tls",
                    start_tls=self._params.security == "starttls",
                    tls_context=self._tls(),
                    timeout=self._deadline_s,
                )
        except aiosmtplib.SMTPException as error:
            raise _error(error) from None
        except TimeoutError:
            raise ServiceError(_SERVICE, Fault.TIMEOUT, "no answer in time") from None
        except (OSError, ValueError) as error:
            raise ServiceError(_SERVICE, Fault.CONNECTIVITY, _reason(error)) from None

    def _tls(self) -> ssl.SSLContext | None:
        if self._params.security == "none":
            return None
        context = ssl.create_default_context()
        if not self._params.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    async def close(self) -> None:
        """Nothing is held: each mail has a connection of its own."""


def message_of(notice: Notice, params: EmailParams) -> EmailMessage:
    """The mail about ``notice``; mails about one alarm are one thread."""
    message = EmailMessage(policy=SMTP_LINES.clone(cte_type="7bit"))
    message["From"] = params.sender
    message["To"] = ", ".join(params.recipients)
    message["Subject"] = subject_of(notice)
    message["Date"] = format_datetime(notice.at)
    domain = params.sender.partition("@")[2]
    message["Message-ID"] = f"<{notice.id}@{domain}>"
    message["References"] = f"<{notice.alarm_id}@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Alarm-Severity"] = notice.severity.word
    message["X-Alarm-Type"] = notice.type
    message.set_content(text_of(notice))
    return message


def subject_of(notice: Notice) -> str:
    """One line that says how bad it is and what."""
    word = {"cleared": "CLEAR", "test": "TEST"}.get(notice.kind, notice.severity.word.upper())
    subject = f"[{_line(notice.gateway)}] {word}: {_line(notice.text)}"
    return subject[:_SUBJECT_CHARS]


def text_of(notice: Notice) -> str:
    """The whole mail, in plain text."""
    severity = notice.severity.word
    if notice.previous is not None:
        severity += f" (was {notice.previous.word})"
    rows = {
        "Alarm": f"{notice.title} ({notice.type})",
        "Source": notice.source,
        "Severity": severity,
        "Detail": notice.detail,
        "Raised": f"{notice.raised_at:%Y-%m-%d %H:%M:%S %Z}",
        "This change": f"{notice.kind}, {notice.at:%Y-%m-%d %H:%M:%S %Z}",
        "Told": f"{notice.count} times" if notice.count > 1 else "",
        "Gateway": notice.gateway,
        "What to do": notice.runbook_url,
        "Its story": notice.console_url,
    }
    lines = [f"{name + ':':<13}{_line(value)}" for name, value in rows.items() if value]
    return "\n".join([_line(notice.text), "", *lines, ""])


def _line(text: str) -> str:
    """``text`` in one line that can be encoded, whatever it holds."""
    return " ".join(one_line(text).split())


def _error(error: Exception) -> ServiceError:
    """What the library says went wrong, as an error of ours; the server's words are left out: they
    may repeat what was sent."""
    import aiosmtplib

    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        return ServiceError(_SERVICE, Fault.AUTHENTICATION, "refused the user or password")
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        return ServiceError(_SERVICE, Fault.NOT_FOUND, "refused every recipient")
    if isinstance(error, aiosmtplib.SMTPTimeoutError):
        return ServiceError(_SERVICE, Fault.TIMEOUT, "no answer in time")
    if isinstance(error, aiosmtplib.SMTPResponseException):
        fault = Fault.SERVER if 400 <= error.code < 500 else Fault.PROTOCOL
        return ServiceError(_SERVICE, fault, f"answered {error.code}")
    if isinstance(error, aiosmtplib.SMTPNotSupported):
        return ServiceError(_SERVICE, Fault.PROTOCOL, "does not offer what is asked of it")
    return ServiceError(_SERVICE, Fault.CONNECTIVITY, _reason(error))


def _reason(error: Exception) -> str:
    import aiosmtplib

    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "its TLS certificate is not trusted"
        if isinstance(cause, socket.gaierror):
            return "its name cannot be resolved"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, (aiosmtplib.SMTPConnectError, OSError)):
        return "no connection: the host or port is wrong, or the server is away"
    return f"the connection broke: {type(error).__name__}"
