"""The console's pages of destinations: who outside is told of alarms, and what became of that."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings as installation
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alarms.core import mib
from alarms.core.severity import Severity
from alarms.models import Destination, Ledger, Notification
from alarms.services import destinations as services
from alarms.views.wording import title_of
from bots import credentials
from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.params import presentation
from bots.core.registry import Plugin
from bots.core.roles import Permission, granting
from bots.forms.submission import whole
from bots.guards import asking, permitted
from bots.people import Person
from bots.views.providers import state_words

P = Permission
PAGE_SIZE = 50
State = Notification.State
SNMP = ("snmp-v2c", "snmp-v3")
"""Notifiers whose receivers need the MIB."""
ENGINE = "snmp-v3"
"""The notifier whose receivers have to know the engine id, for traps."""
INFORM = ("snmpKind", "inform")
"""The setting with which a notifier that sends blindly asks for a confirmation."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """One notification as the history of a destination shows it."""

    row: Notification
    title: str
    source: str
    severity: Severity


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Some notifications, newest first, and the places of the neighbouring pages."""

    told: list[Told]
    newer: str = ""
    older: str = ""


def why_not(who: Person) -> str:
    """Why ``who`` may not change destinations; empty when they may."""
    if who.may(P.ADMINISTER):
        return ""
    roles = ", ".join(_(role.title) for role in granting([P.ADMINISTER]))
    return _("Needs one of these roles: %(roles)s.") % {"roles": roles}


def reached(request: HttpRequest, name: str) -> Destination:
    """The destination called ``name``; 404 without one, and for who reaches only some bots.

    What destinations are told is about everything.
    """
    found = Destination.objects.filter(name=name).first()
    if found is None or asking(request).bots is not None:
        raise Http404(_("There is no such destination."))
    return found


def plugin_of(destination: Destination) -> Plugin | None:
    """The notifier of ``destination``; None if it is not installed here."""
    try:
        return services.plugin_of(destination)
    except LookupError:
        return None


# --- reading --------------------------------------------------------------------------------------


@require_safe
@permitted(P.SEE_ALARMS)
@never_cache
def destination_list(request: HttpRequest) -> HttpResponse:
    """Everybody outside who is told of alarms, and how that goes."""
    who = asking(request)
    waiting = Q(notifications__state=State.WAITING)
    dead = Q(notifications__state=State.DEAD) & ~Q(notifications__kind="test")
    found = Destination.objects.annotate(
        waiting=Count("notifications", filter=waiting), dead=Count("notifications", filter=dead)
    )
    if who.bots is not None:
        found = found.none()
    rows = [
        {"destination": each, "plugin": plugin_of(each), "least": Severity(each.min_severity)}
        for each in found
    ]
    context = {
        "rows": rows,
        "limited": who.bots is not None,
        "now": now(),
        "why_not": why_not(who),
        "tab": "destinations",
    }
    return render(request, "alarms/destinations.html", context)


@require_safe
@permitted(P.SEE_ALARMS)
@never_cache
def destination_page(request: HttpRequest, destination: str) -> HttpResponse:
    """One destination: how it is reached, of what it is told, and what became of each notice."""
    found = reached(request, destination)
    state = request.GET.get("state", "")
    rows = found.notifications.all()
    if state in set(State):
        rows = rows.filter(state=state)
    owed = found.notifications.exclude(kind="test").order_by()
    counts = dict(owed.values_list("state").annotate(Count("pk")))
    context = head(request, found) | {
        "page": _page(rows, request.GET.get("at", "")),
        "query": f"state={state}" if state in set(State) else "",
        "state": state,
        "counts": counts,
        "shown": _shown(found),
        "types": [title_of(each) for each in found.types],
    }
    return render(request, "alarms/destination.html", context)


def head(request: HttpRequest, found: Destination) -> dict[str, Any]:
    """What all pages of one destination show."""
    return {
        "destination": found,
        "plugin": plugin_of(found),
        "least": Severity(found.min_severity),
        "has_mib": found.notifier in SNMP,
        "engine_id": _engine_id() if found.notifier == ENGINE else "",
        "now": now(),
        "why_not": why_not(asking(request)),
        "tab": "destinations",
    }


