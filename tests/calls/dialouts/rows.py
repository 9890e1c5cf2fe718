"""Dialouts, their clients, bots and calls as rows, made with as little as a test needs."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from django.db import transaction

from bots import secrets
from bots.core.registry import Kind
from bots.models import ApiClient, Bot, Delivery, Provider
from bots.services.bots import bot_create
from bots.services.providers import provider_create
from calls.core.dialout import State
from calls.dialouts import advance
from calls.models import Call, Dialout, DialoutEvent
from tests import plugins as _plugins  # noqa: F401 - registers the test plug-ins

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
OWNER = "web-1"
NOTIFY_URL = "https://dialer.example/notify?campaign=7"


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def client(name: str = "dialer", **fields: Any) -> ApiClient:
    made: ApiClient = ApiClient.objects.create(name=name, **fields)  # its base is untyped
    return made


def bot(name: str = "seller", *, carrier: bool = True, **params: Any) -> Bot:
    """A bot that answers nothing and dials out by the test carrier."""
    from tests.calls.dialout import carrier as _carrier  # noqa: F401 - registers it

    def provider(kind: Kind, plugin: str) -> Provider:
        return provider_create(name=f"{name}-{kind}", kind=kind, plugin=plugin)

    return bot_create(
        name=name,
        author="test",
        params={"tableAnswers": {}, **params},
        provider=provider("bot", "table"),
        vad_provider=provider("vad", "tones"),
        carrier_provider=provider("carrier", "test") if carrier else None,
    )


def dialout(**fields: Any) -> Dialout:
    """A queued dialout with its first event, due at noon."""
    values: dict[str, Any] = {
        "bot_name": fields["bot"].name if fields.get("bot") else "seller",
        "requested_by": "dialer",
        "target": "tel:+15550199",
        "notify": secrets.sealed_texts({"url": NOTIFY_URL, "secret": ""}),
        "not_before": NOON,
        "not_after": NOON + timedelta(hours=1),
        "created_at": NOON,
    }
    with transaction.atomic():
        row = Dialout.objects.create(**values | fields)
        DialoutEvent.objects.create(dialout=row, seq=1, at=row.created_at, state=State.QUEUED)
    return row


def brought(to: State, *, owner: str = OWNER, at: datetime = NOON, **fields: Any) -> Dialout:
    """A dialout that went its way to ``to``, in the hands of ``owner``."""
    row = dialout()
    path = {
        State.QUEUED: [],
        State.PLACING: [State.PLACING],
        State.DIALING: [State.PLACING, State.DIALING],
        State.ANSWERED: [State.PLACING, State.DIALING, State.ANSWERED],
        State.COMPLETED: [State.PLACING, State.DIALING, State.ANSWERED, State.COMPLETED],
        State.FAILED: [State.PLACING, State.FAILED],
        State.CANCELLED: [State.CANCELLED],
    }[to]
    told = {State.COMPLETED: "client-disconnected", State.FAILED: "busy"}
    for state in path:
        mine: dict[str, Any] = {}
        if state is State.PLACING:
            mine = {"owner": owner, "placed_at": at, "deadline_at": at + seconds(60)}
        elif state is State.ANSWERED:
            mine = {"answered_at": at}
        code = told.get(state, "cancelled" if state is State.CANCELLED else "")
        assert advance(row.pk, state, at=at, reason_code=code, **mine)
    Dialout.objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


def call_of(row: Dialout, *, owner: str = OWNER, ended: str = "") -> Call:
    """The call that belongs to ``row``; over with the reason code ``ended``."""
    values: dict[str, Any] = {}
    if ended:
        values = {
            "state": "ended",
            "ended_at": NOON + seconds(5),
            "ended_by": "caller",
            "reason_code": ended,
            "reason": "The far end said so",
        }
    call = Call.objects.create(
        pk=uuid4(),
        conversation_id=str(row.pk),
        channel="test",
        mode="text",
        direction="outbound",
        bot_name="seller",
        bot_revision=1,
        owner=owner,
        started_at=NOON,
        transcript_days=0,
        **values,
    )
    Dialout.objects.filter(pk=row.pk).update(call=call)
    row.refresh_from_db()
    return call


def story(row: Dialout) -> list[tuple[str, str]]:
    """The states that ``row`` went through, with their reason codes."""
    return list(row.events.values_list("state", "reason_code"))


def told(row: Dialout) -> list[str]:
    """What its dialer was told or will be, in order."""
    rows = Delivery.objects.filter(stream=f"dialout:{row.pk}").order_by("seq")
    return list(rows.values_list("kind", flat=True))
