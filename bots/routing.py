"""The routing table as it is stored: its rules, and which bot takes a call."""

from collections.abc import Iterable, Mapping

from bots.core.routing import Arrival, Rule, candidates, decide, normalised
from bots.models import Bot, Route


def rule_of(route: Route) -> Rule:
    """``route``, fetched with its bot, as the rules of `bots.core.routing` see it."""
    return Rule(
        key=route.pk,
        priority=route.priority,
        bot=route.bot.name,
        pattern=route.pattern,
        host=route.host,
        header_name=route.header_name,
        header_value=route.header_value,
        enabled=route.enabled,
    )


def rules(routes: Iterable[Route] | None = None) -> list[Rule]:
    """Every rule, those that are off too; or those of ``routes``."""
    rows = Route.objects.select_related("bot") if routes is None else routes
    return [rule_of(route) for route in rows]


def route_for(called: str, host: str = "", headers: Mapping[str, str] | None = None) -> Bot | None:
    """The bot that takes a call to ``called``; None when no rule matches.

    The bot may be paused: `bots.selectors.call_configuration` tells. Takes one query of the few
    rules whose number can match.
    """
    rows = {
        route.pk: route
        for route in Route.objects.filter(
            enabled=True, pattern__in=candidates(normalised(called))
        ).select_related("bot")
    }
    arrival = Arrival(called=called, host=host, headers=headers or {})
    winner = decide(rules(rows.values()), arrival).winner
    return rows[winner.key].bot if winner else None
