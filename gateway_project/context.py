"""What every template of the console can use."""

from typing import Any

from django.http import HttpRequest

from bots.people import NOBODY, person


def console(request: HttpRequest) -> dict[str, Any]:
    """``who``: the `bots.people.Person` who asks."""
    user = getattr(request, "user", None)
    return {"who": NOBODY if user is None else person(user)}
