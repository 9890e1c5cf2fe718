"""The console's pages: audit log."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted


@require_safe
@permitted(Permission.READ_AUDIT)
def audit_list(request: HttpRequest) -> HttpResponse:
    """The list."""
    return render(request, "audit/list.html")
