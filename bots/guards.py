"""Decorators of pages: who may open them, and which ask for the password again first.

Every page carries `permitted` (or is listed as open to everybody in the access table of the tests).
"""

import time
from collections.abc import Callable
from functools import wraps
from importlib import import_module
from typing import Any, Concatenate, ParamSpec

from django.conf import settings
from django.contrib.auth import get_user
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme

from bots.core.roles import Permission
from bots.people import Person, person

Args = ParamSpec("Args")
View = Callable[Concatenate[HttpRequest, Args], HttpResponseBase]

CONFIRMED_FOR_SECONDS = 15 * 60
SIGNED_IN_AT = "signed_in_at"
"""Key of the session: when its person signed in, in seconds since 1970."""
CONFIRMED_AT = "confirmed_at"
"""Key of the session: when the person last proved who they are, in seconds since 1970."""


def permitted(
    *permissions: Permission,
) -> Callable[[View[Args]], View[Args]]:
    """A page for people who have any of ``permissions``.

    Who is signed out is sent to the sign-in page, who lacks them gets 403. Which bots a person
    reaches is up to the page's own query (`Person.visible_bots`, `calls.selectors.visible_to`).
    """

    def decorate(view: View[Args]) -> View[Args]:
        @wraps(view)
        def guarded(
            request: HttpRequest, /, *args: Args.args, **kwargs: Args.kwargs
        ) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return sent_to(request, settings.LOGIN_URL)
            who = person(request.user)
            if not any(who.may(permission) for permission in permissions):
                raise PermissionDenied(", ".join(permissions))
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def signed_in(view: View[Args]) -> View[Args]:
    """A page for everybody who is signed in, whatever their roles."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: Args.args, **kwargs: Args.kwargs
    ) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return sent_to(request, settings.LOGIN_URL)
        return view(request, *args, **kwargs)

    return guarded


def confirmed(view: View[Args]) -> View[Args]:
    """A page that touches secrets: the person must have given the password minutes ago."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: Args.args, **kwargs: Args.kwargs
    ) -> HttpResponseBase:
        if not is_confirmed(request):
            return sent_to(request, "confirm")
        return view(request, *args, **kwargs)

    return guarded


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the person gave the password, or was asked by single sign-on, minutes ago."""
    at: Any = request.session.get(CONFIRMED_AT, 0)
    return bool(time.time() - at <= CONFIRMED_FOR_SECONDS)


def asking(request: HttpRequest) -> Person:
    """Who makes ``request``."""
    return person(request.user)


def user_of_session(key: str | None) -> AbstractBaseUser | AnonymousUser:
    """Whose session that is at this moment, for sockets, which outlive many a change.

    A session that is older than a shift is nobody's. Takes a query or two.
    """
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key)
    age = time.time() - request.session.get(SIGNED_IN_AT, time.time())
    return AnonymousUser() if age > settings.SESSION_LONGEST_SECONDS else get_user(request)


def account(request: HttpRequest) -> User:
    """The account of who makes ``request``, on a page for people who are signed in.

    Raises:
        PermissionDenied: nobody is signed in.
    """
    if not isinstance(request.user, User):
        raise PermissionDenied
    return request.user


def sent_to(request: HttpRequest, page: str) -> HttpResponseBase:
    """To ``page`` (a URL or its name), which leads back to where the person was.

    A page that was to be changed is opened again, for a POST cannot be repeated. A request of htmx
    is for a part of a page; the browser as a whole moves.
    """
    back = request.get_full_path()
    if request.headers.get("HX-Request"):
        back = request.headers.get("HX-Current-URL", back)
    elif request.method != "GET":
        back = request.headers.get("Referer", back)
    query = QueryDict(mutable=True)
    query["next"] = own_address(request, back)
    target = f"{resolve_url(page)}?{query.urlencode(safe='/')}"
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": target})
    return redirect(target)


def own_address(request: HttpRequest, address: str | None, otherwise: str = "/") -> str:
    """``address`` if it is one of this site, else ``otherwise``."""
    safe = url_has_allowed_host_and_scheme(
        address, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return address if safe and address else otherwise
