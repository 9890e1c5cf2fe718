"""Decorators of pages: who may open them, and which ask for the password again first.

Every page carries `permitted` (or is listed as open to everybody in the access table of the tests).
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from bots.core.roles import Permission
from bots.people import Person, person

Args = ParamSpec("Args")
View = Callable[Concatenate[HttpRequest, Args], HttpResponseBase]

CONFIRMED_FOR_SECONDS = 15 * 60
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
                return redirect_to_login(request.get_full_path())
            who = person(request.user)
            if not any(who.may(permission) for permission in permissions):
                raise PermissionDenied(", ".join(permissions))
            return view(request, *args, **kwargs)

        guarded.permissions = permissions  # type: ignore[attr-defined]  # read by tests and menus
        return guarded

    return decorate


def confirmed(view: View[Args]) -> View[Args]:
    """A page that touches secrets: the person must have given the password minutes ago."""

    @wraps(view)
    def guarded(
        request: HttpRequest, /, *args: Args.args, **kwargs: Args.kwargs
    ) -> HttpResponseBase:
        at: Any = request.session.get(CONFIRMED_AT, 0)
        if time.time() - at > CONFIRMED_FOR_SECONDS:
            back = request.get_full_path() if request.method == "GET" else request.path
            return redirect(f"{reverse('confirm')}?{urlencode({'next': back})}")
        return view(request, *args, **kwargs)

    return guarded


def asking(request: HttpRequest) -> Person:
    """Who makes ``request``."""
    return person(request.user)
