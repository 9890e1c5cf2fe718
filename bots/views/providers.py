"""The console's pages: providers."""

from typing import Any

import msgspec
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots import credentials
from bots.core import figures, registry
from bots.core.errors import ParameterError
from bots.core.registry import Plugin
from bots.core.roles import Permission
from bots.credentials import State
from bots.forms.providers import KINDS, FilterForm, NameForm
from bots.guards import asking, permitted
from bots.models import AuditEvent, Provider
from bots.people import Person
from bots.selectors import with_providers
from bots.services import StaleRevision, provider_create, provider_delete
from bots.services.providers import plugin_of
from bots.usage import Use, provider_uses
from bots.views.one_bot import why_not
from bots.views.outcomes import shown_stored

P = Permission
_EVENTS = 50
_TROUBLE = (State.MISSING, State.UNREADABLE, State.AWAY)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One provider of the list; ``state`` is that of its credentials."""

    provider: Provider
    kind: str
    plugin: Plugin | None
    uses: int
    state: State
    state_words: str
    passed: bool | None
    cause: str
    ms: int
    faults: int


# --- the list -------------------------------------------------------------------------------------


@require_safe
@permitted(P.READ_CONFIGURATION)
def provider_list(request: HttpRequest) -> HttpResponse:
    """Every provider with its state; the query narrows them."""
    who = asking(request)
    form = FilterForm(request.GET)
    wanted = form.wanted()
    uses = provider_uses(with_providers())
    faults = figures.provider_faults()
    rows = [_row(each, uses, faults.get(each.name, 0)) for each in Provider.objects.all()]
    found = [row for row in rows if _meets(row, wanted)]
    return render(
        request,
        "providers/list.html",
        {
            "rows": found,
            "form": form,
            "filtered": bool(wanted),
            "why_not": why_not(who),
            "broken": registry.broken,
        },
    )


def _row(provider: Provider, uses: dict[int, list[Use]], faults: int) -> Row:
    plugin = _plugin(provider)
    state = credentials.state(plugin, provider.credentials) if plugin else State.MISSING
    result = provider.test_result or {}
    last = shown_stored(provider.kind, result) if result else None
    return Row(
        provider=provider,
        kind=str(KINDS[provider.kind]),
        plugin=plugin,
        uses=len({use.bot.pk for use in uses.get(provider.pk, [])}),
        state=state,
        state_words=state_words(state),
        passed=last.ok if last else None,
        cause=last.cause if last else "",
        ms=last.ms if last else 0,
        faults=faults,
    )


def _plugin(provider: Provider) -> Plugin | None:
    try:
        return plugin_of(provider)
    except LookupError:
        return None


def _meets(row: Row, wanted: dict[str, str]) -> bool:
    text = wanted.get("q", "").strip().lower()
    return (
        text in row.provider.name
        and wanted.get("kind", row.provider.kind) == row.provider.kind
        and wanted.get("plugin", row.provider.plugin) == row.provider.plugin
        and _in_state(row, wanted.get("state", ""))
    )


def _in_state(row: Row, state: str) -> bool:
    match state:
        case "passed":
            return row.passed is True
        case "failed":
            return row.passed is False
        case "untested":
            return row.passed is None
        case "credentials":
            return row.state in _TROUBLE
        case "unused":
            return row.uses == 0
        case _:
            return True


def state_words(state: State) -> str:
    """The state of credentials in words."""
    match state:
        case State.NONE_NEEDED:
            return _("none needed")
        case State.SET:
            return _("set")
        case State.VAULT:
            return _("from the key vault")
        case State.MISSING:
            return _("not set")
        case State.AWAY:
            return _("key vault away")
        case State.UNREADABLE:
            return _("unreadable")


# --- one provider ---------------------------------------------------------------------------------


def reached_provider(name: str) -> Provider:
    """The provider called ``name``; 404 if there is none."""
    found: Provider = get_object_or_404(Provider, name=name)
    return found


def changeable_provider(request: HttpRequest, name: str) -> Provider:
    """The provider called ``name``, which the person may change; 404 or 403."""
    provider = reached_provider(name)
    if not asking(request).may_change_shared:
        raise PermissionDenied(P.WRITE_CONFIGURATION)
    return provider


def provider_context(request: HttpRequest, provider: Provider, tab: str) -> dict[str, Any]:
    """What the head of a provider's pages shows; ``tab`` is the key of the open one."""
    refused = why_not(asking(request))
    return {
        "provider": provider,
        "plugin": _plugin(provider),
        "kind": KINDS[provider.kind],
        "tab": tab,
        "may_change": not refused,
        "why_not": refused,
    }


