"""Tests of providers in words: their steps, what they found, why they failed and what to do."""

from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from bots.core.errors import Fault
from bots.net import NOT_ALLOWED, UNTRUSTED
from bots.probes import Outcome, StepName


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    """One step in words."""

    title: str
    ms: int
    ok: bool
    found: tuple[str, ...]


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """An outcome in words; ``cause``, ``detail`` and ``advice`` are empty when it passed."""

    ok: bool
    ms: int
    steps: tuple[ShownStep, ...]
    cause: str = ""
    detail: str = ""
    advice: str = ""


def shown(kind: str, outcome: Outcome) -> Shown:
    """``outcome`` of a provider of ``kind``."""
    return shown_stored(kind, outcome.stored())


def shown_stored(kind: str, stored: Mapping[str, Any]) -> Shown:
    """An outcome as the database keeps it."""
    cause, advice = "", ""
    if not stored["ok"]:
        fault = stored.get("fault")
        cause, advice = _cause(Fault(fault) if fault else None)
        if stored["steps"] and stored["steps"][-1]["name"] == StepName.CREDENTIALS:
            cause, advice = _credentials_cause()
        elif stored.get("detail", "").endswith(NOT_ALLOWED):
            cause, advice = _private_cause()
        elif stored.get("detail", "").endswith(UNTRUSTED):
            cause, advice = _untrusted_cause()
    return Shown(
        ok=stored["ok"],
        ms=stored["ms"],
        steps=tuple(_step(kind, each) for each in stored["steps"]),
        cause=cause,
        detail=stored.get("detail", ""),
        advice=advice,
    )


def _step(kind: str, step: Mapping[str, Any]) -> ShownStep:
    return ShownStep(
        title=_title(kind, StepName(step["name"])),
        ms=step["ms"],
        ok=step["ok"],
        found=tuple(_facts(step.get("facts", {}))),
    )


def _title(kind: str, name: StepName) -> str:
    match name, kind:
        case StepName.CREDENTIALS, _kind:
            return _("Open the credentials")
        case StepName.BUILD, _kind:
            return _("Set up the plug-in")
        case StepName.SAMPLE, _kind:
            return _("Make a sample of speech")
        case StepName.CHECK, _kind:
            return _("Ask whether it would take a call")
        case StepName.CONNECT, "bot":
            return _("Join a conversation")
        case StepName.CONNECT, "carrier":
            return _("Reach the carrier")
        case StepName.CONNECT, _kind:
            return _("Connect")
        case StepName.ANSWER, "tts":
            return _("Wait for the first audio")
        case StepName.ANSWER, _kind:
            return _("Wait for the first answer")
        case StepName.RESULT, "stt":
            return _("Have the sample recognised")
        case StepName.RESULT, "tts":
            return _("Receive the rest of the audio")
        case StepName.RESULT, "carrier":
            return _("This carrier has nothing to test")
        case StepName.RESULT, _kind:
            return _("Notice that somebody speaks")
        case _:
            return _("Leave")


def _facts(facts: Mapping[str, Any]) -> list[str]:
    texts = {
        "said": _("said “%(value)s”"),
        "asked": _("it waited, so it was told “%(value)s”"),
        "heard": _("heard “%(value)s”"),
        "confidence": _("confidence %(value)s"),
        "seconds": _("%(value)s s of audio"),
        "text": _("“%(value)s”"),
        "event": _("event %(value)s"),
        "request": _("request %(value)s"),
        "health": _("health: %(value)s"),
        "validation": _("validation: %(value)s"),
        "started_ms": _("speech noticed at %(value)s ms"),
        "stopped_ms": _("its end at %(value)s ms"),
        "us_per_frame": _("%(value)s µs for each frame of 20 ms"),
    }
    return [texts[name] % {"value": value} for name, value in facts.items() if name in texts]


def _credentials_cause() -> tuple[str, str]:
    """What it means that a credential could not be opened: the service was not asked."""
    return _("A credential cannot be opened, so the service was not asked."), _(
        "Give the decryption key back or replace the secret; of a key vault, check the identifier, "
        "the network and what the gateway's identity may read."
    )


def _private_cause() -> tuple[str, str]:
    return _("The gateway may not connect to this address."), _(
        "It belongs to a private network. If you mean it, start the gateway with the address in "
        "OUTBOUND_ALLOW."
    )


def _untrusted_cause() -> tuple[str, str]:
    return _("The certificate of the service is not trusted."), _(
        "Have it signed for this host name by an authority that the gateway knows. A bot of your "
        "own may go without: botAllowSelfSignedCert."
    )


def _cause(fault: Fault | None) -> tuple[str, str]:
    """What a fault means, and what to do about it."""
    match fault:
        case Fault.AUTHENTICATION:
            return _("The service does not accept the credentials."), _(
                "Replace the credentials, or see whether the account behind them is still open."
            )
        case Fault.AUTHORIZATION:
            return _("The credentials are right but do not allow this."), _(
                "Give the account or identity the rights that the service asks for."
            )
        case Fault.INVALID_REQUEST:
            return _("The service refuses what it was asked."), _(
                "Check the parameters: language, voice, model, address."
            )
        case Fault.NOT_FOUND:
            return _("What was asked for does not exist there."), _(
                "Check names and addresses in the parameters."
            )
        case Fault.RATE_LIMIT:
            return _("The service is asked too often."), _(
                "Wait a minute and test again; if it goes on, raise the limit at the service."
            )
        case Fault.QUOTA:
            return _("The account's quota is used up."), _("Raise it at the service.")
        case Fault.CONNECTIVITY:
            return _("The service cannot be reached, or the connection broke."), _(
                "Check the address, the network and the firewall between here and there."
            )
        case Fault.TIMEOUT:
            return _("The service does not answer in time."), _(
                "Calls would wait as long; see whether the service is overloaded, then test again."
            )
        case Fault.SERVER:
            return _("The service has an error of its own."), _(
                "Test again in a minute; if it goes on, look at the service's own status."
            )
        case Fault.PROTOCOL:
            return _("The answer does not follow the service's protocol."), _(
                "Check that the address leads to that service, and its version."
            )
        case Fault.INTERNAL:
            return _("The gateway itself lacks something."), _(
                "Read the cause; the log of the gateway says more."
            )
        case None:
            return _("The service answered, but with nothing of use."), _(
                "Check language and voice; a call would go on in silence."
            )
