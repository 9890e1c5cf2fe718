"""How often a type of alarm would have been raised under another rule, judged by what was recorded.

Recorded is each time that an alarm was raised: its source, from when to when, and how often it was
told. What the rule of that time kept quiet left no trace, and how the tellings lay within one alarm
is not known: so an estimate says in which directions it may be wrong.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from alarms.core.patterns import listed
from alarms.core.policy import Policy


class Episode(msgspec.Struct, frozen=True, kw_only=True):
    """One time that an alarm was raised; ``ended_at`` None: it still is. ``told``: how often."""

    source: str
    raised_at: datetime
    ended_at: datetime | None
    told: int


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """``raised`` times; ``more``: or more often, ``fewer``: or less often, both: only about."""

    raised: int
    more: bool = False
    fewer: bool = False


def estimate(episodes: Iterable[Episode], *, recorded: Policy, wanted: Policy) -> Estimate:
    """How often ``episodes``, which were raised under ``recorded``, would be under ``wanted``."""
    if not wanted.enabled:
        return Estimate(raised=0)
    kept = [each for each in episodes if _counts(each, recorded, wanted)]
    kept.sort(key=lambda each: (each.source, each.raised_at))
    raised = 0
    for _, times in groupby(kept, key=lambda each: each.source):
        raised += _separate(list(times), wanted.clear_after_s - recorded.clear_after_s)
    stricter = wanted.count > recorded.count
    shorter = wanted.count > 1 and (
        wanted.window_s < recorded.window_s or wanted.in_a_row_s < recorded.in_a_row_s
    )
    return Estimate(
        raised=raised,
        # A failure that was certain counts alone, however many others it takes.
        more=stricter or _more_sensitive(recorded, wanted),
        fewer=raised > 0 and (stricter or shorter),
    )


def _counts(each: Episode, recorded: Policy, wanted: Policy) -> bool:
    if not listed(wanted.sources, each.source):
        return False
    certain = each.told < recorded.count
    if each.told < wanted.count and not certain:
        return False
    if wanted.hold_off_s <= recorded.hold_off_s or each.ended_at is None:
        return True
    lasted_s = (each.ended_at - each.raised_at).total_seconds() - recorded.clear_after_s
    return lasted_s + recorded.hold_off_s >= wanted.hold_off_s


def _separate(times: Sequence[Episode], longer_s: float) -> int:
    """How many ``times`` of one source there are when each ends ``longer_s`` later."""
    found = 0
    ends: datetime | None = None
    for each in times:
        gap_s = None if ends is None else max(0.0, (each.raised_at - ends).total_seconds())
        if found == 0 or (gap_s is not None and gap_s >= longer_s):
            found += 1
        ends = each.ended_at
    return found


def _more_sensitive(recorded: Policy, wanted: Policy) -> bool:
    """Whether ``wanted`` raises in cases in which ``recorded`` does not."""
    listed_before = set(wanted.sources or ("*",)) <= set(
        recorded.sources or wanted.sources or ("*",)
    )
    return (
        not recorded.enabled
        or not listed_before
        or wanted.count < recorded.count
        or (wanted.window_s > recorded.window_s and wanted.count > 1)
        or (wanted.in_a_row_s > recorded.in_a_row_s and wanted.count > 1)
        or wanted.hold_off_s < recorded.hold_off_s
        or wanted.clear_after_s < recorded.clear_after_s
    )
