"""Alarms by mail, to a server that speaks SMTP."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from alarms.core.severity import Severity
from alarms.notifiers.email import (
    Email,
    EmailCredentials,
    EmailParams,
    message_of,
    subject_of,
    text_of,
)
from bots.core.errors import Fault, ParameterError, ServiceError
from tests.alarms.notices import HOSTILE, notice
from tests.fakes.stream_server import listening

pytestmark = [pytest.mark.wire, pytest.mark.once]
PASSWORD = "correct horse battery"


class Box:
    """Where mail arrives; ``answer`` is what the server says to it."""

    def __init__(self) -> None:
        self.mails: list[tuple[list[str], EmailMessage]] = []
        self.refused: set[str] = set()
        self.answer = "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=default)
        assert isinstance(mail, EmailMessage)
        self.mails.append((list(envelope.rcpt_tos), mail))
        return self.answer


def proven(server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
    good = (data.login, data.password) == (b"gateway", PASSWORD.encode())
    return AuthResult(success=good, handled=False)


@asynccontextmanager
async def mail_server(box: Any, security: str, certificate: ssl.SSLContext) -> AsyncIterator[int]:
    """The port of a server for ``box``."""
    context = certificate
    options: dict[str, Any] = {}
    if security == "starttls":
        options = {"tls_context": context, "require_starttls": True}
    if security != "none":
        options |= {"authenticator": proven, "auth_require_tls": security == "starttls"}
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(box, hostname="mail.example.com", **options),
        "127.0.0.1",
        0,
        ssl=context if security == "tls" else None,
    )
    async with listening(server) as port:
        yield port


def email(port: int, security: str, *, password: str = PASSWORD, **values: Any) -> Email:
    params = {
        "mailHost": "127.0.0.1",
        "mailPort": port,
        "mailSecurity": security,
        "mailVerifyTls": False,
        "mailFrom": "gateway@example.com",
        "mailTo": ["ops@example.com", "night@example.com"],
    }
    secret = {} if security == "none" else {"mailUser": "gateway", "mailPassword": password}
    return Email(
        EmailParams.model_validate(params | values), EmailCredentials.model_validate(secret)
    )


@pytest.mark.parametrize("security", ["starttls", "tls", "none"])
async def test_a_mail_arrives(security: str, certificate: ssl.SSLContext) -> None:
    box = Box()
    async with mail_server(box, security, certificate) as port:
        notifier = email(port, security)
        await notifier.send(notice())
        await notifier.close()
    ((recipients, mail),) = box.mails
    assert recipients == ["ops@example.com", "night@example.com"]
    subject = "[voice.example.com] MAJOR: Speech recognition of azure-1 fails: timeout"
    assert mail["Subject"].strip() == subject
    assert mail["From"] == "gateway@example.com"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{notice().id}@example.com>"
    assert mail["References"] == f"<{notice().alarm_id}@example.com>"
    assert mail["X-Alarm-Severity"] == "major"
    text = mail.get_content()
    assert notice().runbook_url in text
    assert "Told:        3 times" in text


async def fault_of(notifier: Email) -> Fault:
    with pytest.raises(ServiceError) as failure:
        await notifier.send(notice())
    assert PASSWORD not in str(failure.value)
    assert "wrong" not in str(failure.value)
    return failure.value.fault


async def test_what_goes_wrong_is_told_apart(certificate: ssl.SSLContext) -> None:
    box = Box()
    async with mail_server(box, "starttls", certificate) as port:
        assert await fault_of(email(port, "starttls", password="wrong")) is Fault.AUTHENTICATION
        with pytest.raises(ServiceError, match="certificate is not trusted"):
            await email(port, "starttls", mailVerifyTls=True).send(notice())
        box.refused = {"ops@example.com", "night@example.com"}
        assert await fault_of(email(port, "starttls")) is Fault.NOT_FOUND
        box.refused = {"ops@example.com"}
        await email(port, "starttls").send(notice())
        box.answer = "451 later"
        assert await fault_of(email(port, "starttls")) is Fault.SERVER
        box.answer = "554 never"
        assert await fault_of(email(port, "starttls")) is Fault.PROTOCOL
    with pytest.raises(ServiceError, match="host or port is wrong"):
        await email(port, "starttls").send(notice())
    with pytest.raises(ServiceError, match="name cannot be resolved"):
        await email(port, "starttls", mailHost="no-such-host.invalid").send(notice())
    async with mail_server(box, "none", certificate) as port:
        assert await fault_of(email(port, "starttls")) in (Fault.PROTOCOL, Fault.CONNECTIVITY)


async def test_a_server_that_says_nothing_does_not_hold_anybody() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with listening(server) as port:
        patient = email(port, "none")
        notifier = Email(patient._params, EmailCredentials(), deadline_s=0.05)
        assert await fault_of(notifier) is Fault.TIMEOUT


def test_hostile_texts_are_no_headers() -> None:
    told = notice(text=HOSTILE, gateway=HOSTILE, source=HOSTILE, detail=HOSTILE, title=HOSTILE)
    params = EmailParams.model_validate(
        {"mailFrom": "gateway@example.com", "mailTo": ["ops@example.com"]}
    )
    raw = bytes(message_of(told, params))
    read = message_from_bytes(raw, policy=default)
    assert read["To"] == "ops@example.com"
    assert len(read.get_all("To") or ()) == 1
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert raw.isascii()
    assert len(subject_of(told)) == 200


def test_the_subject_says_how_bad_it_is() -> None:
    clear = notice(kind="cleared", severity=Severity.CLEAR, previous=Severity.MAJOR, count=1)
    assert "] CLEAR: " in subject_of(clear)
    assert "] TEST: " in subject_of(notice(kind="test", severity=Severity.INDETERMINATE))
    assert "clear (was major)" in text_of(clear)
    assert "Told" not in text_of(clear)


def test_what_is_needed_is_asked_for() -> None:
    with pytest.raises(ParameterError) as refused:
        Email(EmailParams(), EmailCredentials())
    assert refused.value.problems.keys() == {"mailHost", "mailFrom", "mailTo"}


def test_no_password_goes_in_the_clear() -> None:
    values = {"mailUser": "gateway", "mailPassword": PASSWORD}
    with pytest.raises(ParameterError) as refused:
        Email(email(25, "none")._params, EmailCredentials.model_validate(values))
    assert refused.value.problems.keys() == {"mailUser"}


@pytest.mark.parametrize("address", ["a", "a@b\r\nBcc: c@d", "Ops <a@b>", "a@b,c@d", "ä@b", "@"])
def test_addresses_are_plain(address: str) -> None:
    with pytest.raises(ValueError, match="must be an address"):
        EmailParams.model_validate({"mailFrom": address})
    with pytest.raises(ValueError, match="must be addresses"):
        EmailParams.model_validate({"mailTo": [address]})


def test_certificates_are_verified_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    context = email(587, "starttls", mailVerifyTls=True)._tls()
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
