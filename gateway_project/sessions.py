"""What happens when somebody signs in or out: the life of the session, and the audit log."""

import time
from typing import Any

import structlog
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from alarms import desk
from alarms.core.catalogue import SIGN_IN_FAILURE
from bots.audit import acting, record
from bots.core.auditing import Action
from bots.guards import CONFIRMED_AT, SIGNED_IN_AT
from bots.models import Member
from gateway_project.middleware import SEEN_AT, TIME_ZONE, actor_of

PROVED_AT = "_proved_at"
"""Attribute of a user: when a sign-in service saw the person prove who they are."""
_NAME_CHARS = 150

log = structlog.get_logger(__name__)


@receiver(user_logged_in, dispatch_uid="gateway.session")
def _begin(sender: object, request: HttpRequest, user: User, **_: Any) -> None:
    """All that pages ask of the session is there from its start, without a query of their own."""
    now = time.time()
    member = Member.objects.filter(user=user.pk).first()
    request.session[SIGNED_IN_AT] = request.session[SEEN_AT] = now
    request.session[CONFIRMED_AT] = min(now, getattr(user, PROVED_AT, now))
    request.session[TIME_ZONE] = member.time_zone if member else ""


def signed_in(request: HttpRequest) -> None:
    """Put into the audit log that the person of ``request`` has just signed in."""
    with acting(actor_of(request)):
        name = request.user.get_username()
        record(Action.SIGNED_IN, kind="user", target=request.user.pk, title=name)


@receiver(user_logged_out, dispatch_uid="gateway.audit")
def _signed_out(sender: object, request: HttpRequest, user: User | None, **_: Any) -> None:
    if user is not None:
        with acting(actor_of(request, user.get_username())):
            record(Action.SIGNED_OUT, kind="user", target=user.pk, title=user.get_username())


@receiver(user_login_failed, dispatch_uid="gateway.audit")
def _failed(
    sender: object, credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any
) -> None:
    """A failed sign-in: with the name that was given, and nothing else of what was given."""
    if request is None:
        return
    name = str(credentials.get("username") or "")[:_NAME_CHARS]
    with acting(actor_of(request, name)):
        record(Action.SIGN_IN_FAILED, kind="user", title=name)
    desk.failed(SIGN_IN_FAILURE, detail="wrong name, password or proof; see the audit log")
    log.warning(
        "sign_in.failed", **{"pii.name": name, "pii.address": request.META.get("REMOTE_ADDR")}
    )