def _engine_id() -> str:
    """As whom the gateway sends traps of SNMPv3; who made a destination made the ledger."""
    return Ledger.objects.filter(pk=1).values_list("engine_id", flat=True).first() or ""


def _shown(found: Destination) -> list[dict[str, Any]]:
    """Every setting in words; of credentials whether they are set."""
    plugin = plugin_of(found)
    if plugin is None:
        return []
    params: Mapping[str, Any] = found.settings.get("params", {})
    values = {**plugin.params().model_dump(mode="json", by_alias=True), **params}
    shown = [
        {"title": presentation.title(name), "value": presentation.short(value)}
        for name, value in values.items()
    ]
    for each in credentials.states(plugin, found.settings.get("credentials", {})):
        words = each.shown or each.url or state_words(each.state)
        shown.append({"title": presentation.title(each.name), "value": words})
    return shown


def _page(rows: QuerySet[Notification], at: str) -> Page:
    """The notifications next to the place ``at``, newest first."""
    place = _place(at)
    backwards = place is not None and place[2]
    rows = rows.order_by(*(("created_at", "pk") if backwards else ("-created_at", "-pk")))
    if place is not None:
        moment, key, _back = place
        side = "gt" if backwards else "lt"
        rows = rows.filter(
            Q(**{f"created_at__{side}": moment}) | Q(**{"created_at": moment, f"pk__{side}": key})
        )
    found = list(rows[: PAGE_SIZE + 1])
    more, found = len(found) > PAGE_SIZE, found[:PAGE_SIZE]
    if backwards:
        found.reverse()
    if not found:
        return Page(told=[])
    newer = more if backwards else place is not None
    return Page(
        told=[told(each) for each in found],
        newer=_name("before", found[0]) if newer else "",
        older=_name("after", found[-1]) if backwards or more else "",
    )


def _name(direction: str, row: Notification) -> str:
    return f"{direction}~{row.created_at.astimezone(UTC).isoformat()}~{row.pk}"


def _place(at: str) -> tuple[datetime, UUID, bool] | None:
    direction, _sep, rest = at.partition("~")
    moment, _sep, key = rest.partition("~")
    try:
        found = datetime.fromisoformat(moment).astimezone(UTC)
        return (found, UUID(key), direction == "before") if 1970 <= found.year < 9000 else None
    except (ValueError, OverflowError):
        return None


def told(row: Notification) -> Told:
    """``row`` with what it says, whatever version wrote it."""
    notice: Mapping[str, Any] = row.notice
    number = whole(str(notice.get("severity", "")))
    return Told(
        row=row,
        title=title_of(str(notice.get("type", ""))) if row.kind != "test" else _("Test"),
        source=str(notice.get("source", "")) if row.kind != "test" else "",
        severity=Severity(number) if number in set(Severity) else Severity.INDETERMINATE,
    )


@require_safe
@permitted(P.SEE_ALARMS)
@never_cache
def notification(request: HttpRequest, destination: str, notification_id: UUID) -> HttpResponse:
    """One notice to one destination: what it says, and what became of it."""
    found = reached(request, destination)
    row = _notification(found, notification_id)
    context = head(request, found) | {
        "told": told(row),
        "row": row,
        "body": msgspec.json.format(msgspec.json.encode(row.notice), indent=2).decode(),
    }
    return render(request, "alarms/notification.html", context)


def _notification(found: Destination, key: UUID) -> Notification:
    row = found.notifications.filter(pk=key).first()
    if row is None:
        raise Http404(_("There is no such notice, or it is past its time."))
    return row


@require_safe
@permitted(P.SEE_ALARMS)
def mib_file(request: HttpRequest) -> HttpResponse:
    """The MIB of this installation, for receivers of its traps."""
    answer = HttpResponse(mib.mib(installation.SNMP_ENTERPRISE), content_type="text/plain")
    answer["Content-Disposition"] = f'attachment; filename="{mib.MODULE}.txt"'
    return answer


