"""Answers of operations: JSON with an entity tag, pages of lists."""

import base64
import binascii
import json
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any, TypeVar

from django.http import HttpResponse
from pydantic import BaseModel

from bots.rest.bodies import storable
from bots.rest.problems import Problem, wrong_fields

Row = TypeVar("Row")
Json = Mapping[str, Any]
_LARGEST = 2**63 - 1
"""The largest number that a column holds."""


def plain(shown: BaseModel | Json) -> dict[str, Any]:
    """``shown`` as JSON values, by the names on the wire."""
    if isinstance(shown, BaseModel):
        return shown.model_dump(mode="json", by_alias=True)
    return dict(shown)


def answer(
    shown: BaseModel | Json, *, status: int = 200, tag: str = "", location: str = ""
) -> HttpResponse:
    """``shown`` as JSON; ``tag`` is its entity tag, ``location`` where what was made is."""
    response = HttpResponse(
        json.dumps(plain(shown), ensure_ascii=False),
        status=status,
        content_type="application/json",
    )
    if tag:
        response["ETag"] = tag
    if location:
        response["Location"] = location
    return response


def no_content() -> HttpResponse:
    """Status 204: done, and there is nothing to tell."""
    response = HttpResponse(status=204)
    del response["Content-Type"]
    return response


# --- pages ----------------------------------------------------------------------------------------


def cursor(*place: str | int) -> str:
    """An opaque text that stands for the ``place`` of the last item of a page."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode().rstrip("=")


def place(after: str, *kinds: type) -> list[Any] | None:
    """What `cursor` was made of; None for no cursor. Its parts can be looked for in a database.

    Raises:
        Problem: 422: it is none, or its parts are not of ``kinds``.
    """
    if not after:
        return None
    try:
        found = json.loads(
            base64.b64decode(f"{after}{'=' * (-len(after) % 4)}", b"-_", validate=True)
        )
    except (binascii.Error, ValueError, RecursionError):
        found = None
    if isinstance(found, list) and len(found) == len(kinds) and all(map(_is_part, found, kinds)):
        return found
    raise no_cursor()


def _is_part(value: Any, kind: type) -> bool:
    if isinstance(value, str):
        return kind is str and storable(value)
    return kind is int and type(value) is int and 0 <= value <= _LARGEST


def no_cursor() -> Problem:
    """Status 422: what was sent as ``after`` is nothing that a page gave."""
    return wrong_fields({"after": "is no cursor; take the member next of the page before"})


def page(rows: Iterable[Row], limit: int) -> tuple[list[Row], bool]:
    """The first ``limit`` of ``rows``, of which one more is fetched, and whether more follow."""
    found = list(islice(rows, limit + 1))
    return found[:limit], len(found) > limit
