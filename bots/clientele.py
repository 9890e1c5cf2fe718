"""Reads about API clients: the list, tokens, how much they ask, which bots dial out for them."""

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta

import msgspec
from django.db.models import Count, IntegerField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone

from bots.core.errors import ParameterError
from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.models import ApiClient, Bot, ClientUsage, MintedToken
from bots.people import Person
from bots.selectors import lineage

USAGE_DAYS = 90
"""How long the counts are kept."""
SHOWN_HOURS = 24
SHOWN_DAYS = 30
_LIST = str(OutboundCalls.model_fields["dialout_clients"].alias)


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked in the hour or day that begins at ``start``."""

    start: datetime
    requests: int = 0
    refused: int = 0


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked in the last day by hours and in the last month by days."""

    hours: list[Span]
    days: list[Span]

    @property
    def day(self) -> Span:
        """The sum of the hours."""
        return _sum(self.hours)

    @property
    def month(self) -> Span:
        """The sum of the days."""
        return _sum(self.days)


def clients(who: Person, *, text: str = "", state: str = "") -> QuerySet[ApiClient]:
    """The clients that ``who`` may see, by name, with ``tokens`` and ``requests`` of a day.

    ``text`` is looked for in name, id and owner; ``state`` is ``enabled``, ``disabled`` or any.
    """
    found = who.visible_clients()
    if text:
        found = found.filter(
            Q(name__icontains=text) | Q(client_id__icontains=text) | Q(owner__icontains=text)
        )
    if state:
        found = found.filter(enabled=state == "enabled")
    now = timezone.now()
    lately = ClientUsage.objects.filter(client=OuterRef("pk"), hour__gt=now - timedelta(days=1))
    asked = lately.order_by().values("client").annotate(sum=Sum("requests")).values("sum")
    alive = Q(accesstoken__minted__isnull=False, accesstoken__expires__gt=now)
    listed: QuerySet[ApiClient] = (
        found.annotate(
            tokens=Count("accesstoken", filter=alive, distinct=True),
            requests=Coalesce(Subquery(asked, output_field=IntegerField()), 0),
        )
        .prefetch_related("bots")
        .order_by("name", "pk")
    )
    return listed


def tokens(client: ApiClient) -> QuerySet[MintedToken]:
    """The tokens that people minted for ``client``, those that end first first."""
    found = MintedToken.objects.filter(token__application=client).select_related("token")
    return found.order_by("token__expires", "pk")


def usage(client: ApiClient, now: datetime) -> Usage:
    """What ``client`` asked until ``now``, without gaps; days are those of UTC."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    day = hour.replace(hour=0)
    first = day - timedelta(days=SHOWN_DAYS - 1)
    rows = list(client.usage.filter(hour__gte=first))
    hours = [hour - timedelta(hours=back) for back in reversed(range(SHOWN_HOURS))]
    days = [day - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))]
    return Usage(
        hours=[_span(hour, [row for row in rows if row.hour == hour]) for hour in hours],
        days=[_span(day, [row for row in rows if row.hour.date() == day.date()]) for day in days],
    )


def dialling_bots(who: Person, client: ApiClient) -> tuple[list[Bot], list[Bot]]:
    """The bots that let ``client`` dial out, and those that it reaches and could be let in by."""
    stored = {bot.pk: bot for bot in Bot.objects.all()}
    seen = who.visible_bots().filter(is_base=False)
    if not client.all_bots:
        seen = seen.filter(pk__in=client.bots.all())
    allowing: list[Bot] = []
    others: list[Bot] = []
    for bot in sorted((stored[pk] for pk in seen.values_list("pk", flat=True)), key=_name):
        (allowing if client.client_id in _let_in(bot, stored) else others).append(bot)
    return allowing, others


def _let_in(bot: Bot, stored: Mapping[int, Bot]) -> Collection[str]:
    """The clients that dial out with ``bot``, by its own list or the nearest that it inherits."""
    try:
        line = lineage(bot, stored)
    except ParameterError:
        return ()
    lists = (each.params[_LIST] for each in reversed(line) if _LIST in each.params)
    return next(lists, ())


def forget_usage(now: datetime) -> int:
    """Delete the counts that are older than `USAGE_DAYS`; how many."""
    return ClientUsage.objects.filter(hour__lt=now - timedelta(days=USAGE_DAYS)).delete()[0]


def _span(start: datetime, rows: list[ClientUsage]) -> Span:
    return Span(
        start=start,
        requests=sum(row.requests for row in rows),
        refused=sum(row.refused for row in rows),
    )


def _sum(spans: list[Span]) -> Span:
    return Span(
        start=spans[0].start,
        requests=sum(span.requests for span in spans),
        refused=sum(span.refused for span in spans),
    )


def _name(bot: Bot) -> str:
    return bot.name
