"""Which dialout a call is that a carrier brings back."""

from collections.abc import Collection
from uuid import UUID

import msgspec
from django.db.models import Q, QuerySet

from bots.core.errors import ParameterError
from bots.selectors import CallConfiguration
from calls.core.dialout import DialoutOrder, State
from calls.dialouts.orders import configured, order_of
from calls.models import Dialout

MOST = 100
"""Calls of one bot that may be told apart at the same time."""


class ExpectedCall(msgspec.Struct, frozen=True, kw_only=True):
    """An outbound call that is to come back; ``configuration`` is the one it has."""

    order: DialoutOrder
    configuration: CallConfiguration


class Candidates(msgspec.Struct, frozen=True, kw_only=True):
    """``named`` carries the conversation id that was asked for; ``unnamed`` carry none so far."""

    named: ExpectedCall | None = None
    unnamed: dict[str, ExpectedCall] = {}


def awaits_calls(bot: str) -> bool:
    """Whether a carrier is to bring a call of ``bot`` back."""
    return _awaited(bot).exists()


def candidates(
    bot: str,
    configuration: CallConfiguration,
    conversation_id: str,
    among: Collection[str] | None = None,
) -> Candidates:
    """Which dialouts the call with that conversation id may be.

    ``among`` narrows the ones without an id: what was ordered after the call came is not it.
    """
    wanted = Q(carrier_call_id="")
    if among is not None:
        wanted &= Q(pk__in=[UUID(one) for one in among])
    if conversation_id:
        wanted |= Q(carrier_call_id=conversation_id)
    # NB One statement: between two a call could get its id, and be neither named nor unnamed.
    rows = list(_awaited(bot).filter(wanted).order_by("-carrier_call_id", "-placed_at")[:MOST])
    if rows and rows[0].carrier_call_id:
        return Candidates(named=_expected(rows[0], configuration))
    found = ((row, _expected(row, configuration)) for row in rows)
    return Candidates(unnamed={str(row.pk): one for row, one in found if one is not None})


def _awaited(bot: str) -> QuerySet[Dialout]:
    under_way = Q(state__in=[State.PLACING, State.DIALING], call=None)
    handed_over = ~Q(carrier="") & ~Q(callback_digest="")
    return Dialout.objects.filter(under_way & handed_over, bot__name=bot).select_related("bot")


def _expected(row: Dialout, configuration: CallConfiguration) -> ExpectedCall | None:
    try:
        return ExpectedCall(order=order_of(row), configuration=configured(configuration, row))
    except (ParameterError, LookupError):
        # The bot was changed after the order was placed, so that it cannot take the call.
        return None
