"""The pages on which parameters and credentials of a provider are changed."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from bots.core import catalogue
from bots.core.errors import ParameterError
from bots.core.params.declare import Level
from bots.core.params.resolve import MASK, Catalogue, Origin, Resolved
from bots.core.registry import Plugin
from bots.core.roles import Permission
from bots.forms import parameters
from bots.forms.providers import asked, given
from bots.forms.submission import whole
from bots.guards import confirmed, is_confirmed, permitted
from bots.models import Provider
from bots.services import StaleRevision, provider_update
from bots.services.providers import plugin_of
from bots.services.traces import shown_params
from bots.views.one_bot import problems_answer
from bots.views.providers import changeable_provider, provider_context, reached_provider

P = Permission


# --- parameters -----------------------------------------------------------------------------------


@require_safe
@permitted(P.READ_CONFIGURATION)
@never_cache
def edit(request: HttpRequest, name: str) -> HttpResponse:
    """A provider's own values, those of its plug-in first."""
    provider = reached_provider(name)
    context = provider_context(request, provider, "parameters")
    if plugin := context["plugin"]:
        context |= _rows(provider, plugin)
    return render(request, "providers/parameters.html", context)


def _rows(provider: Provider, plugin: Plugin) -> dict[str, Any]:
    known = _own_first(plugin)
    sections = parameters.sections(
        known,
        parameters.entries(provider.params),
        Resolved(known, (), {}).chain,
        level=Level.PROVIDER,
    )
    return {
        "sections": sections,
        "own_count": sum(section.own for section in sections),
        "count": sum(len(section.rows) for section in sections),
        "later_count": sum(
            not row.marks.acting and not row.own for part in sections for row in part.rows
        ),
        "here": _("this provider"),
        "itself": parameters.origin_words(Origin(Level.PROVIDER, f"provider {provider.name}")),
    }


@cache
def _own_first(plugin: Plugin) -> Catalogue:
    """What a provider of ``plugin`` can set, beginning with what only concerns the plug-in."""
    return Catalogue((plugin.params, *catalogue.of([plugin]).sections))


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def save(request: HttpRequest, name: str) -> HttpResponse:
    """Store a provider's own values; answers what the form shows."""
    provider = changeable_provider(request, name)
    values, problems = parameters.read(request.POST, provider.params)
    if problems:
        return problems_answer(request, problems)
    if _sets_secret(values) and not is_confirmed(request):
        return render(request, "bots/_confirm.html")
    expected = revision_of(request)
    try:
        provider_update(provider=provider, expected_revision=expected, params=values)
    except ParameterError as error:
        return problems_answer(request, error.problems)
    except StaleRevision:
        return _stale(request, provider, values)
    messages.success(request, _("Stored. New conversations use it; calls that go on do not."))
    answer = HttpResponse()
    answer.headers["HX-Redirect"] = reverse("providers:parameters", args=[provider.name])
    return answer


def _sets_secret(values: Mapping[str, Any]) -> bool:
    known = catalogue.everything()
    return any(
        known[name].param.secret and value not in ("", MASK)
        for name, value in values.items()
        if name in known
    )


def _stale(request: HttpRequest, provider: Provider, values: Mapping[str, Any]) -> HttpResponse:
    """What is stored and what the person wants, to decide between."""
    stored = Provider.objects.get(pk=provider.pk)
    theirs, mine = shown_params(stored.params), shown_params(values)
    names = sorted(name for name in {**theirs, **mine} if theirs.get(name) != mine.get(name))
    return render(
        request,
        "providers/_stale.html",
        {
            "provider": stored,
            "differences": [
                {"name": name, "theirs": theirs.get(name, ""), "mine": mine.get(name, "")}
                for name in names
            ],
        },
    )


def revision_of(request: HttpRequest) -> int:
    """The revision that the form was made from; 0 if it names none."""
    # "over": the person saw what others stored meanwhile, and wants it replaced.
    return whole(request.POST.get("over") or request.POST.get("revision", ""))


# --- credentials ----------------------------------------------------------------------------------


@require_http_methods(["GET", "HEAD", "POST"])
@permitted(P.WRITE_CONFIGURATION)
@confirmed
@never_cache
def credentials(request: HttpRequest, name: str) -> HttpResponse:
    """Set, replace or remove credentials; what is stored is never shown."""
    provider = changeable_provider(request, name)
    try:
        plugin = plugin_of(provider)
    except LookupError as error:
        raise Http404(str(error)) from None
    post = request.POST if request.method == "POST" else None
    rows = asked(plugin, provider.credentials, post)
    problems: dict[str, str] = {}
    stale = False
    if post is not None:
        values, problems = given(rows, post, provider.credentials)
        if not problems:
            try:
                provider_update(
                    provider=provider, expected_revision=revision_of(request), credentials=values
                )
            except ParameterError as error:
                problems = error.problems
            except StaleRevision:
                stale = True
            else:
                messages.success(request, _("The credentials are stored. Test the provider."))
                return redirect("providers:page", provider.name)
        rows = asked(plugin, provider.credentials, post, problems)
    context = provider_context(request, provider, "credentials")
    named = {row.credential.name for row in rows}
    context |= {
        "rows": rows,
        "stale": stale,
        "others": [text for key, text in problems.items() if key not in named],
    }
    status = 409 if stale else 422 if problems else 200
    return render(request, "providers/credentials.html", context, status=status)
