"""Operations on the gateway itself: whether it works, and what needs attention."""

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

router = Router(tags=["System"])
PROBE_GROUP = "api.probe"
"""Nobody listens there: what is sent only shows that the channel layer takes it."""


class ProcessShown(Shown):
    """The process that answers; behind a load balancer there may be others."""

    calls: int = Field(description="Calls that it carries.")
    most_calls: int = Field(description="So many it carries at once at most.")
    draining: bool = Field(description="Whether it takes no more calls, since it is to stop.")


class SystemShown(Shown):
    """How the gateway is doing; the calls are those of the bots that the client reaches."""

    version: str
    live_calls: int
    queued_dialouts: int = Field(description="Outbound calls that wait for their turn.")
    dialouts_under_way: int
    live_events: bool = Field(
        description="Whether live events and acts reach other processes (the channel layer works)."
    )
    process: ProcessShown


class MatterShown(Shown):
    """One thing that needs attention."""

    severity: str = Field(description="major or minor.")
    title: str
    detail: str
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
    shown = SystemShown(
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
    )
    return answer(shown)


@router.get(
    "/system/attention",
    auth=scoped("alarms:read"),
    response=AttentionShown,
    operation_id="listAttention",
    summary="List what needs attention",
)
def attention(request: HttpRequest) -> HttpResponse:
    """What the console's first page shows as needing attention.

    It is the state of this moment: alarms that are raised, cleared and kept are not part of it.
    """
    who = principal(request).who
    # Whoever watches over the gateway is told what is wrong with bots and providers, by name.
    watches = {*who.permissions, Permission.READ_CONFIGURATION}
    sight = Sight(msgspec.structs.replace(who, permissions=frozenset(watches)))
    at = now()
    found = matters(sight, provider_health(sight, at), at)
    items = [
        MatterShown(
            severity=each.severity,
            title=each.title,
            detail=each.detail,
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
