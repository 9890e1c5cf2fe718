"""Where VoiceAI Connect and Live Hub report what became of the calls they were asked to place."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from calls.dialouts.reports import Report, reported

MAX_BODY_BYTES = 65_536


@csrf_exempt
@require_POST
def report(request: HttpRequest, dialout: UUID, token: str) -> HttpResponse:
    """200 once it is written down, 404 unless ``token`` is that of the order, 400 or 413."""
    body = request.read(MAX_BODY_BYTES + 1)
    if len(body) > MAX_BODY_BYTES:
        return JsonResponse({"error": "too large"}, status=413)
    try:
        told = msgspec.json.decode(body, type=Report)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return JsonResponse({"error": "not a notification"}, status=400)
    if not reported(dialout, token, told, at=datetime.now(UTC)):
        return JsonResponse({"error": "unknown"}, status=404)
    return JsonResponse({})
