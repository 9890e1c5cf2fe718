"""Changing the rules of alarms, and saying beforehand what a change would mean.

Rules hold for the whole installation, so callers let only people and clients change them that reach
all bots.
"""

from datetime import datetime, timedelta

import msgspec
from django.db import transaction
from django.utils import timezone

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.policy import policy_of
from alarms.core.preview import Episode, Estimate, estimate
from alarms.core.rules import AS_DECLARED, Rule, problems_of
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule
from alarms.services.ledger import locked_ledger
from alarms.services.reporting import reapply
from bots.audit import current_actor, record
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.services import StaleRevision

PREVIEW_DAYS = 7
_MOST_EPISODES = 20_000
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


def type_named(name: str) -> AlarmType:
    """The type of alarm called ``name``.

    Raises:
        LookupError: there is none.
    """
    found = CATALOGUE.get(name)
    if found is None:
        raise LookupError(f"there is no alarm type named {name[:60]!r}")
    return found


def rule_of(row: AlarmRule | None) -> Rule:
    """What ``row`` customises; without one nothing is."""
    if row is None:
        return AS_DECLARED
    values = {name: getattr(row, name) for name in Rule.__struct_fields__}
    return Rule(**{**values, "sources": tuple(row.sources)})


def revision_of(row: AlarmRule | None) -> int:
    """A number that another state of the rule does not have; 0: nothing is customised."""
    return 0 if row is None else (row.changed_at - _EPOCH) // timedelta(microseconds=1)


def stored_rule(kind: AlarmType) -> AlarmRule | None:
    """The row about ``kind``, if anything is customised."""
    return AlarmRule.objects.filter(type=kind.name).first()


# --- changing -------------------------------------------------------------------------------------


@transaction.atomic
def rule_update(
    *, kind: AlarmType, rule: Rule, expected_revision: int | None = None
) -> AlarmRule | None:
    """Customise ``kind`` as ``rule`` says, and apply that at once to what is active.

    Alarms that the rule keeps quiet are cleared, others get their severity and text. A rule that
    changes nothing is not kept: None.

    Raises:
        StaleRevision: the rule is not at ``expected_revision`` any more.
        ParameterError: every problem of the rule by field.
    """
    if problems := problems_of(rule):
        raise ParameterError(problems)
    locked_ledger()
    row = AlarmRule.objects.select_for_update().filter(type=kind.name).first()
    if expected_revision is not None and revision_of(row) != expected_revision:
        raise StaleRevision(kind.name, expected_revision, revision_of(row))
    before = rule_of(row)
    if before == rule:
        return row
    after = _stored(kind, row, rule)
    _audit(kind, before, rule)
    unfixed = before.severity is not None and rule.severity is None
    reapply(kind, timezone.now(), by=current_actor().name, unfixed=unfixed)
    return after


def _stored(kind: AlarmType, row: AlarmRule | None, rule: Rule) -> AlarmRule | None:
    if rule == AS_DECLARED:
        if row is not None:
            row.delete()
        return None
    row = row or AlarmRule(type=kind.name)
    for name, value in msgspec.structs.asdict(rule).items():
        setattr(row, name, value)
    row.sources = list(rule.sources)
    row.changed_at, row.changed_by = timezone.now(), current_actor().name[:150]
    row.save()
    return row


def rule_revert(*, kind: AlarmType, expected_revision: int | None = None) -> None:
    """Take back everything that is customised about ``kind``; at once, as `rule_update`.

    Raises:
        StaleRevision: the rule is not at ``expected_revision`` any more.
    """
    rule_update(kind=kind, rule=AS_DECLARED, expected_revision=expected_revision)


def _audit(kind: AlarmType, before: Rule, after: Rule) -> None:
    old, new = msgspec.to_builtins(before), msgspec.to_builtins(after)
    names = [name for name in old if old[name] != new[name]]
    record(
        Action.ALARM_RULE_REVERTED if after == AS_DECLARED else Action.ALARM_RULE_CHANGED,
        kind="alarm-rule",
        target=kind.name,
        title=kind.name,
        before={name: old[name] for name in names},
        after={name: new[name] for name in names},
    )


# --- what it would mean ---------------------------------------------------------------------------


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """How often alarms of a type would have been raised since ``since``, and how often as declared.

    It is computed from the alarms in the history: ``short``: it does not reach back all the days.
    ``rule_changed_at``: meanwhile another rule began to hold, and what the one before kept quiet
    or raised is judged as if it was raised under the present one.
    """

    wanted: Estimate
    as_declared: Estimate
    recorded: int
    since: datetime
    short: bool
    rule_changed_at: datetime | None


def preview(
    *, kind: AlarmType, rule: Rule, now: datetime | None = None, days: int = PREVIEW_DAYS
) -> Preview:
    """How often ``kind`` would have been raised in the last ``days`` under ``rule``.

    Raises:
        ParameterError: every problem of the rule by field.
    """
    if problems := problems_of(rule):
        raise ParameterError(problems)
    at = now or timezone.now()
    since = asked = at - timedelta(days=days)
    first = AlarmEvent.objects.order_by("seq").first()
    if first is not None and first.seq > 1:  # older ones were trimmed
        since = max(since, first.at)
    row = stored_rule(kind)
    recorded = policy_of(kind, rule_of(row))
    episodes = _episodes(kind, since)
    return Preview(
        wanted=estimate(episodes, recorded=recorded, wanted=policy_of(kind, rule)),
        as_declared=estimate(episodes, recorded=recorded, wanted=policy_of(kind)),
        recorded=len(episodes),
        since=since,
        short=since > asked,
        rule_changed_at=row.changed_at if row and row.changed_at > since else None,
    )


def _episodes(kind: AlarmType, since: datetime) -> list[Episode]:
    """The alarms of ``kind`` that were raised since then; a clear tells of the whole alarm."""
    over = AlarmEvent.objects.filter(
        type=kind.name, kind=AlarmEvent.Kind.CLEARED, raised_at__gte=since
    ).order_by("-seq")
    columns = ("source", "raised_at", "at", "count")
    found = list(over.values_list(*columns)[:_MOST_EPISODES])
    active = ActiveAlarm.objects.filter(type=kind.name, raised_at__gte=since)
    found += [(*each, None, told) for *each, told in active.values_list(*columns[:2], "count")]
    return [
        Episode(source=source, raised_at=raised_at, ended_at=at, told=told)
        for source, raised_at, at, told in found
    ]
