"""Asking for outbound calls: requests that are checked and queued, and pages of what was asked for.

Whoever asks for one calls `calls.dialout.runner.wake_runner` after the commit.
"""

import threading
import time
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from yarl import URL

from bots import secrets
from bots.core.errors import GatewayError, ParameterError
from bots.core.notify_url import check_notify_url
from bots.core.params.declare import Level
from bots.core.params.resolve import Layer
from bots.core.params.sections.outbound_calls import OutboundCalls
from bots.core.texts import gettext_noop
from bots.models import ApiClient
from bots.people import Person
from bots.selectors import CallConfiguration, call_configuration
from calls.core.dialling import Checked, Wish, checked
from calls.dialouts.orders import LAYER_NAME
from calls.models import Dialout, DialoutEvent
from calls.search import Cursor

MOST_QUEUED = 10_000
"""Outbound calls of one client, or of all people, that may wait for their turn."""
SPARE = 1_000
"""While so many more fit, a process queues `SHARE` within `SHARE_S` without counting again; for as
many processes as `SPARE` is times `SHARE`, the bound holds exactly."""
SHARE = 50
SHARE_S = 1.0


class NotAllowed(GatewayError):
    """The bot does not let this client dial out with it."""

    code = "dialout-not-allowed"


class TooManyQueued(GatewayError):
    """So many calls of the client wait for their turn that no more are taken."""

    code = "too-many-queued"


@transaction.atomic(savepoint=False)
def dialout_request(wish: Wish, *, who: Person, client: ApiClient | None, now: datetime) -> Dialout:
    """Queue a call that ``client`` asks for, or without one the person ``who``.

    Raises:
        LookupError: no bot of this name that they reach takes calls.
        NotAllowed: the bot's list of clients does not have ``client``.
        ParameterError: every wrong field by wire name, also when the bot cannot dial out.
        TooManyQueued: `MOST_QUEUED` wait already.
    """
    problems: dict[str, str] = {}
    configuration = _configuration(wish.bot, who, problems)
    if client is not None and configuration is not None:
        allowed = configuration.resolved[OutboundCalls].dialout_clients
        if client.client_id not in allowed:
            raise NotAllowed(
                f"bot {wish.bot} does not list this client in its parameter dialoutClients; the"
                " console adds it under API clients, Outbound calls with"
            )
    found = _collected(problems, checked, wish, now)
    if wish.notify_url:
        hosts = client.notify_hosts if client is not None else ()
        _collected(problems, check_notify_url, wish.notify_url, hosts, settings.OUTBOUND_ALLOW)
    params = _params(configuration, wish, problems) if configuration is not None else {}
    if problems or found is None or configuration is None:
        raise ParameterError(problems)
    _check_room(client)
    dialout = _row(found, configuration, params, now)
    dialout.client = client
    dialout.requested_by = (client.client_id if client is not None else who.name)[:150]
    if wish.notify_url:
        told = {"url": wish.notify_url, "secret": _signing_secret(client)}
        dialout.notify = secrets.sealed_texts(told)
        dialout.notify_origin = str(URL(wish.notify_url).origin())[:300]
    dialout.save(force_insert=True)
    DialoutEvent.objects.create(dialout=dialout, seq=1, at=now, state=Dialout.State.QUEUED)
    return dialout


_room: dict[int | None, tuple[float, int]] = {}
"""By client: until when this process may queue how many more without counting."""
_room_lock = threading.Lock()


def _check_room(client: ApiClient | None) -> None:
    """Count one that is to be queued.

    To count up to `MOST_QUEUED` rows for each of them would cost the database more than all the
    rest. So whoever finds that `SPARE` fit takes a few of these for itself, for a moment.

    Raises:
        TooManyQueued: none fits.
    """
    key, now = client.pk if client is not None else None, time.monotonic()
    with _room_lock:
        until, left = _room.get(key, (0.0, 0))
        if left and now < until:
            _room[key] = until, left - 1
            return
    queued = Dialout.objects.filter(client=client, state=Dialout.State.QUEUED, placed_at=None)
    rows = queued.order_by()
    spacious = MOST_QUEUED - SPARE
    if spacious > 0 and not rows[spacious - 1 : spacious].exists():
        with _room_lock:
            _room[key] = now + SHARE_S, SHARE - 1
    elif rows[MOST_QUEUED - 1 : MOST_QUEUED].exists():
        raise TooManyQueued(f"{MOST_QUEUED} outbound calls wait for their turn already")


