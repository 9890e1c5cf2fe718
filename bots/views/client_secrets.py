"""The console's pages that show secrets of API clients, each once: new, rotated, minted."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from bots import clientele
from bots.core.errors import Denied, ParameterError
from bots.core.roles import Permission
from bots.core.scopes import SCOPES
from bots.forms.clients import ClientForm, MintForm, RotationForm
from bots.guards import asking, confirmed, permitted
from bots.models import ApiClient
from bots.secrets import opened_texts
from bots.services import api_client_create
from bots.services.clients import (
    mint_token,
    revoke_token,
    rotate_notification_secret,
    rotate_secret,
)
from bots.views.clients import at_fields, page_of, visible_client

_FIRST_CALLS = {
    "bots:read": "bots",
    "bots:write": "bots",
    "calls:read": "calls",
    "providers:read": "providers",
    "actions:dialout": "dialouts",
}
"""What a new client can look at first, by its scopes."""


@require_http_methods(["GET", "POST"])
@permitted(Permission.MANAGE_CLIENTS)
@confirmed
def new(request: HttpRequest) -> HttpResponseBase:
    """A client to be; its secrets are shown in answer to the form."""
    who = asking(request)
    form = ClientForm(who, data=request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            client, secret = api_client_create(who=who, **form.given())
        except ParameterError as refused:
            at_fields(form, refused)
        else:
            return _shown_once(request, client, "created", secret=secret)
    return render(request, "clients/new.html", {"form": form, "scopes": SCOPES.values()})


@require_http_methods(["GET", "POST"])
@permitted(Permission.MANAGE_CLIENTS)
@confirmed
def tokens(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """The tokens that people minted for the client, and a form to mint one."""
    client = visible_client(request, client_key)
    form = MintForm(client, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            minted, raw = mint_token(client, who=asking(request), **form.cleaned_data)
        except ParameterError as refused:
            at_fields(form, refused)
        except Denied as denied:
            raise PermissionDenied(denied.scope) from None
        else:
            return _shown_once(request, client, "minted", token=raw, minted=minted)
    context = {
        "form": form,
        "ticked": form["scopes"].value() or (),
        "tokens": clientele.tokens(client),
        "now": timezone.now(),
    }
    return page_of(request, client, "tokens", context)


@require_POST
@permitted(Permission.MANAGE_CLIENTS)
def revoke(request: HttpRequest, client_key: int, token_key: int) -> HttpResponseBase:
    """End a minted token."""
    client = visible_client(request, client_key)
    try:
        name = revoke_token(client, token_key, who=asking(request))
    except LookupError:
        raise Http404 from None
    messages.success(request, _("The token %(name)s is revoked.") % {"name": name})
    return redirect("clients:tokens", client_key)


@require_POST
@permitted(Permission.MANAGE_CLIENTS)
@confirmed
def rotate(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """Another secret, shown in answer."""
    client = visible_client(request, client_key)
    form = RotationForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose how long the secret so far is good."))
        return redirect("clients:page", client_key)
    hours = form.cleaned_data["overlap_hours"]
    secret = rotate_secret(client, overlap_hours=hours, who=asking(request))
    return _shown_once(request, client, "rotated", secret=secret, hours=hours)


@require_POST
@permitted(Permission.MANAGE_CLIENTS)
@confirmed
def rotate_notifications(request: HttpRequest, client_key: int) -> HttpResponseBase:
    """Another secret that notifications are signed with, shown in answer."""
    client = visible_client(request, client_key)
    rotate_notification_secret(client, who=asking(request))
    client.refresh_from_db()
    return _shown_once(request, client, "signing")


def _shown_once(request: HttpRequest, client: ApiClient, event: str, **shown: Any) -> HttpResponse:
    """The page with what cannot be shown again, and how to use it."""
    first = next(
        (path for scope, path in _FIRST_CALLS.items() if scope in client.allowed_scopes), ""
    )
    context = {
        "client": client,
        "event": event,
        "url": settings.PUBLIC_URL,
        "first_call": first,
        "dials": "actions:dialout" in client.allowed_scopes,
        **shown,
    }
    if event in ("created", "signing"):
        context["signing"] = opened_texts(client.notification_secret)["secret"]
    response = render(request, "clients/once.html", context)
    response["Cache-Control"] = "no-store"
    return response
