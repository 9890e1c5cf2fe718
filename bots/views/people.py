"""The console's pages: people."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from bots.core.roles import Permission
from bots.guards import permitted


@require_safe
@permitted(Permission.MANAGE_PEOPLE)
def people_list(request: HttpRequest) -> HttpResponse:
    """The list."""
    return render(request, "people/list.html")
