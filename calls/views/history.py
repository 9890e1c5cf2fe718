"""The console's page of call records, past and present, and the views that people keep of it."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.timezone import get_current_timezone, now
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from bots.audit import record
from bots.core.auditing import Action
from bots.core.roles import Permission
from bots.guards import asking, permitted
from calls.columns import COLUMNS, FIRST, chosen_columns
from calls.core.callfilter import SHORTEST_TEXT, CallFilter, parse, zone
from calls.models import SavedView
from calls.search import (
    COUNT_LIMIT,
    SEARCHED_CALLS,
    Cursor,
    call_page,
    matching,
    seen,
)
from calls.selectors import visible_to
from calls.views.historyfilter import FIRST_PARTS, PARTS, VIEWS, FilterForm, chips
from calls.views.live import voice_url

PAGE_SIZES = (25, 50, 100)
SEARCHED = "searched"
"""Key of the session: what was searched last, so that turning pages is no search of its own."""
VIEWS_AT_MOST = 50
NAME_CHARS = 60
QUERY_CHARS = 2000


@require_safe
@permitted(Permission.SEE_HISTORY)
@never_cache
def history(request: HttpRequest) -> HttpResponse:
    """Calls past and present, newest first; filter, columns, page and page size are in the URL."""
    sight = visible_to(request.user)
    chosen = parse(dict(request.GET.lists()), now(), get_current_timezone())
    if chosen.text:
        if not sight.searches:
            raise PermissionDenied(Permission.READ_TRANSCRIPTS)
        _record_search(request, chosen)
    form = FilterForm(request.GET, seen(sight))
    size = _page_size(request.GET)
    found = matching(sight, chosen)
    page = call_page(found.calls, size=size, cursor=_cursor(request.GET))
    columns = chosen_columns(",".join(request.GET.getlist("columns")))
    context = {
        "form": form,
        "page": page,
        "columns": columns,
        "all_columns": [(each, each in columns) for each in COLUMNS if each is not FIRST],
        "chosen": chosen,
        "more_is_open": any(
            any(request.GET.getlist(name)) for name in PARTS if name not in FIRST_PARTS
        ),
        "from_value": _local(request.GET, "from", chosen.since),
        "to_value": _local(request.GET, "to", chosen.until),
        "kept": [(name, request.GET[name]) for name in ("size", "columns") if name in request.GET],
        "chips": chips(form, request.GET, chosen.ignored),
        "search_is_cut": found.is_cut,
        "searched_calls": SEARCHED_CALLS,
        "shortest_text": SHORTEST_TEXT,
        "count_limit": COUNT_LIMIT,
        "size": size,
        "sizes": [(each, _query(request, size=each, at=None)) for each in PAGE_SIZES],
        "newer_query": _query(request, at=page.newer),
        "older_query": _query(request, at=page.older),
        "query": _query(request, at=None),
        "carried": _carried(request.GET),
        "views": VIEWS,
        "own_views": SavedView.objects.filter(user=asking(request).user_id),
        "setting": settings.ENVIRONMENT.setting,
        "voice_url": voice_url(request),
    }
    return render(request, "calls/history.html", context)


@require_POST
@permitted(Permission.SEE_HISTORY)
def save_view(request: HttpRequest) -> HttpResponse:
    """Keep the filter and columns of an address under a name; the same name replaces it."""
    name = " ".join(request.POST.get("name", "").split())[:NAME_CHARS]
    query = _kept(request.POST.get("query", ""))
    own = SavedView.objects.filter(user=asking(request).user_id)
    if not name:
        messages.error(request, _("Give the view a name."))
    elif not own.filter(name=name).exists() and own.count() >= VIEWS_AT_MOST:
        messages.error(request, _("You have many views already. Remove one first."))
    else:
        SavedView.objects.update_or_create(
            user_id=asking(request).user_id, name=name, defaults={"query": query}
        )
        messages.success(request, _("The view %(name)s was saved.") % {"name": name})
    return redirect(f"{reverse('calls:history')}?{query}")


@require_POST
@permitted(Permission.SEE_HISTORY)
def delete_view(request: HttpRequest, view_id: int) -> HttpResponse:
    """Forget one of the person's own views."""
    view = get_object_or_404(SavedView, pk=view_id, user=asking(request).user_id)
    view.delete()
    messages.success(request, _("The view %(name)s was removed.") % {"name": view.name})
    return redirect(f"{reverse('calls:history')}?{_kept(request.POST.get('query', ''))}")


def _kept(query: str) -> str:
    """What of an address a view keeps: its filter and columns, not its page."""
    address = QueryDict(query[:QUERY_CHARS], mutable=True)
    for name in set(address) - {*PARTS, "columns", "size", "zone"}:
        del address[name]
    return address.urlencode()[:QUERY_CHARS]


def _record_search(request: HttpRequest, chosen: CallFilter) -> None:
    searched = f"{chosen.text}|{_query(request, at=None, size=None, columns=None)}"
    if request.session.get(SEARCHED) != searched:
        record(Action.TRANSCRIPTS_SEARCHED, kind="call", after=chosen.summary())
        request.session[SEARCHED] = searched


def _local(query: QueryDict, name: str, at: datetime | None) -> str:
    """The moment ``at`` for a field of the form, if it was given by such a field."""
    if at is None or not query.get(name):
        return ""
    where = zone(dict(query.lists()), get_current_timezone())
    return at.astimezone(where).replace(tzinfo=None).isoformat(timespec="minutes")


def _page_size(query: QueryDict) -> int:
    size = query.get("size", "")
    return next((each for each in PAGE_SIZES if str(each) == size), PAGE_SIZES[0])


def _cursor(query: QueryDict) -> Cursor | None:
    # A cursor that was tampered with or cut off in a message shows the first page.
    try:
        return Cursor.parse(query.get("at", ""))
    except ValueError:
        return None


def _carried(query: QueryDict) -> list[tuple[str, str]]:
    """What a form that chooses columns carries along."""
    dropped = {"at", "columns"}
    return [(name, value) for name, all_ in query.lists() if name not in dropped for value in all_]


def _query(request: HttpRequest, **changes: Any) -> str:
    query = request.GET.copy()
    for name, value in changes.items():
        query.pop(name, None)
        if value is not None:
            query[name] = str(value)
    for name in [name for name in query if not any(query.getlist(name))]:
        del query[name]
    return query.urlencode()
