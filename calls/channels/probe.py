"""The plain HTTP probe with which VoiceAI Connect and Live Hub check a bot's URL."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from bots.access import admit
from bots.core.errors import ParameterError
from bots.protocols.ac_bot_api import HEALTHY
from bots.selectors import call_configuration


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
def probe(request: HttpRequest, bot: str) -> HttpResponse:
    """200 with the documented body when calls to ``bot`` would be taken, else 401, 404 or 503."""
    address = request.META.get("REMOTE_ADDR") or None
    admission = admit(bot, request.headers.get("Authorization"), address)
    status, reason = admission.status, admission.reason
    if status == 200:
        try:
            call_configuration(bot)
        except (LookupError, ParameterError):
            status, reason = 503, "the bot's configuration is not valid"
    if status == 200:
        return JsonResponse(HEALTHY)
    response = JsonResponse(
        {"type": "ac-bot-api", "success": False, "reason": reason}, status=status
    )
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    return response
