"""Call events: what a bot's webhook is told when calls begin, speak and end.

Who is told is decided when the call begins and kept, encrypted, with its record: a change of the
bot's parameters is for later calls. The events of one call are one stream of the outbox, written in
the transaction of the fact; writing the same fact again tells nobody anything again.
"""

from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.conf import settings

from bots import secrets
from bots.core.params.resolve import Resolved
from bots.core.params.sections.webhooks import Webhooks
from bots.deliveries import outbox
from calls.core.cdr import as_json, cdr
from calls.facts import AgentTold, LineHeard
from calls.models import Call, Dialout

log = structlog.get_logger(__name__)


def webhook_of(resolved: Resolved) -> dict[str, str] | None:
    """Whom a call with these parameters tells what, encrypted for `Call.webhook`; None: nobody."""
    wanted = resolved[Webhooks]
    if not (wanted.call_events_url and wanted.call_events):
        return None
    return secrets.sealed_texts(
        {
            "url": wanted.call_events_url,
            "secret": wanted.call_events_secret.get_secret_value(),
            "events": " ".join(wanted.call_events),
        }
    )


def reports_of(resolved: Resolved) -> frozenset[str]:
    """Which reports of its voice agent a call with these parameters tells its webhook."""
    wanted = resolved[Webhooks]
    if not (wanted.call_events_url and "call.agent" in wanted.call_events):
        return frozenset()
    return frozenset(wanted.call_agent_reports)


def started(call: Call) -> None:
    """Tell that ``call`` began, if somebody wants to know."""
    _tell(call, "call.started", call.started_at, _record(call), fact="started")


def ended(call: Call) -> None:
    """Tell how ``call`` ended, if somebody wants to know.

    A call that was taken for lost and ends properly after all is told of once more.
    """
    if call.ended_at is None:
        raise ValueError("the call is still going on")
    address = f"{settings.PUBLIC_URL}/api/v1/calls/{call.pk}/transcript"
    data = {**_record(call), "transcriptUrl": address if call.transcript_days else None}
    _tell(call, "call.ended", call.ended_at, data, fact=f"ended {call.cause}")


def line(call: Call, heard: LineHeard) -> None:
    """Tell what was said in ``call``, if somebody wants to know."""
    data = {
        "seq": heard.seq,
        "offsetMs": heard.offset_ms,
        "side": heard.side,
        "kind": heard.kind,
        "text": heard.text,
        "fullText": heard.full_text or None,
        "confidence": heard.confidence,
    }
    _tell(call, "call.line", _at(call, heard), _named(call, data), fact=f"line {heard.seq}")


def agent(call: Call, told: AgentTold) -> None:
    """Tell what the voice agent of ``call`` reported, if somebody wants to know."""
    data = {
        "seq": told.seq,
        "offsetMs": told.offset_ms,
        "report": told.report,
        "detail": told.detail,
        "complete": told.complete,
    }
    _tell(call, "call.agent", _at(call, told), _named(call, data), fact=f"agent {told.seq}")


def _named(call: Call, data: dict[str, Any]) -> dict[str, Any]:
    """``data`` with whose it is in front."""
    return {
        "id": str(call.pk),
        "conversationId": call.conversation_id,
        "bot": call.bot_name,
        "isTest": call.is_test,
        **data,
    }


def _at(call: Call, fact: LineHeard | AgentTold) -> datetime:
    return call.started_at + timedelta(milliseconds=fact.offset_ms)


def _record(call: Call) -> dict[str, Any]:
    dialout = None
    if call.direction == "outbound":
        dialout = Dialout.objects.filter(call=call).values_list("pk", flat=True).first()
    return as_json(cdr(call, dialout_id=dialout))


def _tell(call: Call, kind: str, at: datetime, data: dict[str, Any], *, fact: str) -> None:
    if call.webhook is None:
        return
    # NB whatever is wrong with a webhook, the call's record must not be lost with it.
    try:
        webhook = secrets.opened_texts(call.webhook)
    except LookupError:
        log.error("webhook.unreadable", call=str(call.pk))
        return
    if kind not in webhook["events"].split():
        return
    body = msgspec.json.encode({"type": kind, "timestamp": at, "data": data}).decode()
    try:
        outbox.put(
            stream=f"call:{call.pk}",
            kind=kind,
            url=webhook["url"],
            body=body,
            bot=call.bot_name,
            secret=webhook["secret"],
            at=at,
            fact=fact,
        )
    except ValueError:
        log.error("webhook.malformed", call=str(call.pk))
