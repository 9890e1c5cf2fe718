"""The console's pages to talk to a bot: which one, then the call or chat itself."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.core.errors import ParameterError
from bots.core.params.sections.storage import Storage
from bots.core.ports import BotCapabilities
from bots.core.roles import Permission
from bots.guards import asking, permitted
from bots.models import Bot
from bots.people import Person
from bots.routing import route_for
from bots.selectors import CallConfiguration, call_configuration
from calls.session.plugins import needs_audio, voice_of

MAX_NUMBER_CHARS = 64
TABS = (("call", _("Call")), ("chat", _("Text chat")))


def _callable_bots(who: Person) -> list[Bot]:
    bots = who.visible_bots().filter(is_base=False).order_by("-enabled", "name")
    return [bot for bot in bots if who.reaches(bot.name)]


@require_safe
@permitted(Permission.PLACE_TEST_CALLS)
@never_cache
def testcalls(request: HttpRequest) -> HttpResponseBase:
    """Choose a bot, or dial a number and let the routes choose."""
    who = asking(request)
    number = request.GET.get("number", "").strip()[:MAX_NUMBER_CHARS]
    problem = ""
    if number:
        bot = route_for(number, request.get_host().partition(":")[0])
        if bot is not None and who.reaches(bot.name):
            query = urlencode({"number": number})
            return redirect(f"{reverse('calls:testcall', args=[bot.name])}?{query}")
        problem = gettext("No route leads this number to a bot that you may call.")
    context = {"bots": _callable_bots(who), "number": number, "problem": problem}
    return render(request, "testcall/list.html", context)


@require_safe
@permitted(Permission.PLACE_TEST_CALLS)
@never_cache
def testcall(request: HttpRequest, bot: str) -> HttpResponse:
    """The page that calls ``bot``; the only one that may use the microphone."""
    who = asking(request)
    called = who.visible_bots().filter(name=bot, is_base=False).first()
    if called is None or not who.reaches(bot):
        raise Http404
    configuration, problem = _configuration(called)
    voice = voice_of(configuration) if configuration is not None else BotCapabilities()
    has_speech = voice.hears and voice.speaks
    tab = request.GET.get("tab") or ("call" if has_speech or configuration is None else "chat")
    tab = tab if tab in dict(TABS) else "call"
    audio_only = configuration is not None and needs_audio(configuration)
    context: dict[str, Any] = {
        "bot": called,
        "tabs": TABS,
        "tab": tab,
        "number": request.GET.get("number", "")[:MAX_NUMBER_CHARS],
        "problem": problem,
        "has_speech": has_speech,
        "needs_audio": audio_only,
        "usable": not problem and (has_speech if tab == "call" else not audio_only),
        "storage": configuration.resolved[Storage] if configuration else None,
    }
    response = render(request, "testcall/call.html", context)
    response.browser_features = ("microphone",)  # type: ignore[attr-defined]  # for the middleware
    return response


def _configuration(bot: Bot) -> tuple[CallConfiguration | None, str]:
    """What a call would use, or why there can be none."""
    if not bot.enabled:
        return None, gettext("This bot is paused and takes no calls.")
    try:
        return call_configuration(bot.name), ""
    except (LookupError, ParameterError):
        return None, gettext("The configuration of this bot is not valid, so it takes no calls.")
