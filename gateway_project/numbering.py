"""Every request has an id: on all its log lines and in its answer."""

import re
import secrets
from collections.abc import Callable

import structlog
from django.http import HttpRequest
from django.http.response import HttpResponseBase

REQUEST_ID = "X-Request-ID"
_SANE = re.compile(r"[A-Za-z0-9._-]{1,64}")


def request_id(given: str) -> str:
    """The id of a request that brings ``given``: the same if it is sane, else one made here."""
    return given if _SANE.fullmatch(given) else secrets.token_hex(12)


def numbered(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware that stands before all others."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        number = request_id(request.headers.get(REQUEST_ID, ""))
        with structlog.contextvars.bound_contextvars(request_id=number):
            response = get_response(request)
        response[REQUEST_ID] = number
        return response

    return middleware