# --- doing ----------------------------------------------------------------------------------------


def changeable(request: HttpRequest, name: str) -> Destination:
    """The destination called ``name``, which the person may change; 404 or 403."""
    found = reached(request, name)
    if not asking(request).may(P.ADMINISTER):
        raise PermissionDenied(P.ADMINISTER)
    return found


def confirmed(found: Destination, plugin: Plugin) -> bool:
    """Whether ``found`` says that it got what it was sent."""
    notifier: Any = plugin.factory
    return bool(notifier.confirmed) or INFORM in found.settings.get("params", {}).items()


@require_POST
@permitted(P.ADMINISTER)
def test(request: HttpRequest, destination: str) -> HttpResponse:
    """Send a test and wait for what comes of it; answers the panel that says so."""
    found = changeable(request, destination)
    tried = services.destination_test(destination=found)
    context = head(request, found) | {"tried": tried}
    if plugin := context["plugin"]:
        context["confirmed"] = confirmed(found, plugin)
    answer = render(request, "alarms/_test.html", context)
    answer["HX-Trigger-After-Swap"] = "tested"
    return answer


@require_POST
@permitted(P.ADMINISTER)
def resend(request: HttpRequest, destination: str) -> HttpResponse:
    """Send all active alarms again."""
    found = changeable(request, destination)
    count = services.resend_all(destination=found)
    text = ngettext(
        "%(count)s active alarm is sent again.", "%(count)s active alarms are sent again.", count
    )
    messages.success(request, text % {"count": count})
    return redirect("alarms:destination", found.name)


@require_POST
@permitted(P.ADMINISTER)
def retry_dead(request: HttpRequest, destination: str) -> HttpResponse:
    """Try all again that was given up."""
    found = changeable(request, destination)
    count = services.retry_dead(destination=found)
    text = ngettext("%(count)s notice is tried again.", "%(count)s notices are tried again.", count)
    messages.success(request, text % {"count": count})
    return redirect("alarms:destination", found.name)


@require_POST
@permitted(P.ADMINISTER)
def try_now(request: HttpRequest, destination: str) -> HttpResponse:
    """Forget the failures, so that what waits is tried at once."""
    found = changeable(request, destination)
    services.try_now(destination=found)
    messages.success(request, _("%(name)s is tried at once.") % {"name": found.name})
    return redirect("alarms:destination", found.name)


@require_POST
@permitted(P.ADMINISTER)
def retry(request: HttpRequest, destination: str, notification_id: UUID) -> HttpResponse:
    """Try one notice again."""
    found = changeable(request, destination)
    row = _notification(found, notification_id)
    if services.retry(notification=row):
        messages.success(request, _("It is tried again, with the same id."))
    else:
        told = _("It is not sent again: the destination was told of something later, or it waits.")
        messages.warning(request, told)
    return redirect("alarms:notification", found.name, row.pk)


@require_POST
@permitted(P.ADMINISTER)
def switch(request: HttpRequest, destination: str) -> HttpResponse:
    """Put a destination to use, or out of use."""
    found = changeable(request, destination)
    on = request.POST.get("to") == "on"
    try:
        services.destination_update(destination=found, enabled=on)
    except ParameterError as error:
        messages.error(request, str(error))
        return redirect("alarms:destination", found.name)
    text = _("%(name)s is told of alarms again.") if on else _("%(name)s is told of nothing.")
    messages.success(request, text % {"name": found.name})
    return redirect("alarms:destination", found.name)


@require_POST
@permitted(P.ADMINISTER)
def delete(request: HttpRequest, destination: str) -> HttpResponse:
    """Delete a destination with its history."""
    found = changeable(request, destination)
    services.destination_delete(destination=found)
    messages.success(request, _("%(name)s is gone.") % {"name": found.name})
    return redirect("alarms:destinations")


def cards() -> list[dict[str, Any]]:
    """Every notifier that is installed."""
    return [
        {"plugin": plugin, "credentials": len(credentials.known(plugin))}
        for plugin in registry.plugins("notifier")
    ]