def _configuration(bot: str, who: Person, problems: dict[str, str]) -> CallConfiguration | None:
    """What a call to the bot uses; None when that does not work, which ``problems`` then says."""
    unknown = f"no bot named {bot[:100]!r} takes calls"
    if not who.reaches(bot):
        raise LookupError(unknown)
    try:
        configuration = call_configuration(bot)
    except LookupError:
        raise LookupError(unknown) from None
    except ParameterError as error:
        names = ", ".join(sorted(error.problems))
        problems["bot"] = f"its configuration does not work; see {names}"
        return None
    if configuration.carrier is None:
        problems["bot"] = "has no carrier to place calls with; choose one for the bot"
    return configuration


def _collected(problems: dict[str, str], check: Any, *given: Any) -> Any:
    try:
        return check(*given)
    except ParameterError as error:
        for name, text in error.problems.items():
            problems.setdefault(name, text)
        return None


def _params(
    configuration: CallConfiguration, wish: Wish, problems: dict[str, str]
) -> dict[str, Any]:
    """The request's parameters as they are stored; a missing caller is a problem as well."""
    resolved, known = configuration.resolved, configuration.resolved.catalogue
    if not wish.caller and not resolved[OutboundCalls].dialout_caller:
        problems["caller"] = gettext_noop("is needed, since the bot has no dialoutCaller")
    if not wish.parameters:
        return {}
    taken, wrong = secrets.received(known, wish.parameters, None)
    problems |= {f"parameters.{name}": text for name, text in wrong.items()}
    try:
        plain = secrets.opened(known, taken)[0]
        resolved.overlay(Layer(Level.DIALOUT, LAYER_NAME, plain))
    except ParameterError as error:
        for name, text in error.problems.items():
            problems.setdefault(f"parameters.{name}", text)
    return secrets.sealed(known, taken)


def _row(
    found: Checked, configuration: CallConfiguration, params: dict[str, Any], now: datetime
) -> Dialout:
    """A queued call, not stored yet."""
    return Dialout(
        bot_id=configuration.bot_id,
        bot_name=configuration.bot,
        target=found.target,
        caller=found.caller or configuration.resolved[OutboundCalls].dialout_caller,
        caller_host=found.caller_host,
        caller_display_name=found.caller_display_name,
        answer_timeout_s=found.answer_timeout_s,
        machine_detection=found.machine_detection,
        metadata=found.metadata,
        params=params,
        not_before=found.not_before,
        not_after=found.not_after,
        created_at=now,
    )


def _signing_secret(client: ApiClient | None) -> str:
    if client is None or not client.sign_notifications or not client.notification_secret:
        return ""
    try:
        return secrets.opened_texts(client.notification_secret)["secret"]
    except LookupError:
        text = "the client's notification secret cannot be decrypted; make a new one"
        raise ParameterError({"notifyUrl": text}) from None


# --- reading --------------------------------------------------------------------------------------


def dialout_page(
    found: QuerySet[Dialout], *, size: int, after: Cursor | None = None
) -> tuple[list[Dialout], Cursor | None]:
    """The ``size`` dialouts of ``found`` behind ``after``, newest first, and where more begin."""
    if after is not None:
        at, pk = after.started_at, after.call_id
        found = found.filter(Q(created_at__lte=at) & (Q(created_at__lt=at) | Q(pk__gt=pk)))
    listed = list(found.order_by("-created_at", "id")[: size + 1])
    page = listed[:size]
    more = len(listed) > size
    return page, Cursor(page[-1].created_at, page[-1].pk) if more else None


def matching_dialouts(
    found: QuerySet[Dialout],
    *,
    state: str = "",
    bot: str = "",
    target: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> QuerySet[Dialout]:
    """Those of ``found`` that are in ``state``, for ``bot``, to a target with ``target`` in it.

    ``since`` (included) and ``until`` (not) limit when they were asked for; what is empty does not
    narrow.
    """
    given = {
        "state": state,
        "bot_name": bot,
        "target__contains": target,
        "created_at__gte": since,
        "created_at__lt": until,
    }
    return found.filter(**{name: value for name, value in given.items() if value})
