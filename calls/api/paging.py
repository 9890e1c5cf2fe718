"""Places in lists of calls and outbound calls, as clients hand them back."""

from bots.rest.answers import no_cursor, place
from calls.search import Cursor


def place_of(after: str) -> Cursor | None:
    """Where a page begins; None for the first one.

    Raises:
        Problem: 422: ``after`` is not what a page gave.
    """
    if (found := place(after, str)) is None:
        return None
    try:
        return Cursor.parse(found[0])
    except ValueError:
        raise no_cursor() from None
