"""Claims: which queued dialouts a process may place now, fair between clients and within limits.

A lane is one client's dialouts of one bot. A lane is claimed in a transaction that locks the rows
of its client and its bot, so that whoever else claims for either of them counts what it took.
"""

import math
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count, Q, QuerySet

from alarms import desk
from alarms.core.catalogue import BOT_MISCONFIGURED
from bots.core.errors import ParameterError
from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.models import ApiClient, Bot
from bots.selectors import CallConfiguration, call_configuration
from calls.core.dialout import UNDER_WAY, Outcome, State, pace
from calls.dialouts.states import advance, finish
from calls.models import Dialout

PLACING_LIMIT = timedelta(seconds=60)
"""How long a process may take to have a dialout placed."""
MOST_FAILED = 100
"""Dialouts that cannot be placed at all and are ended in one transaction."""

log = structlog.get_logger(__name__)


class Claimed(msgspec.Struct, frozen=True, kw_only=True):
    """A dialout that this process has to place, and what calls of its bot are configured with."""

    dialout: Dialout
    configuration: CallConfiguration


class Claims(msgspec.Struct, frozen=True):
    """What was claimed; ``held_back``: more is due and waits for a limit or for room."""

    taken: list[Claimed]
    held_back: bool


def claim_due(owner: str, now: datetime, room: int) -> Claims:
    """Claim up to ``room`` dialouts that are due for the process ``owner``.

    Each client gets an equal share, those with the fewest calls under way first; what one leaves
    goes to those after it, and to the others at the next claim. Safe in several processes at once.

    Raises:
        OperationalError, InterfaceError: the database is away, and nothing was claimed.
    """
    taken: list[Claimed] = []
    clients = _lanes(now)
    held_back = False
    for served, lanes in enumerate(clients):
        share = math.ceil((room - len(taken)) / (len(clients) - served))
        for done, lane in enumerate(lanes):
            most = math.ceil(share / (len(lanes) - done))
            try:
                claimed, more = _claim_lane(*lane, owner, now, most)
            except (OperationalError, InterfaceError):
                if not taken:
                    raise
                # What other lanes gave is committed: whoever claimed it has to place it.
                return Claims(taken, held_back=True)
            except Exception:
                # The root of a lane: whatever is wrong with it, the others go on.
                log.exception("dialouts.lane_broken", client=lane[0], bot=lane[1])
                continue
            share -= len(claimed)
            taken += claimed
            held_back |= more
    return Claims(taken, held_back)


def _due(now: datetime) -> QuerySet[Dialout]:
    return Dialout.objects.filter(state=State.QUEUED, not_before__lte=now, not_after__gt=now)


def _lanes(now: datetime) -> list[list[tuple[int | None, int | None]]]:
    """The lanes in which something is due, by client."""
    lanes: dict[int | None, list[tuple[int | None, int | None]]] = {}
    due = _due(now).values_list("client_id", "bot_id").distinct()
    for lane in due.order_by("client_id", "bot_id"):
        lanes.setdefault(lane[0], []).append(lane)
    busy: Counter[int | None] = Counter()
    if len(lanes) > 1:
        under_way = Dialout.objects.filter(state__in=UNDER_WAY, client_id__in=lanes)
        busy.update(dict(under_way.order_by().values_list("client_id").annotate(n=Count("pk"))))
    return [lanes[client_id] for client_id in sorted(lanes, key=lambda each: busy[each])]


def _claim_lane(
    client_id: int | None, bot_id: int | None, owner: str, now: datetime, most: int
) -> tuple[list[Claimed], bool]:
    """What the lane gives, at most ``most``; and whether it holds more."""
    configuration, reason = _configuration(bot_id)
    lane = _due(now).filter(Q(client=client_id), Q(bot=bot_id))
    first = lane.select_related("bot").order_by("not_before", "created_at")
    with transaction.atomic():
        client = ApiClient.objects.select_for_update(no_key=True).filter(Q(pk=client_id)).first()
        if client is not None and not client.enabled:
            reason = "The API client was disabled"
        if configuration is None or reason:
            return [], _fail(first, reason, now)
        list(Bot.objects.select_for_update(no_key=True).filter(name=configuration.bot))
        allowed = min([most, *_allowances(client, configuration, now)])
        rows = list(first[: max(0, allowed) + 1])
        claimed = [
            Claimed(dialout=row, configuration=configuration)
            for row in rows[: max(0, allowed)]
            if _claim(row, owner, now)
        ]
    return claimed, len(rows) > len(claimed)


def _configuration(bot_id: int | None) -> tuple[CallConfiguration | None, str]:
    """What calls of the bot use, or why it can place none."""
    name = Bot.objects.filter(Q(pk=bot_id)).values_list("name", flat=True).first()
    if name is None:
        return None, "The bot was deleted"
    try:
        configuration = call_configuration(name)
    except LookupError:
        return None, "The bot is disabled"
    except ParameterError as error:
        desk.failed(BOT_MISCONFIGURED, name, str(error), certain=True)
        return None, f"The bot is not configured correctly: {', '.join(error.problems)}"
    if configuration.carrier is None:
        return None, "The bot has no carrier for outbound calls"
    return configuration, ""


def _fail(first: QuerySet[Dialout], reason: str, now: datetime) -> bool:
    """End dialouts that cannot be placed; answers whether there are more."""
    rows = list(first.values_list("pk", flat=True)[: MOST_FAILED + 1])
    for dialout_id in rows[:MOST_FAILED]:
        finish(dialout_id, Outcome(State.FAILED, "error", reason), at=now, only_from=[State.QUEUED])
    return len(rows) > MOST_FAILED


def _allowances(
    client: ApiClient | None, configuration: CallConfiguration, now: datetime
) -> Iterator[int]:
    """How many more calls each limit allows at this moment."""
    if client is not None:
        its = Dialout.objects.filter(client=client)
        yield _lines_left(its, client.max_dialouts)
        yield _pace_left(its, client.dialouts_per_second, now)
    limits = configuration.resolved[OutboundCalls]
    if limits.dialout_max_concurrent:
        yield _lines_left(_of(configuration), limits.dialout_max_concurrent)
    if limits.dialout_per_second:
        yield _pace_left(_of(configuration), limits.dialout_per_second, now)


def _of(configuration: CallConfiguration) -> QuerySet[Dialout]:
    return Dialout.objects.filter(bot_name=configuration.bot)


def _lines_left(dialouts: QuerySet[Dialout], most: int) -> int:
    return most - dialouts.filter(state__in=UNDER_WAY).count()


def _pace_left(dialouts: QuerySet[Dialout], per_second: float, now: datetime) -> int:
    calls, seconds = pace(per_second)
    since = now - timedelta(seconds=seconds)
    return calls - dialouts.filter(placed_at__gt=since).count()


def _claim(dialout: Dialout, owner: str, now: datetime) -> bool:
    fields: dict[str, Any] = {"owner": owner, "placed_at": now, "deadline_at": now + PLACING_LIMIT}
    return advance(dialout.pk, State.PLACING, at=now, guard=Q(not_after__gt=now), **fields)
