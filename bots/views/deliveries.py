"""The console's pages: deliveries to other systems, and the destinations they go to."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_POST, require_safe

from bots.audit import record
from bots.core.auditing import Action
from bots.core.delivering import MAX_ATTEMPTS
from bots.core.roles import Permission
from bots.deliveries import listing, replaying
from bots.guards import asking, permitted
from bots.models import Delivery, Destination
from bots.people import Person

P = Permission
PAGE_SIZE = 50
KINDS = (
    *("dialout.answered", "dialout.completed", "dialout.failed"),
    *("call.started", "call.line", "call.agent", "call.ended"),
)
WORDS = frozenset({"call.line", "call.agent"})
"""Kinds whose bodies hold words of a conversation."""


@require_safe
@permitted(P.SEE_HISTORY)
def delivery_list(request: HttpRequest) -> HttpResponse:
    """The deliveries, newest first, filtered by the address of the page."""
    who, chosen = asking(request), _filter(request.GET)
    found = listing.visible(who).filter(chosen.condition)
    page = listing.delivery_page(found, size=PAGE_SIZE, place=_place(request.GET))
    query = request.GET.copy()
    query.pop("at", None)
    destination = None
    if chosen.destination is not None:
        destination = listing.destinations(who).filter(pk=chosen.destination).first()
    context = {
        "chosen": chosen,
        "destination": destination,
        "filtered": chosen != listing.DeliveryFilter(state=chosen.state),
        "page": page,
        "query": query.urlencode(),
        "kinds": KINDS,
        "max_attempts": MAX_ATTEMPTS,
    }
    return render(request, "deliveries/list.html", context | _shared(who, chosen.state or "all"))


@require_safe
@permitted(P.SEE_HISTORY)
def destination_list(request: HttpRequest) -> HttpResponse:
    """Where deliveries go, and how it goes there."""
    who = asking(request)
    context = {"destinations": listing.destinations(who)[:500], "now": timezone.now()}
    return render(request, "deliveries/destinations.html", context | _shared(who, "destinations"))


@require_safe
@permitted(P.SEE_HISTORY)
def delivery(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """One delivery: what became of it and, for who may read it, what it says."""
    who, found = asking(request), _reached(request, delivery_id)
    reads = found.kind not in WORDS or who.may(P.READ_TRANSCRIPTS)
    if reads and found.kind in WORDS:
        call = found.stream.partition(":")[2]
        record(Action.TRANSCRIPT_READ, kind="call", target=call, title=str(found))
    context = {
        "delivery": found,
        "reads": reads,
        "body": _indented(found.body) if reads else "",
        "earlier": listing.earlier_waiting(found),
        "max_attempts": MAX_ATTEMPTS,
        "why_not": why_not(who),
    }
    return render(request, "deliveries/delivery.html", context)


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def replay(request: HttpRequest, delivery_id: UUID) -> HttpResponse:
    """Have one delivery made again."""
    found = _reached(request, delivery_id)
    if replaying.replay(found):
        messages.success(request, _("It is delivered again, with the same id."))
    else:
        messages.warning(request, _("It is being delivered at this moment; look again soon."))
    return redirect("deliveries:delivery", found.pk)


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def replay_dead(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Have all made again that was given up for one destination."""
    destination = _reached_destination(request, destination_id)
    count = replaying.replay_dead(listing.visible(asking(request)), destination)
    messages.success(
        request,
        ngettext(
            "%(count)s delivery to %(origin)s is made again.",
            "%(count)s deliveries to %(origin)s are made again.",
            count,
        )
        % {"count": count, "origin": destination.origin},
    )
    return redirect("deliveries:destinations")


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def close_circuit(request: HttpRequest, destination_id: int) -> HttpResponse:
    """Have a destination tried at once."""
    destination = _reached_destination(request, destination_id)
    replaying.close_circuit(destination)
    messages.success(request, _("%(origin)s is tried at once.") % {"origin": destination.origin})
    return redirect("deliveries:destinations")


def why_not(who: Person) -> str:
    """Why ``who`` may not have anything delivered again; empty when they may."""
    if who.may(P.WRITE_CONFIGURATION):
        return ""
    return _("Needs the role Operator or Administrator.")


def _shared(who: Person, tab: str) -> dict[str, Any]:
    """What the head of both lists shows; ``tab`` is the key of the tab that is open."""
    return {"tab": tab, "counts": listing.open_counts(who), "why_not": why_not(who)}


def _reached(request: HttpRequest, key: UUID) -> Delivery:
    rows = listing.visible(asking(request)).select_related("destination")
    found = rows.filter(pk=key).first()
    if found is None:
        raise Http404(_("There is no such delivery, or it is of a bot that is not among yours."))
    return found


def _reached_destination(request: HttpRequest, key: int) -> Destination:
    # NB a number beyond the column is no error of ours.
    found = listing.destinations(asking(request)).filter(pk=min(key, 2**62)).first()
    if found is None:
        raise Http404(_("There is no such destination, or nothing of your bots goes there."))
    return found


def _filter(given: Mapping[str, str]) -> listing.DeliveryFilter:
    state, destination = given.get("state", ""), given.get("destination", "")
    number = int(destination) if destination.isascii() and destination.isdigit() else None
    return listing.DeliveryFilter(
        state=state if state in set(Delivery.State) else "",
        kind=given.get("kind", "").strip()[:40],
        bot=given.get("bot", "").strip()[:100],
        stream=given.get("stream", "").strip()[:80],
        destination=None if number is None else min(number, 2**62),
    )


def _place(given: Mapping[str, str]) -> listing.Place | None:
    try:
        return listing.place_of(given.get("at", ""))
    except ValueError:
        return None


def _indented(body: str) -> str:
    """JSON as people read it; anything else as it is."""
    try:
        return msgspec.json.format(body, indent=2)
    except msgspec.DecodeError:
        return body