@require_safe
@permitted(P.READ_CONFIGURATION)
def provider_page(request: HttpRequest, name: str) -> HttpResponse:
    """How a provider is doing: its last test, its credentials, who uses it."""
    provider = reached_provider(name)
    context = provider_context(request, provider, "overview")
    if plugin := context["plugin"]:
        context["credentials"] = _credentials(provider, plugin)
    return render(
        request,
        "providers/page.html",
        context
        | _users(asking(request), provider)
        | {
            "faults": figures.provider_faults().get(provider.name, 0),
            "outcome": shown_stored(provider.kind, provider.test_result)
            if provider.test_result
            else None,
            "language": provider.params.get("language", ""),
        },
    )


def _users(who: Person, provider: Provider) -> dict[str, Any]:
    uses = provider_uses(with_providers()).get(provider.pk, [])
    visible = set(who.visible_bots().values_list("pk", flat=True))
    seen = [use for use in uses if use.bot.pk in visible]
    return {"uses": seen, "unseen_uses": len(uses) - len(seen)}


def _credentials(provider: Provider, plugin: Plugin) -> list[dict[str, Any]]:
    """Every credential with its state, and who set it when, as far as the audit log tells."""
    events = AuditEvent.objects.filter(
        kind="provider", target=str(provider.pk), after__isnull=False
    ).order_by("-at", "-id")[:_EVENTS]
    set_by: dict[str, AuditEvent] = {}
    for event in events:
        for name in event.after or {}:
            set_by.setdefault(name, event)
    return [
        {
            "credential": credential,
            "words": state_words(credential.state),
            "trouble": credential.state in _TROUBLE,
            "set": set_by.get(credential.name) if credential.state is not State.MISSING else None,
        }
        for credential in credentials.states(plugin, provider.credentials)
    ]


# --- creating and deleting ------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.WRITE_CONFIGURATION)
def provider_new(request: HttpRequest) -> HttpResponse:
    """Choose a plug-in from cards, then a name."""
    if not asking(request).may_change_shared:
        raise PermissionDenied(P.WRITE_CONFIGURATION)
    plugin = _chosen(request)
    if plugin is None:
        return render(request, "providers/choose.html", {"kinds": _cards()})
    form = NameForm(request.POST or None, initial={"name": _free_name(plugin)})
    if request.method == "POST" and form.is_valid():
        try:
            provider = provider_create(
                name=form.cleaned_data["name"], kind=plugin.kind, plugin=plugin.name
            )
        except ParameterError as error:
            for field, text in error.problems.items():
                form.add_error(field if field in form.fields else None, text)
        else:
            messages.success(request, _next_words(provider, plugin))
            return redirect("providers:page", provider.name)
    return render(
        request,
        "providers/new.html",
        {"form": form, "plugin": plugin, "kind": KINDS[plugin.kind]},
        status=422 if form.is_bound else 200,
    )


def _chosen(request: HttpRequest) -> Plugin | None:
    kind, name = request.GET.get("kind", ""), request.GET.get("plugin", "")
    known = (each for each in registry.plugins() if each.kind in KINDS)
    found = [each for each in known if (each.kind, each.name) == (kind, name)]
    return found[0] if found else None


def _cards() -> list[dict[str, Any]]:
    plugins = registry.plugins()
    return [
        {
            "kind": kind,
            "title": title,
            "cards": [
                {"plugin": plugin, "credentials": len(credentials.known(plugin))}
                for plugin in plugins
                if plugin.kind == kind
            ],
        }
        for kind, title in KINDS.items()
    ]


def _free_name(plugin: Plugin) -> str:
    """A name that is not taken: ``azure-1``."""
    taken = set(Provider.objects.values_list("name", flat=True))
    number = 1
    while f"{plugin.name}-{number}" in taken:
        number += 1
    return f"{plugin.name}-{number}"


def _next_words(provider: Provider, plugin: Plugin) -> str:
    if len(credentials.known(plugin)):
        text = _("%(name)s is there. Give it its credentials, then test it.")
    else:
        text = _("%(name)s is there. Test it, then choose it in a bot.")
    return text % {"name": provider.name}


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def provider_remove(request: HttpRequest, name: str) -> HttpResponse:
    """Delete a provider that nobody uses."""
    provider = changeable_provider(request, name)
    try:
        provider_delete(provider=provider, expected_revision=provider.revision)
    except (ParameterError, StaleRevision) as error:
        text = error.problems["provider"] if isinstance(error, ParameterError) else str(error)
        messages.error(request, f"{provider.name} {text}")
        return redirect("providers:page", provider.name)
    messages.success(request, _("%(name)s is gone.") % {"name": provider.name})
    return redirect("providers:list")
