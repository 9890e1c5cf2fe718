"""What only clients may that reach all bots: what concerns every alarm."""

from django.http import HttpRequest

from bots.api.reach import principal
from bots.rest.problems import Problem


def demand_all(request: HttpRequest, doing: str) -> None:
    """Let only clients that reach all bots go on with ``doing``.

    Raises:
        Problem: 403.
    """
    if principal(request).who.bots is not None:
        raise Problem(
            403,
            detail=f"Only a client that reaches all bots may {doing}.",
            code="not_within_reach",
        )
