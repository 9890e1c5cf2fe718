"""What pages about calls need to show: durations, delays, cut prompts."""

from datetime import timedelta

from django import template
from django.utils.timezone import now

from calls.models import Call, TranscriptEntry

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
def unheard(entry: TranscriptEntry) -> str:
    """What of a cut prompt the caller did not hear."""
    if entry.full_text.startswith(entry.text):
        return entry.full_text[len(entry.text) :].strip()
    return entry.full_text


@register.filter
def percent(share: float) -> str:
    """A share of one as a whole percentage."""
    return f"{share:.0%}"
