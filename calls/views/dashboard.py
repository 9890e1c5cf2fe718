"""The console's first page: how calls are doing now."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted


@require_safe
@permitted(*Permission)
def dashboard(request: HttpRequest) -> HttpResponse:
    """The first page."""
    return redirect("calls:live")
