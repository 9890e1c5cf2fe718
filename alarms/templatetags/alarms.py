"""Alarms on the pages of what they are about."""

from typing import Any

from django import template
from django.utils.timezone import now

from alarms import board
from alarms.core.tally import tally
from bots.people import Person

register = template.Library()


@register.inclusion_tag("alarms/_of.html", takes_context=True)
def alarms_of(context: template.Context, entity: str, name: str) -> dict[str, Any]:
    """A line that leads to the active alarms of the bot or provider; from the board, no query."""
    who: Person = context["who"]
    source = f"{entity}:{name}"
    found = [each for each in board.visible_to(who) if each.source == source]
    return {"source": source, "tally": tally(found, now())}
