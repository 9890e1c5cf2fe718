"""What every template of the console can use."""

from typing import Any

from django.http import HttpRequest
from django.utils.timezone import now

from alarms import board
from alarms.core.tally import tally
from bots.people import NOBODY, person
from gateway_project.middleware import TIME_ZONE
from gateway_project.navigation import groups_for


def console(request: HttpRequest) -> dict[str, Any]:
    """``who``: the `bots.people.Person` who asks; ``groups``: the pages open to them.

    ``alarms``: the `alarms.core.tally.Tally` of what they see of the board, without a query.
    ``time_zone`` is the zone in which they want to see times; empty: the browser's.
    """
    user = getattr(request, "user", None)
    who = NOBODY if user is None else person(user)
    session = getattr(request, "session", None)
    zone = session.get(TIME_ZONE, "") if session is not None and who.user_id else ""
    return {
        "who": who,
        "groups": groups_for(who),
        "time_zone": zone,
        "alarms": tally(board.visible_to(who), now()),
    }
