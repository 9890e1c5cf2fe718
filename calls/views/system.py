"""The console's page about the gateway itself, and the switch that keeps new calls away."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.functional import Promise
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.guards import permitted
from calls import draining
from calls.attention import provider_health
from calls.selectors import visible_to
from calls.system.dependencies import Dependency, dependencies
from calls.system.expiries import Expiry, expiries
from calls.system.processes import Process, processes
from calls.system.queues import Queue, queues
from calls.system.runs import runs
from calls.system.storage import storage

DEPENDENCIES: dict[str, str | Promise] = {
    "database": gettext_lazy("Database"),
    "bus": gettext_lazy("Message bus"),
    "broker": gettext_lazy("Task broker"),
    "worker": gettext_lazy("Background worker"),
    "speech": gettext_lazy("Offline speech"),
}
QUEUES: dict[str, str | Promise] = {
    "deliveries": gettext_lazy("Webhook deliveries"),
    "alarm-notifications": gettext_lazy("Alarm notifications"),
    "dialouts": gettext_lazy("Outbound calls that are due"),
    "exports": gettext_lazy("Exports"),
    "records": gettext_lazy("Call records to be written"),
}
EXPIRIES: dict[str, str | Promise] = {
    "client-secret": gettext_lazy("Former secret of an API client"),
    "client-token": gettext_lazy("Token of an API client"),
    "certificate": gettext_lazy("Certificate"),
}
EXPIRIES_SHOWN = 20


class Titled(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is listed, with what people call it."""

    title: str | Promise
    it: Dependency | Queue | Expiry
    near: str = ""
    """Of an expiry: how near it is."""


@require_safe
@permitted(Permission.ADMINISTER)
@never_cache
def system(request: HttpRequest) -> HttpResponse:
    """The page; its parts are fetched again one by one, see `system_part`."""
    context: dict[str, Any] = {}
    for _template, fill in PARTS.values():
        context |= fill(request)
    return render(request, "system/system.html", context)


@require_safe
@permitted(Permission.ADMINISTER)
@never_cache
def system_part(request: HttpRequest, part: str) -> HttpResponse:
    """One part of the page as it is at this moment."""
    if part not in PARTS:
        raise Http404
    template, fill = PARTS[part]
    return render(request, template, fill(request))


def _live(request: HttpRequest) -> dict[str, Any]:
    at = now()
    found = processes(at)
    parts = dependencies(found)
    waiting = queues(at, found)
    return {
        "as_of": at,
        "processes": found,
        "calls": sum(each.calls or 0 for each in found if each.alive),
        "drain_all": _may_drain(found),
        "undrain_all": any(each.drain and each.alive for each in found),
        "dependencies": [Titled(title=DEPENDENCIES[each.name], it=each) for each in parts],
        "health": provider_health(visible_to(request.user), at),
        "queues": [Titled(title=QUEUES[each.name], it=each) for each in waiting],
    }


def _may_drain(found: list[Process]) -> bool:
    return any(each.takes_calls and each.alive and not each.drain for each in found)


def _kept(_request: HttpRequest) -> dict[str, Any]:
    at = now()
    found = expiries(at)
    return {
        "kept_as_of": at,
        "expiries": [_expiry(each, at) for each in found[:EXPIRIES_SHOWN]],
        "more_expiries": max(0, len(found) - EXPIRIES_SHOWN),
        "storage": storage(),
        "runs": [(run, run.overdue(at)) for run in runs()],
    }


def _expiry(expiry: Expiry, at: datetime) -> Titled:
    return Titled(title=EXPIRIES[expiry.kind], it=expiry, near=expiry.nearness(at))


PARTS: dict[str, tuple[str, Callable[[HttpRequest], dict[str, Any]]]] = {
    "live": ("system/_live.html", _live),
    "kept": ("system/_kept.html", _kept),
}
"""What the page fetches again while it is open: template, and what fills it."""


# --- draining -------------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(Permission.DRAIN)
@never_cache
def drain(request: HttpRequest) -> HttpResponse:
    """Say what it means that processes take no more calls; then have it so."""
    owner, host = _chosen(request)
    if request.method == "POST":
        try:
            count = draining.drain(owner, host)
        except ParameterError:
            raise Http404(_("There is no such process any more.")) from None
        text = ngettext(
            "%(count)s process takes no more calls.",
            "%(count)s processes take no more calls.",
            count,
        )
        messages.success(request, text % {"count": count})
        return redirect("calls:system")
    found = [each for each in processes(now()) if each.takes_calls and each.alive]
    chosen = [each for each in found if owner in ("", each.owner) and host in ("", each.host)]
    if not chosen and (owner or host):
        raise Http404(_("There is no such process any more."))
    others = [each for each in found if each not in chosen and each.state == "alive"]
    hosts = {each.host for each in chosen}
    context = {
        "owner": owner,
        "host": host,
        "chosen": chosen,
        "calls": sum(each.calls or 0 for each in chosen),
        "beside": [each for each in others if each.host in hosts],
        "elsewhere": [each for each in others if each.host not in hosts],
        "follows_s": draining.FOLLOWS_SECONDS,
    }
    return render(request, "system/drain.html", context)


@require_POST
@permitted(Permission.DRAIN)
def undrain(request: HttpRequest) -> HttpResponse:
    """Have a process take calls again, or all that drain."""
    try:
        count = draining.undrain(*_chosen(request))
    except ParameterError:
        raise Http404(_("There is no such process any more.")) from None
    text = ngettext(
        "%(count)s process takes calls again.", "%(count)s processes take calls again.", count
    )
    messages.success(request, text % {"count": count})
    return redirect("calls:system")


def _chosen(request: HttpRequest) -> tuple[str, str]:
    """The process or the machine that is meant; both empty: all."""
    given = request.POST if request.method == "POST" else request.GET
    return given.get("process", "")[:64], given.get("host", "")[:200]
