"""Pages and reports about what was refused: missing permissions, broken content security policy."""

import itertools
import json
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from bots.core.roles import granting

REPORT_BYTES = 16 * 1024
REPORTS_LOGGED = 1_000
"""After so many reports a process logs only every hundredth: anybody can send them."""

log = structlog.get_logger(__name__)

_reports = itertools.count(1)


def not_permitted(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of status 403; it names the roles that would do (see `bots.guards.permitted`)."""
    roles = granting(str(exception).split(", "))
    return render(request, "403.html", {"roles": roles}, status=403)


@csrf_exempt
@require_POST
def csp_report(request: HttpRequest) -> HttpResponse:
    """A browser tells that a page tried what its policy forbids: one line in the log.

    Source: Content Security Policy Level 3, section 5.3.
    """
    number = next(_reports)
    body = request.read(REPORT_BYTES + 1)
    report = _report(body) if len(body) <= REPORT_BYTES else {}
    if report and (number <= REPORTS_LOGGED or number % 100 == 0):
        log.warning(
            "csp.violated",
            directive=_text(report.get("effective-directive") or report.get("violated-directive")),
            blocked=_text(report.get("blocked-uri")),
            page=_path(_text(report.get("document-uri"))),
            source=_text(report.get("source-file")),
            reports=number,
        )
    return HttpResponse(status=204)


def _report(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    report = document.get("csp-report") if isinstance(document, dict) else None
    return report if isinstance(report, dict) else {}


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _text(value: object) -> str:
    return str(value)[:200] if isinstance(value, str) else ""
