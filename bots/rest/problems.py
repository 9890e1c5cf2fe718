"""What the API answers when it cannot do what was asked: problem details (RFC 9457).

Operations raise `Problem`, or let errors of the floors below pass; `problem_of` turns those into
problems. The members ``error`` and ``message`` are what AudioCodes' dialers read.
"""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import (
    BadRequest,
    PermissionDenied,
    RequestDataTooBig,
    SuspiciousOperation,
)
from django.http import Http404, HttpResponse
from ninja.errors import HttpError, ValidationError
from pydantic.alias_generators import to_camel

from bots.core import catalogue
from bots.core.errors import Denied, ParameterError
from bots.core.params.problems import place, sentence
from bots.services import StaleRevision

CONTENT_TYPE = "application/problem+json"
ERRORS_SHOWN = 100
"""So many wrong fields are listed at most."""


class Problem(Exception):
    """A request that is refused or failed; ``errors`` maps wrong fields to one sentence each.

    ``code`` is short and stable, for machines; without it, it comes from the status.
    """

    def __init__(
        self,
        status: int,
        title: str = "",
        detail: str = "",
        *,
        code: str = "",
        errors: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        phrase = HTTPStatus(status).phrase
        self.status = int(status)
        self.title = title or phrase.capitalize()
        self.detail = detail
        self.code = code or phrase.lower().replace(" ", "_").replace("-", "_")
        self.errors = dict(errors or {})
        self.headers = dict(headers or {})
        super().__init__(self.title)

    def body(self) -> dict[str, Any]:
        """The members of the problem; ``errors`` only when single fields are wrong."""
        members: dict[str, Any] = {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": self.detail or self.title,
            "error": self.code,
            "message": self.detail or self.title,
        }
        if self.errors:
            shown = list(self.errors.items())[:ERRORS_SHOWN]
            members["errors"] = [{"field": field, "message": text} for field, text in shown]
        return members

    def response(self) -> HttpResponse:
        """The problem as an answer that nobody keeps."""
        answer = HttpResponse(
            json.dumps(self.body()), status=self.status, content_type=CONTENT_TYPE
        )
        answer["Cache-Control"] = "no-store"
        for name, value in self.headers.items():
            answer[name] = value
        return answer


def problem_of(error: Exception) -> Problem | None:
    """The problem that ``error`` is to a client; None when it is a fault of the gateway."""
    match error:
        case Problem():
            return error
        case ValidationError():
            return wrong_fields(_by_field(error.errors))
        case ParameterError():
            return wrong_fields({wire_name(name): text for name, text in error.problems.items()})
        case StaleRevision():
            return Problem(412, detail=str(error), code="stale_revision")
        case LookupError() if not isinstance(error, KeyError | IndexError):
            return Problem(404, detail=str(error))
        case Http404():
            return Problem(404, detail="There is nothing at this address that you may see.")
        case Denied() | PermissionDenied():
            return Problem(403, detail="The client may not do this.")
        case RequestDataTooBig():
            return Problem(413)
        case BadRequest() | SuspiciousOperation():
            return Problem(400, detail="The request is malformed.")
        case HttpError() if isinstance(
            error.__cause__, Problem
        ):  # ninja hides what a parser raises
            return error.__cause__
        case HttpError():
            return Problem(error.status_code, detail=str(error))
        case _:
            return None


def wire_name(name: str) -> str:
    """The name on the wire of a field of a row; that of a parameter is one already.

    What concerns another bot is keyed ``bot.name``.
    """
    other, dot, own = name.rpartition(".")
    return f"{other}{dot}{own if own in catalogue.everything() else to_camel(own)}"


def wrong_fields(problems: Mapping[str, str]) -> Problem:
    """Status 422 with every wrong field."""
    listed = "; ".join(f"{field}: {text}" for field, text in list(problems.items())[:3])
    more = f" (and {len(problems) - 3} more)" if len(problems) > 3 else ""
    return Problem(
        422, "Fields are wrong", f"{listed}{more}"[:1_000], code="wrong_fields", errors=problems
    )


def _by_field(errors: Iterable[Any]) -> dict[str, str]:
    """Pydantic's errors by dotted field name, without place and name of the argument."""
    found: dict[str, str] = {}
    for each in errors:
        source, *path = each["loc"]
        if source == "body":
            path = path[1:]
        elif source == "query" and len(path) > 1:  # ninja has mapped the others back
            path = path[1:2]
        if each["type"].startswith("union_tag"):
            path.append(each["ctx"]["discriminator"].strip("'"))
        field = place(path) or str(source)
        found.setdefault(field[:200], sentence(each))
    return found
