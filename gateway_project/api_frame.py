"""What holds for every request under ``/api/``, before and after the API itself.

Machines bring a token, no cookie and no language: both are put aside, so that no session of a
browser ever acts here and every text is English. Whatever refuses a request, be it Django itself,
the answer is a problem (RFC 9457).
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from bots.rest.bodies import MAX_BYTES, storable
from bots.rest.problems import CONTENT_TYPE, Problem

GetResponse = Callable[[HttpRequest], HttpResponseBase]

PREFIX = "/api/"
OPERATIONS = f"{PREFIX}v1/"
PAGES = "/api/docs"
"""For people: pages of the console, with its session and language."""
BODY_TYPES = ("application/json", "application/merge-patch+json")
_DETAILS = {
    400: "The request is malformed.",
    404: "There is nothing at this address; /api/docs lists every one.",
    405: "This address does not take that method; the header Allow has those it does.",
    500: "The gateway failed; its log has more under the request id.",
}


def machine_requests(get_response: GetResponse) -> GetResponse:
    """Middleware for the API; it stands before what reads cookies, forms and languages."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(PREFIX) or request.path_info.startswith(PAGES):
            return get_response(request)
        response = _answered(request, get_response)
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response

    return middleware


def _answered(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    for name in ("HTTP_COOKIE", "HTTP_ACCEPT_LANGUAGE"):
        request.META.pop(name, None)
    try:
        _check(request)
    except Problem as problem:
        return problem.response()
    # What answers GET answers HEAD (RFC 9110, 9.3.2).
    head = request.method == "HEAD"
    if head:
        request.method = "GET"
    response = _as_problem(get_response(request))
    if head and isinstance(response, HttpResponse):
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return response


def _check(request: HttpRequest) -> None:
    """Refuse what no operation could take.

    Raises:
        Problem: 400, 413 or 415.
    """
    if not storable(request.path_info) or "%00" in request.META.get("QUERY_STRING", ""):
        raise Problem(400, detail="The address holds U+0000.")
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not (length.isascii() and length.isdecimal()):
        raise Problem(400, detail="Content-Length is no number.")
    if int(length) > MAX_BYTES:
        raise Problem(413, detail=f"A body has at most {MAX_BYTES} bytes.")
    takes_bodies = request.path_info.startswith(OPERATIONS)
    with_body = takes_bodies and int(length) > 0 and request.method in ("POST", "PUT", "PATCH")
    if with_body and request.content_type not in BODY_TYPES:
        accepted = ", ".join(BODY_TYPES)
        raise Problem(415, detail=f"Send a body as {accepted}.", headers={"Accept": accepted})


def _as_problem(response: HttpResponseBase) -> HttpResponseBase:
    """``response``, as a problem if it tells of a failure in another form."""
    status = response.status_code
    if status < HTTPStatus.BAD_REQUEST or response.headers.get("Content-Type") == CONTENT_TYPE:
        return response
    kept = {
        name: response[name]
        for name in ("Allow", "Retry-After", "WWW-Authenticate")
        if response.has_header(name)
    }
    if "Allow" in kept:
        kept["Allow"] = ", ".join(sorted(kept["Allow"].split(", ")))
    return Problem(status, detail=_DETAILS.get(status, ""), headers=kept).response()
