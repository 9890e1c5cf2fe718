"""The console's page of active alarms, what people do about them, and news for all pages."""

from collections.abc import Callable, Mapping
from datetime import datetime, time, timedelta, tzinfo
from functools import partial
from uuid import UUID
from zoneinfo import ZoneInfo

import msgspec
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.timezone import get_current_timezone, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from alarms import board, journal
from alarms.core.catalogue import CATALOGUE
from alarms.core.severity import Severity
from alarms.core.tally import tally
from alarms.models import ActiveAlarm
from alarms.selectors import visible_to
from alarms.services import handling
from alarms.views import wording
from bots.core.errors import ParameterError
from bots.core.roles import Permission
from bots.guards import asking, own_address, permitted
from bots.people import Person

LISTED = 500
"""So many rows at most, the worst."""
NEWS = 3
"""So many alarms are told in one go."""
MORNING = time(8)
SPANS = {"15": 15, "60": 60, "240": 240}
"""Minutes of a silence, by the name of the button."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One active alarm as pages show it."""

    alarm: ActiveAlarm
    severity: Severity
    title: str
    text: str
    in_language: bool
    source_url: str
    silenced: bool
    told: journal.Told


@require_safe
@permitted(Permission.SEE_ALARMS)
@never_cache
def active(request: HttpRequest) -> HttpResponse:
    """What is wrong now, worst first, filtered by the address; htmx gets the rows alone."""
    who, chosen, at = asking(request), _filter(request.GET), now()
    found = visible_to(who).filter(chosen.condition(at)).order_by("-severity", "-raised_at", "-pk")
    listed = list(found[: LISTED + 1])
    context = {
        "rows": rows(listed[:LISTED], who, at),
        "is_cut": len(listed) > LISTED,
        "limit": LISTED,
        "chosen": chosen,
        "filtered": chosen != journal.ActiveFilter(),
        "why_not": wording.why_not(who),
        "severities": wording.SEVERITIES,
        "types": CATALOGUE.values(),
        "back": request.get_full_path(),
        "tab": "active",
    }
    part = "_rows" if request.headers.get("HX-Request") else "active"
    return render(request, f"alarms/{part}.html", context)


@require_POST
@permitted(Permission.HANDLE_ALARMS)
def handle(request: HttpRequest) -> HttpResponse:
    """Do one thing about the alarm of the address or those that are ticked, then go back."""
    back = own_address(request, request.POST.get("next"), reverse("alarms:active"))
    wanted = wording.ids(request.GET.getlist("id") or request.POST.getlist("alarm"))[:LISTED]
    act = _act(request.POST, asking(request))
    if act is None or not wanted:
        messages.error(request, _("Tick the alarms that are meant, then say what is to be done."))
        return redirect(back)
    do, words = act
    try:
        done = do(wanted)
    except ParameterError as error:
        messages.error(request, str(error))
        return redirect(back)
    if done:
        messages.success(request, words(done))
    else:
        messages.error(request, _("There is nothing to do: it has cleared, or was done already."))
    return redirect(back)


@require_safe
@permitted(Permission.SEE_ALARMS)
@never_cache
def news(request: HttpRequest) -> HttpResponse:
    """The worst of the alarms with the ids of the address, in a few words each."""
    who, wanted = asking(request), wording.ids(request.GET.getlist("id"))[:LISTED]
    found = list(visible_to(who).filter(alarm_id__in=wanted).order_by("-severity", "-raised_at"))
    context = {"rows": rows(found[:NEWS], who, now()), "others": len(found[NEWS:])}
    return render(request, "alarms/_news.html", context)


@require_safe
@permitted(Permission.SEE_ALARMS)
@never_cache
def state(request: HttpRequest) -> HttpResponse:
    """What the alarm socket tells, for pages whose socket is away."""
    snapshot = board.current()
    told = tally(board.visible_to(asking(request)), now())
    frame = {"t": "alarms", "version": snapshot.version, **msgspec.structs.asdict(told)}
    return HttpResponse(msgspec.json.encode(frame), content_type="application/json")


