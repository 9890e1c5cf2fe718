"""The console's pages about API clients: the list, one client, its settings, the bots it uses."""

from collections.abc import Callable

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots import clientele
from bots.core.errors import Denied, ParameterError
from bots.core.roles import Permission
from bots.core.scopes import SCOPES
from bots.forms.clients import ClientForm, RotationForm
from bots.guards import asking, confirmed, permitted
from bots.models import ApiClient
from bots.people import Person
from bots.rest.metering import meter
from bots.services import api_client_update, dialout_allow, dialout_disallow
from bots.services.clients import api_client_delete

PAGE_SIZE = 50


@require_safe
@permitted(Permission.MANAGE_CLIENTS)
def client_list(request: HttpRequest) -> HttpResponse:
    """Every client, filtered by the address of the page."""
    meter.flush()
    text, state = request.GET.get("q", "").strip()[:100], request.GET.get("state", "")
    state = state if state in ("enabled", "disabled") else ""
    found = clientele.clients(asking(request), text=text, state=state)
    query = request.GET.copy()
    query.pop("page", None)
    context = {
        "page": Paginator(found, PAGE_SIZE).get_page(request.GET.get("page")),
        "text": text,
        "state": state,
        "query": query.urlencode(),
    }
    return render(request, "clients/list.html", context)


@require_safe
@permitted(Permission.MANAGE_CLIENTS)
def overview(request: HttpRequest, client_key: int) -> HttpResponse:
    """One client: what it is, how much it asks, and what can be done with it."""
    meter.flush()
    client = visible_client(request, client_key)
    usage = clientele.usage(client, timezone.now())
    context = {
        "usage": usage,
        "hour_most": max(1, *(span.requests for span in usage.hours)),
        "day_most": max(1, *(span.requests for span in usage.days)),
        "scopes": [scope for scope in SCOPES.values() if scope.name in client.allowed_scopes],
        "rotation": RotationForm(),
        "rotating": client.previous_secret_until and client.previous_secret_until > timezone.now(),
    }
    return page_of(request, client, "overview", context)


@require_http_methods(["GET", "POST"])
@permitted(Permission.MANAGE_CLIENTS)
@confirmed
def settings_page(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """What the client may do, from where, and how often."""
    who, client = asking(request), visible_client(request, client_key)
    form = ClientForm(who, client, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            api_client_update(client, who=who, **form.given())
        except ParameterError as refused:
            at_fields(form, refused)
        except Denied as denied:
            raise PermissionDenied(denied.scope) from None
        else:
            messages.success(request, _("The client is saved."))
            return redirect("clients:settings", client.pk)
    return page_of(request, client, "settings", {"form": form, "scopes": SCOPES.values()})


@require_http_methods(["GET", "POST"])
@permitted(Permission.MANAGE_CLIENTS)
def dialling(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """The bots that the client may place outbound calls with."""
    who, client = asking(request), visible_client(request, client_key)
    allowing, others = clientele.dialling_bots(who, client)
    if request.method == "POST":
        adds = request.POST.get("do") == "add"
        name = request.POST.get("bot", "")
        bot = next((bot for bot in (others if adds else allowing) if bot.name == name), None)
        if bot is None:
            messages.error(request, _("There is no such bot to choose."))
        elif not who.may_change(bot):
            raise PermissionDenied(Permission.WRITE_CONFIGURATION)
        else:
            try:
                (dialout_allow if adds else dialout_disallow)(bot, client.client_id, who.name)
            except ParameterError as refused:
                messages.error(request, " ".join(refused.problems.values()))
            else:
                said = _("%(bot)s is saved.") % {"bot": bot.name}
                messages.success(request, said)
        return redirect("clients:bots", client.pk)
    context = {
        "allowing": [(bot, who.may_change(bot)) for bot in allowing],
        "others": [bot for bot in others if who.may_change(bot)],
        "may_write": who.may(Permission.WRITE_CONFIGURATION),
        "dials": "actions:dialout" in client.allowed_scopes,
    }
    return page_of(request, client, "bots", context)


@require_POST
@permitted(Permission.MANAGE_CLIENTS)
def enable(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """Accept the client again."""
    said = _("%(name)s is accepted again.")
    return _done(request, client_key, _switch(enabled=True), said)


@require_POST
@permitted(Permission.MANAGE_CLIENTS)
def disable(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """Refuse the client and its tokens, at once."""
    said = _("%(name)s is disabled: its requests are refused.")
    return _done(request, client_key, _switch(enabled=False), said)


@require_POST
@permitted(Permission.MANAGE_CLIENTS)
@confirmed
def delete(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """Remove the client for good."""

    def remove(who: Person, client: ApiClient) -> None:
        api_client_delete(client, who=who)

    return _done(request, client_key, remove, _("%(name)s is deleted."), back="clients:list")


# --- what the pages share -------------------------------------------------------------------------


def visible_client(request: HttpRequest, client_key: int) -> ApiClient:
    """The client of a page, if who asks may see it; else the page does not exist."""
    found: ApiClient = get_object_or_404(asking(request).visible_clients(), pk=client_key)
    return found


def page_of(
    request: HttpRequest, client: ApiClient, tab: str, context: dict[str, object]
) -> HttpResponse:
    """One of the pages of ``client``."""
    return render(request, f"clients/{tab}.html", {"client": client, "tab": tab, **context})


def at_fields(form: Form, refused: ParameterError) -> None:
    """Show every problem at its field."""
    for field, problem in refused.problems.items():
        form.add_error(field if field in form.fields else None, problem)


def _switch(*, enabled: bool) -> Callable[[Person, ApiClient], object]:
    def change(who: Person, client: ApiClient) -> object:
        return api_client_update(client, who=who, enabled=enabled)

    return change


def _done(
    request: HttpRequest,
    client_key: int,
    change: Callable[[Person, ApiClient], object],
    said: str,
    *,
    back: str = "",
) -> HttpResponseBase:
    """Carry out ``change`` and say so."""
    client = visible_client(request, client_key)
    try:
        change(asking(request), client)
    except Denied as denied:
        raise PermissionDenied(denied.scope) from None
    messages.success(request, said % {"name": client.name})
    return redirect(back) if back else redirect("clients:page", client_key)
