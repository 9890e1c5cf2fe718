"""The console's pages about outbound calls: the list, one of them, taking it back."""

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bots.audit import record
from bots.core.auditing import Action
from bots.core.roles import Permission
from bots.deliveries.listing import first_of
from bots.guards import permitted
from bots.models import ApiClient, Delivery
from calls.core.dialout import FINAL, State
from calls.dialout.runner import wake_runner
from calls.dialouts import request_cancel
from calls.dialouts.asking import dialout_page, matching_dialouts
from calls.models import Dialout
from calls.search import Cursor
from calls.selectors import Sight, visible_to
from calls.templatetags.dialouts import moves, named_state, number

PAGE_SIZE = 50
LATEST = 500
"""How many of the latest outbound calls are looked at to offer bots in the filter."""
UNDER_WAY = "under-way"
PEOPLE = "people"
"""In place of a client: asked for by people, in the console."""
_SPANS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(days=1),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}


class FilterForm(forms.Form):
    """Which outbound calls are listed; a value that is none of the choices sets no condition."""

    state = forms.ChoiceField(label=_("State"), required=False)
    bot = forms.ChoiceField(label=_("Bot"), required=False)
    client = forms.ChoiceField(label=_("Asked for by"), required=False)
    target = forms.CharField(
        label=_("Number or id"),
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search"}),
    )
    range = forms.ChoiceField(
        label=_("Asked for"),
        required=False,
        choices=[
            ("", _("Any time")),
            ("1h", _("Last hour")),
            ("24h", _("Last 24 hours")),
            ("7d", _("Last 7 days")),
            ("30d", _("Last 30 days")),
        ],
    )

    def __init__(self, query: QueryDict, sight: Sight) -> None:
        super().__init__(query)
        states = [(state.value, named_state(state)) for state in State]
        self._offer("state", [(UNDER_WAY, gettext("under way")), *states])
        latest = sight.dialouts().order_by("-created_at").values_list("bot_name", flat=True)
        bots = sorted({*latest[:LATEST], query.get("bot", "")} - {""})
        self._offer("bot", [(name, name) for name in bots])
        clients = ApiClient.objects.order_by("name", "pk").values_list("pk", "name")
        named = [(str(key), name) for key, name in clients]
        self._offer("client", [(PEOPLE, gettext("people, in the console")), *named])

    def _offer(self, name: str, choices: list[tuple[str, str]]) -> None:
        label = self.fields[name].label
        offered = [("", _("Any")), *choices]
        self.fields[name] = forms.ChoiceField(label=label, required=False, choices=offered)

    def wanted(self) -> dict[str, str]:
        """The conditions that are set."""
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


def chosen(sight: Sight, wanted: dict[str, str], moment: datetime) -> QuerySet[Dialout]:
    """The visible outbound calls that meet every condition."""
    found = sight.dialouts()
    if client := wanted.get("client"):
        found = found.filter(client=None if client == PEOPLE else int(client))
    state, text = wanted.get("state", ""), wanted.get("target", "")
    if state == UNDER_WAY:
        found, state = found.exclude(state__in=FINAL), ""
    if key := _key(text):
        found, text = found.filter(pk=key), ""
    span = _SPANS.get(wanted.get("range", ""))
    return matching_dialouts(
        found,
        state=state,
        bot=wanted.get("bot", ""),
        target=text,
        since=moment - span if span else None,
    )


def _key(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@require_safe
@permitted(Permission.SEE_HISTORY)
@never_cache
def dialouts(request: HttpRequest) -> HttpResponse:
    """Outbound calls, those asked for last first; filter and page are in the address."""
    sight = visible_to(request.user)
    form = FilterForm(request.GET, sight)
    wanted = form.wanted()
    found = chosen(sight, wanted, now()).select_related("client")
    cursor = _cursor(request.GET.get("at", ""))
    listed, more = dialout_page(found, size=PAGE_SIZE, after=cursor)
    query = request.GET.copy()
    query.pop("at", None)
    context = {
        "form": form,
        "filtered": bool(wanted),
        "dialouts": listed,
        "query": query.urlencode(),
        "older": more,
        "later_page": cursor is not None,
        "moves": any(map(moves, listed)),
    }
    return render(request, "dialouts/list.html", context)


def _cursor(text: str) -> Cursor | None:
    # A cursor that was tampered with or cut off in a message shows the first page.
    try:
        return Cursor.parse(text) if text else None
    except (ValueError, OverflowError):
        return None


@require_safe
@permitted(Permission.SEE_HISTORY)
@never_cache
def dialout(request: HttpRequest, dialout_id: UUID) -> HttpResponse:
    """One outbound call: how far it is, what happened to it, who was told."""
    sight = visible_to(request.user)
    rows = sight.dialouts().select_related("client", "bot", "call")
    found = get_object_or_404(rows, pk=dialout_id)
    notifications = first_of(f"dialout:{found.pk}")
    waiting = any(each.state == Delivery.State.WAITING for each in notifications)
    own = found.client_id is None and found.requested_by == sight.who.name
    context: dict[str, Any] = {
        "dialout": found,
        "events": list(found.events.order_by("seq")),
        "notifications": notifications,
        "moves": moves(found),
        "waits": waiting,
        "stoppable": found.state in (State.QUEUED, State.PLACING, State.DIALING),
        "may_place": sight.may(Permission.PLACE_CALLS, found.bot_name),
        "reads_metadata": own or sight.who.may(Permission.READ_TRANSCRIPTS),
        "metadata": json.dumps(found.metadata, indent=2, ensure_ascii=False),
        "sees_call": sight.calls().filter(dialout=found).exists(),
    }
    return render(request, "dialouts/detail.html", context)


@require_POST
@permitted(Permission.PLACE_CALLS)
def dialout_cancel(request: HttpRequest, dialout_id: UUID) -> HttpResponse:
    """Take an outbound call back that was not answered yet."""
    sight = visible_to(request.user)
    found = get_object_or_404(sight.dialouts(), pk=dialout_id)
    with transaction.atomic():
        said = request_cancel(found.pk, now=now())
        if said in ("cancelled", "asked"):
            record(Action.DIALOUT_CANCELLED, kind="dialout", target=found.pk, title=str(found))
    wake_runner()
    target = {"number": number(found.target)}
    match said:
        case "cancelled":
            messages.success(request, gettext("The call to %(number)s was cancelled.") % target)
        case "asked":
            text = gettext("The carrier is asked to stop calling %(number)s.")
            messages.success(request, text % target)
        case "answered":
            text = gettext("%(number)s has answered already. End the call from its live page.")
            messages.error(request, text % target)
        case _:
            messages.error(request, gettext("The call to %(number)s is over already.") % target)
    return redirect("calls:dialout", found.pk)