def rows(alarms: list[ActiveAlarm], who: Person, at: datetime) -> list[Row]:
    """``alarms`` as pages show them to ``who``."""
    told = journal.told(alarms) if alarms else {}
    return [_row(alarm, who, at, told.get(alarm.alarm_id, journal.Told())) for alarm in alarms]


def _row(alarm: ActiveAlarm, who: Person, at: datetime, told: journal.Told) -> Row:
    text, in_language = wording.text_of(alarm)
    return Row(
        alarm=alarm,
        severity=Severity(alarm.severity),
        title=wording.title_of(alarm.type),
        text=text,
        in_language=in_language,
        source_url=wording.source_url(alarm.source, who),
        silenced=alarm.silenced_until is not None and alarm.silenced_until > at,
        told=told,
    )


def _filter(given: Mapping[str, str]) -> journal.ActiveFilter:
    return journal.ActiveFilter(
        severity=wording.severity(given),
        type=wording.one_of(given, "type", CATALOGUE),
        source=wording.text(given, "source"),
        text=wording.text(given, "q"),
        acknowledged=wording.one_of(given, "acknowledged", ("yes", "no")),
        age=wording.one_of(given, "age", journal.AGES),
    )


Do = Callable[[list[UUID]], int]
Words = Callable[[int], str]


def _act(given: Mapping[str, str], who: Person) -> tuple[Do, Words] | None:
    """What is to be done, and how it is told that it was done."""
    name, _dash, length = given.get("do", "").partition("-")
    comment = given.get("comment", "")
    match name:
        case "acknowledge":
            return partial(handling.acknowledge, who=who, comment=comment), _acknowledged
        case "unacknowledge":
            return partial(handling.unacknowledge, who=who), _unacknowledged
        case "silence" if until := _until(length, _zone(given)):
            return partial(handling.silence, who=who, until=until), _silenced
        case "unsilence":
            return partial(handling.unsilence, who=who), _unsilenced
        case "clear":
            return partial(handling.clear_by_hand, who=who, comment=comment), _cleared
    return None


def _until(length: str, zone: tzinfo) -> datetime | None:
    """The end of a silence: minutes from now, or the next day's morning in ``zone``."""
    if length in SPANS:
        return now() + timedelta(minutes=SPANS[length])
    if length != "tomorrow":
        return None
    tomorrow = timezone.localtime(now(), zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, MORNING, zone)


def _zone(given: Mapping[str, str]) -> tzinfo:
    """The zone that the browser named, else that of the person."""
    name = given.get("zone", "")
    try:
        # NB the name becomes part of a file name; ZoneInfo refuses to leave its directory.
        return ZoneInfo(name) if name and len(name) <= 64 else get_current_timezone()
    except (LookupError, ValueError, OSError):
        return get_current_timezone()


def _acknowledged(count: int) -> str:
    words = ngettext("%(n)s alarm acknowledged.", "%(n)s alarms acknowledged.", count)
    return words % {"n": count}


def _unacknowledged(count: int) -> str:
    words = ngettext(
        "%(n)s alarm is not acknowledged any more.",
        "%(n)s alarms are not acknowledged any more.",
        count,
    )
    return words % {"n": count}


def _silenced(count: int) -> str:
    words = ngettext(
        "%(n)s alarm silenced. Destinations are only told that it clears.",
        "%(n)s alarms silenced. Destinations are only told that they clear.",
        count,
    )
    return words % {"n": count}


def _unsilenced(count: int) -> str:
    words = ngettext(
        "Destinations are told of %(n)s alarm again.",
        "Destinations are told of %(n)s alarms again.",
        count,
    )
    return words % {"n": count}


def _cleared(count: int) -> str:
    words = ngettext(
        "%(n)s alarm cleared. It comes back if its cause persists.",
        "%(n)s alarms cleared. They come back if their cause persists.",
        count,
    )
    return words % {"n": count}
