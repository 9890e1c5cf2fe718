"""Trying providers and bots from their pages."""

import secrets
from typing import Any

from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bots.core.roles import Permission
from bots.forms.providers import KINDS
from bots.guards import asking, permitted
from bots.services.probing import bot_check, provider_test
from bots.views.one_bot import changeable_bot
from bots.views.outcomes import shown
from bots.views.providers import changeable_provider, provider_context, reached_provider

P = Permission
AUDIO_S = 120
"""How long what a synthesiser said can be played, in seconds."""
_MAX_LANGUAGE = 20


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def test(request: HttpRequest, name: str) -> HttpResponse:
    """Ask the provider's service for one thing; answers the panel with the outcome."""
    provider = changeable_provider(request, name)
    language = request.POST.get("language", "").strip()[:_MAX_LANGUAGE]
    outcome = provider_test(provider=provider, language=language)
    context: dict[str, Any] = provider_context(request, reached_provider(name), "overview")
    context |= {"outcome": shown(provider.kind, outcome), "language": language, "fresh": True}
    if outcome.audio:
        context["audio"] = secrets.token_urlsafe(16)
        cache.set(_key(request, context["audio"]), outcome.audio, AUDIO_S)
    return render(request, "providers/_test.html", context)


@require_safe
@permitted(P.WRITE_CONFIGURATION)
@never_cache
def audio(request: HttpRequest, token: str) -> HttpResponse:
    """What a synthesiser said in a test a moment ago, for who made the test."""
    found = cache.get(_key(request, token))
    if found is None:
        raise Http404
    return HttpResponse(found, content_type="audio/wav")


def _key(request: HttpRequest, token: str) -> str:
    return f"probe-audio:{asking(request).user_id}:{token}"


@require_POST
@permitted(P.WRITE_CONFIGURATION)
def check_bot(request: HttpRequest, name: str) -> HttpResponse:
    """Try everything that a call to the bot would use; answers a panel for the bot's page."""
    bot = changeable_bot(request, name)
    if bot.is_base:
        raise PermissionDenied(P.WRITE_CONFIGURATION)
    found = bot_check(bot=bot)
    parts = [
        {"part": part, "kind": KINDS[part.kind], "outcome": shown(part.kind, part.outcome)}
        for part in found.parts
    ]
    return render(request, "providers/_check.html", {"bot": bot, "check": found, "parts": parts})
