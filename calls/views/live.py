"""The console's page of live calls."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted
from calls.core.publication import Fields
from calls.selectors import LIVE_LIMIT, Sight, live_calls, visible_to

DEMO_BOT = "demo"
STATES = {
    "connecting": gettext_lazy("Connecting"),
    "ringing": gettext_lazy("Ringing"),
    "bot speaking": gettext_lazy("Bot speaking"),
    "caller speaking": gettext_lazy("Caller speaking"),
    "listening": gettext_lazy("Listening"),
    "thinking": gettext_lazy("Thinking"),
    "transferring": gettext_lazy("Transferring"),
    "closing": gettext_lazy("Closing"),
}
"""What a live call may be doing (`calls.core.commands.CallState`), in words."""


@require_safe
@permitted(Permission.SEE_LIVE)
@never_cache
def live(request: HttpRequest) -> HttpResponse:
    """The calls that are going on; the page then follows them through the live feed."""
    sight = visible_to(request.user)
    calls, truncated = live_calls(sight)
    bots = sight.who.visible_bots().filter(is_base=False).order_by("name")
    return render(
        request,
        "calls/live.html",
        {
            "calls": [_readable(sight, call) for call in calls],
            "truncated": truncated,
            "limit": LIVE_LIMIT,
            "bots": bots.values_list("name", flat=True),
            "states": STATES,
            "reads": sight.who.may(Permission.READ_LIVE),
            "setting": settings.ENVIRONMENT.setting,
            "voice_url": voice_url(request),
        },
    )


def _readable(sight: Sight, call: Fields) -> Fields:
    """``call`` without what was said in it, unless the person may read that."""
    if sight.reads_live(call["bot"], is_test=call["is_test"]):
        return call
    return {**call, "last_line": ""}


def voice_url(request: HttpRequest) -> str:
    """Where a voice gateway reaches the demo bot."""
    scheme = "wss" if request.is_secure() else "ws"
    return f"{scheme}://{request.get_host()}/voice/audiocodes/{DEMO_BOT}"
