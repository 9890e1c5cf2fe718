"""Operations on the gateway itself: whether it works, and what needs attention."""

from datetime import datetime
from typing import Literal, TypeVar
from uuid import UUID

import msgspec
from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from ninja import Router
from pydantic import Field

from bots.api.reach import principal
from bots.core.roles import Permission
from bots.rest.answers import answer
from bots.rest.authentication import scoped
from bots.rest.schemas import Shown
from calls.attention import matters, provider_health
from calls.live import LAYER_ERRORS, send_group
from calls.models import Call, Dialout
from calls.selectors import Sight
from calls.session.host import session_host
from calls.system.dependencies import Dependency, dependencies
from calls.system.processes import Process, processes

router = Router(tags=["System"])
ShownModel = TypeVar("ShownModel", bound=Shown)
PROBE_GROUP = "api.probe"
"""Nobody listens there: what is sent only shows that the channel layer takes it."""


class ProcessShown(Shown):
    """The process that answers; behind a load balancer there may be others."""

    calls: int = Field(description="Calls that it carries.")
    most_calls: int = Field(description="So many it carries at once at most.")
    draining: bool = Field(description="Whether it takes no more calls.")


class OneProcessShown(Shown):
    """One process of the gateway; what it has not told is null."""

    owner: str = Field(description="Its name, a new one after each start.")
    host: str
    pid: int
    role: str = Field(description="web: it takes calls; worker: it does background work.")
    version: str
    state: Literal["alive", "draining", "silent"] = Field(
        description="draining: it takes no more calls, or is to; silent: it has not said for half "
        "a minute that it is alive."
    )
    draining: bool = Field(description="It has said itself that it takes no more calls.")
    started_at: datetime
    renewed_at: datetime = Field(description="When it last said that it is alive.")
    calls: int | None
    most_calls: int | None
    lag_p99_ms: float | None = Field(
        description="99 of 100 turns of its event loop came no later than that."
    )
    cpu_percent: float | None
    rss_mb: float | None
    db_connections: int | None
    records_waiting: int | None = Field(description="Facts about calls that are not stored yet.")


class PartShown(Shown):
    """Something that the gateway depends on, tried for this answer."""

    name: Literal["database", "bus", "broker", "worker", "speech"]
    state: Literal["ok", "slow", "failing", "absent"] = Field(
        description="absent: no call has needed it so far."
    )
    ms: float | None = Field(description="How long it took to answer.")


class SystemShown(Shown):
    """How the gateway is doing; the calls are those of the bots that the client reaches.

    Processes and parts are shown to clients with the scope alarms:read that reach every bot.
    """

    version: str
    live_calls: int
    queued_dialouts: int = Field(description="Outbound calls that wait for their turn.")
    dialouts_under_way: int
    live_events: bool = Field(
        description="Whether live events and acts reach other processes (the channel layer works)."
    )
    process: ProcessShown
    processes: list[OneProcessShown]
    dependencies: list[PartShown]


class MatterShown(Shown):
    """One thing that needs attention."""

    severity: Literal["critical", "major", "minor", "warning", "indeterminate"]
    title: str
    detail: str
    source: str | None = Field(description="What it is wrong with, when it is an alarm.")
    alarm: UUID | None = Field(description="The alarm that it is; null: too little for one.")
    raised_at: datetime | None = Field(description="When the alarm was raised.")
    acknowledged: bool = Field(description="Whether somebody takes care of the alarm.")
    url: str | None = Field(description="The page of the console about it.")


class AttentionShown(Shown):
    """What needs attention at this moment, the worst first."""

    items: list[MatterShown]


@router.get(
    "/system",
    auth=scoped("calls:read", "bots:read", "alarms:read"),
    response=SystemShown,
    operation_id="getSystem",
    summary="Read the state of the gateway",
)
def system(request: HttpRequest) -> HttpResponse:
    """Version, load and whether the parts work. An answer at all means that the database does."""
    who, host = principal(request).who, session_host()
    reached = {} if who.bots is None else {"bot_name__in": who.bots}
    active = Call.objects.filter(state=Call.State.ACTIVE, **reached)
    dialouts = Dialout.objects.filter(**reached)
    states = Dialout.State
    sees = who.bots is None and who.may(Permission.SEE_ALARMS)
    found = processes(now()) if sees else []
    parts = dependencies(found) if sees else []
    state = SystemShown(
        version=settings.VERSION,
        live_calls=active.count(),
        queued_dialouts=dialouts.filter(state=states.QUEUED).count(),
        dialouts_under_way=dialouts.filter(
            state__in=(states.PLACING, states.DIALING, states.ANSWERED)
        ).count(),
        live_events=async_to_sync(_layer_works)(),
        process=ProcessShown(
            calls=host.calls, most_calls=settings.MAX_CALLS, draining=host.draining
        ),
        processes=[shown(OneProcessShown, each) for each in found],
        dependencies=[shown(PartShown, each) for each in parts],
    )
    return answer(state)


def shown(model: type[ShownModel], found: Process | Dependency) -> ShownModel:
    """``found`` by the fields of ``model``."""
    return model(**{name: getattr(found, name) for name in model.model_fields})


@router.get(
    "/system/attention",
    auth=scoped("alarms:read"),
    response=AttentionShown,
    operation_id="listAttention",
    summary="List what needs attention",
)
def attention(request: HttpRequest) -> HttpResponse:
    """What the console's first page shows.

    First active alarms that nobody silenced, worst first, ten of them at most; after them what is
    too little for an alarm.
    """
    who = principal(request).who
    # Whoever watches over the gateway is told what is wrong with bots and providers, by name.
    watches = {*who.permissions, Permission.READ_CONFIGURATION}
    sight = Sight(msgspec.structs.replace(who, permissions=frozenset(watches)))
    at = now()
    found = matters(sight, provider_health(sight, at), at)
    items = [
        MatterShown(
            severity=each.severity.word,
            title=each.title,
            detail=each.detail,
            source=each.of or None,
            alarm=each.alarm or None,
            raised_at=each.since,
            acknowledged=each.cared,
            url=f"{settings.PUBLIC_URL}{each.url}" if each.url else None,
        )
        for each in found
    ]
    return answer(AttentionShown(items=items))


async def _layer_works() -> bool:
    try:
        await send_group(get_channel_layer(), PROBE_GROUP, {"type": "api.probe"})
    except LAYER_ERRORS:
        return False
    return True
