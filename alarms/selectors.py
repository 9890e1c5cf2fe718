"""Reads of alarms, each as far as somebody's sight goes."""

import copy
from collections.abc import Iterable, Mapping

from django.db.models import Q, QuerySet

from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.policy import Policy, policy_of
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule
from bots.core.roles import Permission
from bots.people import Person

OF_A_BOT = "bot:"


def sees(who: Person, source: str) -> bool:
    """Whether ``who`` sees alarms of ``source``.

    Who reaches only some bots sees what is wrong with these bots, and nothing of what all share.
    """
    if not who.may(Permission.SEE_ALARMS):
        return False
    if who.bots is None:
        return True
    return source.startswith(OF_A_BOT) and who.reaches(source.removeprefix(OF_A_BOT))


def rule_visible_to(who: Person, row: AlarmRule | None) -> tuple[AlarmRule | None, int]:
    """``row`` as ``who`` may read it, not to be saved, and how many of its sources are left out.

    Who reaches only some bots reads the names of these, and not who changed what holds for all.
    """
    if row is None or who.bots is None:
        return row, 0
    seen = copy.copy(row)
    seen.sources = [each for each in row.sources if who.reaches(each.removeprefix(OF_A_BOT))]
    seen.changed_by = ""
    return seen, len(row.sources) - len(seen.sources)


def visible_to(who: Person) -> QuerySet[ActiveAlarm]:
    """What is wrong now, as far as ``who`` sees it, worst first; the rule is that of `sees`."""
    return ActiveAlarm.objects.filter(_sight(who))


def events_visible_to(who: Person) -> QuerySet[AlarmEvent]:
    """The history as far as ``who`` sees it, newest first; the rule is that of `sees`."""
    return AlarmEvent.objects.filter(_sight(who))


def policies() -> dict[str, Policy]:
    """What counts for each type at this moment; one query."""
    rules = {rule.type: rule for rule in AlarmRule.objects.all()}
    return {name: policy_of(kind, rules.get(name)) for name, kind in CATALOGUE.items()}


def policies_of(kinds: Iterable[AlarmType]) -> Mapping[str, Policy]:
    """What counts for ``kinds``; one query."""
    wanted = {kind.name: kind for kind in kinds}
    rules = {rule.type: rule for rule in AlarmRule.objects.filter(type__in=wanted)}
    return {name: policy_of(kind, rules.get(name)) for name, kind in wanted.items()}


def _sight(who: Person) -> Q:
    if not who.may(Permission.SEE_ALARMS):
        return Q(pk__in=[])
    if who.bots is None:
        return Q()
    return Q(source__in=[f"{OF_A_BOT}{name}" for name in who.bots])
