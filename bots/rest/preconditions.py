"""Conditional requests (RFC 9110, section 13): nobody overwrites what they have not seen.

The entity tag of a resource is its revision in quotes. Whoever changes it sends the tag it had as
``If-Match``; of several that change the same revision, one succeeds.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse

from bots.rest.problems import Problem

_TAG = re.compile(r'(?:W/)?"[^"]*"')


def tag_of(revision: int) -> str:
    """The entity tag of a resource at ``revision``."""
    return f'"{revision}"'


def tag_of_content(content: Mapping[str, Any]) -> str:
    """The entity tag of an answer that is made from many rows."""
    text = json.dumps(content, sort_keys=True)
    return f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'


def expected_revision(request: HttpRequest, current: int) -> int:
    """The revision that a change by ``request`` is based on: ``current``, unless it is refused.

    Raises:
        Problem: 428 without ``If-Match``; 400 when it holds what is no tag; 412 when it names other
            tags than that of ``current``.
    """
    given = request.headers.get("If-Match")
    if given is None:
        raise Problem(
            428,
            detail="Send the ETag that you read as If-Match, so that no change of others is lost.",
        )
    tags = [tag.strip() for tag in given.split(",")]
    if "*" in tags:
        return current
    if not all(_TAG.fullmatch(tag) for tag in tags):
        raise Problem(
            400,
            detail='Send the ETag as If-Match as it was read, in its quotation marks, such as "3".',
            code="malformed_header",
        )
    if tag_of(current) not in tags:
        raise Problem(
            412,
            detail=f"It is at revision {current} by now: read it again and repeat the change.",
            code="stale_revision",
            headers={"ETag": tag_of(current)},
        )
    return current


def unchanged(request: HttpRequest, tag: str) -> HttpResponse | None:
    """Status 304 if ``request`` says by ``If-None-Match`` that it has the state of ``tag``."""
    given = request.headers.get("If-None-Match", "")
    tags = [each.strip().removeprefix("W/") for each in given.split(",")]
    if tag not in tags and "*" not in tags:
        return None
    response = HttpResponse(status=304, headers={"ETag": tag})
    del response["Content-Type"]
    return response
