"""HTTP middleware: static files, headers, unstorable texts, who acts, the age of sessions."""

import time
from collections.abc import Callable
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import logout
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from whitenoise.middleware import WhiteNoiseMiddleware

from bots.audit import Actor, acting
from bots.guards import SIGNED_IN_AT

GetResponse = Callable[[HttpRequest], HttpResponseBase]


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # the package ships no types
    """Collected static files from memory-sized responses.

    WhiteNoise answers with an open file, which an ASGI server would have to read on the event loop;
    our files are small, so each is read here, on the thread that runs the middleware.
    """

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        """The response for ``static_file``, with WhiteNoise's own headers and nothing else."""
        answer = static_file.get_response(request.method, request.META)
        content = b""
        if answer.file is not None:
            with answer.file:
                content = answer.file.read()
        response = HttpResponse(content, status=int(answer.status))
        del response["content-type"]
        for name, value in answer.headers:
            response[name] = value
        return response


FEATURES = ("camera", "geolocation", "microphone", "payment", "usb")


def permissions_policy(get_response: GetResponse) -> GetResponse:
    """Switch off browser features except those in ``browser_features`` of the response."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        used = getattr(response, "browser_features", ())
        policy = (f"{name}=({'self' if name in used else ''})" for name in FEATURES)
        response.headers["Permissions-Policy"] = ", ".join(policy)
        return response

    return middleware


def storable_text(get_response: GetResponse) -> GetResponse:
    """Refuse an address or a form with U+0000 by status 400; PostgreSQL can store no such text."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        for name, values in chain(request.GET.lists(), request.POST.lists()):
            if any("\0" in str(text) for text in (name, *values)):
                raise BadRequest("a text holds U+0000")
        return get_response(request)

    return middleware


SEEN_AT = "seen_at"
"""Key of the session: when it was last used, give or take `SEEN_EVERY_SECONDS`."""
SEEN_EVERY_SECONDS = 60


TIME_ZONE = "time_zone"
"""Key of the session: the zone in which the person wants to see times; empty: the browser's."""


def acting_person(get_response: GetResponse) -> GetResponse:
    """Name the signed-in person in the audit log, in the person's time zone.

    A session that is older than a shift ends. No cache keeps a page that says nothing about it.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return get_response(request)
        now = time.time()
        if now - request.session.setdefault(SIGNED_IN_AT, now) > settings.SESSION_LONGEST_SECONDS:
            logout(request)
            return get_response(request)
        if now - request.session.get(SEEN_AT, 0) > SEEN_EVERY_SECONDS:
            request.session[SEEN_AT] = now  # and so it lasts for another half hour
        zone = request.session.get(TIME_ZONE)
        with acting(actor_of(request)), timezone.override(ZoneInfo(zone) if zone else None):
            response = get_response(request)
        if not response.has_header("Cache-Control"):
            add_never_cache_headers(response)
        return response

    return middleware


def actor_of(request: HttpRequest, name: str = "") -> Actor:
    """Who is behind ``request`` for the audit log; ``name`` for somebody who is not signed in."""
    # NB The OAuth token endpoint signs nobody in: its request to the backends has no user.
    known = getattr(request, "user", None)
    user = known if known is not None and known.is_authenticated else None
    return Actor(
        name=user.get_username() if user else name,
        user_id=user.pk if user else None,
        address=request.META.get("REMOTE_ADDR") or None,
    )
