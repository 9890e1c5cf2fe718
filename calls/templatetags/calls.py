"""What pages about calls need to show: durations, delays, cut prompts."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from django import template
from django.utils.timezone import now
from django.utils.translation import gettext, pgettext

from bots.core.roles import ROLES, Permission
from calls.core.publication import LiveLine
from calls.models import Call

register = template.Library()

SLOW_MS = 800
"""A reply later than this is felt as slow; the callers of voice bots expect an answer by then."""
LATE_MS = 1500
"""A reply later than this makes callers speak again."""
BAR_MS = 3000
"""The delay at which a bar is full."""
BAR_UNITS = 56


@register.filter
def lasted(call: Call) -> str:
    """How long the call lasted, or has lasted so far, as ``1:02:03`` or ``2:03``."""
    return clock((call.ended_at or now()) - call.started_at)


@register.filter
def offset(milliseconds: int) -> str:
    """A place in the call as ``2:03.4``."""
    return f"{clock(timedelta(milliseconds=milliseconds))}.{milliseconds // 100 % 10}"


def clock(span: timedelta) -> str:
    """``span`` as hours, minutes and seconds, cut to whole seconds."""
    minutes, seconds = divmod(max(0, int(span.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


@register.filter
def band(delay_ms: int) -> str:
    """How a reply delay feels: ``good``, ``slow`` or ``late``."""
    if delay_ms >= LATE_MS:
        return "late"
    return "slow" if delay_ms >= SLOW_MS else "good"


@register.filter
def bar(delay_ms: int) -> int:
    """The width of a delay's bar, of `BAR_UNITS`."""
    return max(1, round(BAR_UNITS * min(delay_ms, BAR_MS) / BAR_MS))


@register.filter
def unheard(entry: LiveLine) -> str:
    """What of a cut prompt the caller did not hear."""
    if entry.full_text.startswith(entry.text):
        return entry.full_text[len(entry.text) :].strip()
    return entry.full_text


@register.filter
def answers(entry: LiveLine) -> int:
    """Where in the call the caller stopped whom this line answers, in milliseconds."""
    return entry.offset_ms - (entry.delay_ms or 0)


@register.filter
def pairs(detail: Mapping[str, Any]) -> str:
    """An object as ``name: value`` pairs; values that are no text as JSON."""
    shown = (
        f"{name}: {value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)}"
        for name, value in detail.items()
    )
    return "\n".join(shown)


@register.filter
def percent(share: float) -> str:
    """A share of one as a whole percentage."""
    return gettext("%(share)d%%") % {"share": round(100 * share)}


@register.filter
def roles_with(permission: str) -> str:
    """Which roles may do that, as words for a tooltip: ``Supervisor or Administrator``.

    Raises:
        ValueError: there is no such permission.
    """
    wanted = Permission(permission)
    titles = [gettext(role.title) for role in ROLES.values() if wanted in role.grants]
    # Translators: between the names of roles.
    word = gettext("or")
    return f" {word} ".join(titles)


@register.filter
def words(code: str) -> str:
    """A side, direction, part of a silence or owner of a fault in the reader's language."""
    return _WORDS[code]() if code in _WORDS else code


@register.filter
def agent_took(times: dict[str, int] | None) -> str:
    """What a voice agent says it took for its answer, as a sentence; empty without it."""
    known = times or {}
    told = [words() % {"ms": known[name]} for name, words in _TOOK.items() if name in known]
    parts = ", ".join(told)
    return gettext("of which the agent: %(parts)s") % {"parts": parts} if told else ""


@register.filter
def origin(name: str) -> str:
    """Where a value comes from, in the reader's language; ``name`` is that of an `Origin`."""
    if name == "default":
        return gettext("default")
    if name == "bot at run time":
        return gettext("bot at run time")
    for kind, words in _ORIGINS.items():
        if name.startswith(f"{kind} "):
            return words() % {"name": name.removeprefix(f"{kind} ")}
    return name


@register.filter
def translated(text: str) -> str:
    """A sentence that was marked for translation where it was declared."""
    return gettext(text)


_ORIGINS: dict[str, Callable[[], str]] = {
    "default of": lambda: gettext("default of %(name)s"),
    "provider": lambda: gettext("provider %(name)s"),
    "base bot": lambda: gettext("base bot %(name)s"),
    "bot": lambda: gettext("bot %(name)s"),
    "supervisor": lambda: gettext("supervisor %(name)s"),
}
_TOOK: dict[str, Callable[[], str]] = {
    "stt_ms": lambda: gettext("recognised %(ms)s ms"),
    "think_ms": lambda: gettext("thought %(ms)s ms"),
    "tts_ms": lambda: gettext("spoke %(ms)s ms"),
    "total_ms": lambda: gettext("%(ms)s ms in all"),
}
_WORDS = {
    "caller": lambda: gettext("caller"),
    "bot": lambda: gettext("bot"),
    "operator": lambda: gettext("operator"),
    "system": lambda: gettext("gateway"),
    "gateway": lambda: gettext("gateway"),
    "voice": lambda: gettext("voice side"),
    "inbound": lambda: gettext("inbound"),
    "outbound": lambda: gettext("outbound"),
    "stt": lambda: gettext("recogniser"),
    "tts": lambda: gettext("synthesiser"),
    "carrier": lambda: gettext("voice side or carrier"),
    "endpointing": lambda: pgettext("part of a silence", "endpointing"),
    "recognition": lambda: pgettext("part of a silence", "recognition"),
    "collection": lambda: pgettext("part of a silence", "collection"),
    "synthesis": lambda: pgettext("part of a silence", "synthesis"),
    "delivery": lambda: pgettext("part of a silence", "delivery"),
    "unexplained": lambda: pgettext("part of a silence", "unexplained"),
}
