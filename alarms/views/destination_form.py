"""The console's pages on which destinations are made and changed."""

from collections.abc import Collection, Mapping
from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alarms.forms import DestinationForm, Setting, given_settings, open_credentials, settings
from alarms.models import Destination
from alarms.services import destinations as services
from alarms.views.destinations import cards, changeable, head, plugin_of
from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.registry import Plugin
from bots.core.roles import Permission
from bots.forms.providers import Asked, asked, given
from bots.guards import asking, confirmed, permitted

P = Permission


class Submission:
    """One form of a destination: what is shown in it, and what was sent."""

    def __init__(
        self, request: HttpRequest, plugin: Plugin, destination: Destination | None = None
    ) -> None:
        self.plugin = plugin
        self.post = request.POST if request.method == "POST" else None
        held: Mapping[str, Any] = destination.settings if destination else {}
        self.params: Mapping[str, Any] = held.get("params", {})
        self.credentials: Mapping[str, Any] = held.get("credentials", {})
        initial = {} if destination else {"initial": _proposed(plugin)}
        self.form = DestinationForm(self.post, destination=destination, **initial)
        self.problems: dict[str, str] = {}

    @property
    def settings(self) -> list[Setting]:
        """What is no secret: parameters of the notifier, and such credentials."""
        return [*self._params, *self._open]

    @property
    def secrets(self) -> list[Asked]:
        """Its secrets; what is stored or was typed is not shown."""
        rows = asked(self.plugin, self.credentials, self.post, self.problems)
        found = [row for row in rows if row.credential.declared.param.secret]
        if self.post is not None or self.credentials:
            return found
        needed = _needed(self.plugin)
        return [
            msgspec.structs.replace(row, how="value") if row.credential.name in needed else row
            for row in found
        ]

    def values(self) -> dict[str, Any] | None:
        """What the service takes; None: something is no value at all, see ``problems``."""
        assert self.post is not None  # noqa: S101 - only asked of what was sent
        params, wrong = given_settings(self._params, self.post)
        plain, more = given_settings(self._open, self.post)
        secret, worse = given(self.secrets, self.post, self.credentials)
        self.problems = wrong | more | worse
        if not self.form.is_valid() or self.problems:
            return None
        return {**self.form.cleaned_data, "params": params, "credentials": {**plain, **secret}}

    def refuse(self, problems: Mapping[str, str]) -> None:
        """Show ``problems`` of the service where they belong."""
        named = {row.name for row in self.settings} | {row.credential.name for row in self.secrets}
        self.problems = {name: text for name, text in problems.items() if name in named}
        self.form.refuse({name: text for name, text in problems.items() if name not in named})

    @property
    def _params(self) -> list[Setting]:
        return settings(self.plugin, self.params, self.post, self.problems)

    @property
    def _open(self) -> list[Setting]:
        return open_credentials(self.plugin, self.credentials, self.post, self.problems)

    @property
    def status(self) -> int:
        """Of the page that shows the form again."""
        return 422 if self.problems or (self.form.is_bound and self.form.errors) else 200


def _needed(plugin: Plugin) -> Collection[str]:
    """The names of what the notifier does not work without."""
    try:
        plugin.factory(plugin.params(), plugin.credentials())
    except ParameterError as error:
        return error.problems
    return ()


def _proposed(plugin: Plugin) -> dict[str, Any]:
    taken = set(Destination.objects.values_list("name", flat=True))
    number = 1
    while f"{plugin.name}-{number}" in taken:
        number += 1
    return {"name": f"{plugin.name}-{number}", "enabled": True}


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.ADMINISTER)
@confirmed
@never_cache
def new(request: HttpRequest) -> HttpResponse:
    """Choose a notifier from cards, then say where it sends."""
    if asking(request).bots is not None:
        raise PermissionDenied(P.ADMINISTER)
    chosen = request.GET.get("notifier", "")
    plugin = next((each for each in registry.plugins("notifier") if each.name == chosen), None)
    if plugin is None:
        return render(request, "alarms/notifiers.html", {"cards": cards(), "tab": "destinations"})
    sent = Submission(request, plugin)
    if sent.post is not None and (values := sent.values()) is not None:
        try:
            made = services.destination_create(notifier=plugin.name, **values)
        except ParameterError as error:
            sent.refuse(error.problems)
        else:
            messages.success(request, _("%(name)s is there. Send a test.") % {"name": made.name})
            return redirect("alarms:destination", made.name)
    context = {"plugin": plugin, "sent": sent, "tab": "destinations"}
    return render(request, "alarms/destination_form.html", context, status=sent.status)


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.ADMINISTER)
@confirmed
@never_cache
def edit(request: HttpRequest, destination: str) -> HttpResponse:
    """Where a destination is and of what it is told; secrets that are stored are never shown."""
    found = changeable(request, destination)
    plugin = plugin_of(found)
    if plugin is None:
        raise Http404(_("The notifier of this destination is not installed here."))
    sent = Submission(request, plugin, found)
    if sent.post is not None and (values := sent.values()) is not None:
        try:
            services.destination_update(destination=found, **values)
        except ParameterError as error:
            sent.refuse(error.problems)
        else:
            messages.success(request, _("%(name)s is stored. Send a test.") % {"name": found.name})
            return redirect("alarms:destination", found.name)
    context = head(request, found) | {"sent": sent}
    return render(request, "alarms/destination_form.html", context, status=sent.status)
