"""Dialouts whose calls must end because somebody took them back, or because they have ended."""

from collections.abc import Set
from uuid import UUID

import msgspec
from django.db.models import Q

from calls.core.dialout import FINAL, State
from calls.models import Dialout

MOST = 200
"""That one look finds."""


class Withdrawn(msgspec.Struct, frozen=True, kw_only=True):
    """A dialout whose call is to end; ``cancelled``: somebody took it back, and it rings."""

    dialout: Dialout
    cancelled: bool


def withdrawn(owner: str, here: Set[UUID]) -> list[Withdrawn]:
    """What the process ``owner`` has to end; ``here`` are the dialouts with live calls in it."""
    ours = Q(owner=owner) | Q(pk__in=here)
    ringing = Q(state__in=(State.PLACING, State.DIALING))
    taken_back = ours & ringing & Q(cancel_requested=True)
    over = Q(pk__in=here, state__in=FINAL)
    rows = Dialout.objects.filter(taken_back | over).select_related("bot").order_by("created_at")
    return [
        Withdrawn(dialout=row, cancelled=row.cancel_requested and row.state not in FINAL)
        for row in rows[:MOST]
    ]
