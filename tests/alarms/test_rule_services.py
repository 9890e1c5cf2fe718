"""Rules of alarms: stored, applied at once, taken back, and judged beforehand."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.fixtures import Settings

from alarms.core.catalogue import STT_PROVIDER_FAILURE as STT
from alarms.core.catalogue import TTS_PROVIDER_FAILURE
from alarms.core.preview import Estimate
from alarms.core.rules import AS_DECLARED, Rule
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, AlarmRule, Ledger
from alarms.services.rules import (
    preview,
    revision_of,
    rule_of,
    rule_revert,
    rule_update,
    stored_rule,
    type_named,
)
from bots.audit import Actor, acting
from bots.core.errors import ParameterError
from bots.models import AuditEvent
from bots.services import StaleRevision
from tests.alarms.raising import cleared, raised

pytestmark = pytest.mark.db


def kinds() -> list[str]:
    return list(AlarmEvent.objects.order_by("seq").values_list("kind", flat=True))


def test_a_type_that_is_switched_off_clears_what_is_active_and_raises_nothing(db: None) -> None:
    raised()
    other = raised(TTS_PROVIDER_FAILURE, "tts-1")
    with acting(Actor(name="ada")):
        rule_update(kind=STT, rule=Rule(enabled=False))
    assert list(ActiveAlarm.objects.all()) == [other]
    last = AlarmEvent.objects.latest("seq")
    assert (last.kind, last.severity, last.by) == ("cleared", Severity.CLEAR, "ada")
    with pytest.raises(ActiveAlarm.DoesNotExist):
        raised(at=timezone.now() + timedelta(seconds=1))


def test_only_listed_entities_stay(db: None) -> None:
    raised(name="stt-1")
    raised(name="other")
    rule_update(kind=STT, rule=Rule(sources=("stt-*",)))
    assert [each.source for each in ActiveAlarm.objects.all()] == ["provider:stt-1"]


def test_severity_and_text_change_at_once_and_come_back(db: None) -> None:
    alarm = raised()
    rule_update(kind=STT, rule=Rule(severity=Severity.CRITICAL, text="Call ops: {source} {detail}"))
    alarm.refresh_from_db()
    assert (alarm.severity, alarm.text) == (Severity.CRITICAL, "Call ops: stt-1 timeout")
    rule_revert(kind=STT)
    alarm.refresh_from_db()
    assert (alarm.severity, alarm.text) == (
        Severity.MAJOR,
        "Speech recognition of stt-1 fails: timeout",
    )
    assert stored_rule(STT) is None
    assert kinds() == ["raised", "changed", "changed"]


def test_whoever_keeps_rules_learns_of_every_change_and_of_nothing_else(db: None) -> None:
    rule_update(kind=STT, rule=Rule(count=5))
    version = Ledger.objects.get().version
    rule_update(kind=STT, rule=Rule(count=5))
    assert Ledger.objects.get().version == version
    rule_update(kind=STT, rule=Rule(count=6))
    assert Ledger.objects.get().version == version + 1


def test_a_rule_comes_back_as_it_was_stored(db: None) -> None:
    rule = Rule(enabled=False, sources=("a", "b*"), severity=1, text="x", count=2, window_s=3,
                hold_off_s=0, clear_after_s=5)  # fmt: skip
    with acting(Actor(name="ada")):
        rule_update(kind=STT, rule=rule)
    row = AlarmRule.objects.get()
    assert rule_of(row) == rule
    assert (row.type, row.changed_by) == (STT.name, "ada")
    assert rule_of(None) == AS_DECLARED


def test_the_audit_log_tells_what_differs_and_who_did_it(db: None) -> None:
    with acting(Actor(name="ada")):
        rule_update(kind=STT, rule=Rule(count=5, sources=("a",)))
        rule_update(kind=STT, rule=Rule(count=7, sources=("a",)))
        rule_update(kind=STT, rule=Rule(count=7, sources=("a",)))
        rule_revert(kind=STT)
        rule_revert(kind=STT)
    events = list(AuditEvent.objects.order_by("pk"))
    assert [each.action for each in events] == [
        "alarm_rule.changed",
        "alarm_rule.changed",
        "alarm_rule.reverted",
    ]
    assert [(each.before, each.after) for each in events] == [
        ({"sources": [], "count": None}, {"sources": ["a"], "count": 5}),
        ({"count": 5}, {"count": 7}),
        ({"sources": ["a"], "count": 7}, {"sources": [], "count": None}),
    ]
    assert {(each.actor, each.kind, each.target) for each in events} == {
        ("ada", "alarm-rule", STT.name)
    }


def test_a_wrong_rule_changes_nothing(db: None) -> None:
    raised()
    with pytest.raises(ParameterError) as refused:
        rule_update(kind=STT, rule=Rule(enabled=False, count=0, text="{"))
    assert set(refused.value.problems) == {"count", "text"}
    assert ActiveAlarm.objects.count() == 1
    with pytest.raises(ParameterError):
        preview(kind=STT, rule=Rule(count=0))


def test_a_change_that_is_based_on_another_state_is_refused(db: None) -> None:
    row = rule_update(kind=STT, rule=Rule(count=5), expected_revision=0)
    assert revision_of(row) > 0
    for stale in (0, revision_of(row) - 1):
        with pytest.raises(StaleRevision):
            rule_update(kind=STT, rule=Rule(count=6), expected_revision=stale)
    changed = rule_update(kind=STT, rule=Rule(count=6), expected_revision=revision_of(row))
    assert revision_of(changed) > revision_of(row)
    assert revision_of(stored_rule(STT)) == revision_of(changed)


def test_a_type_is_found_by_its_name(db: None) -> None:
    assert type_named(STT.name) is STT
    with pytest.raises(LookupError, match="no alarm type named 'no'"):
        type_named("no")


# --- previews -------------------------------------------------------------------------------------


def test_a_preview_counts_what_is_over_and_what_is_active_of_the_last_days(db: None) -> None:
    now = timezone.now()
    cleared(raised(at=now - timedelta(days=8)))
    cleared(raised(at=now - timedelta(days=2)))
    cleared(raised(name="other", at=now - timedelta(days=1), count=9))
    raised(at=now - timedelta(hours=1))
    raised(TTS_PROVIDER_FAILURE, "tts-1")
    found = preview(kind=STT, rule=Rule(sources=("stt-*",)), now=now)
    assert (found.wanted, found.as_declared) == (Estimate(raised=2), Estimate(raised=3))
    assert (found.recorded, found.short, found.since) == (3, False, now - timedelta(days=7))
    assert preview(kind=STT, rule=Rule(count=5)).wanted.raised == 1
    assert preview(kind=STT, rule=AS_DECLARED, now=now, days=30).wanted.raised == 4


def test_a_preview_says_that_the_history_is_short(db: None, settings: Settings) -> None:
    settings.ALARM_HISTORY = 3
    now = timezone.now()
    for hours in (5, 4, 3):
        cleared(raised(at=now - timedelta(hours=hours)))
    found = preview(kind=STT, rule=AS_DECLARED, now=now)
    assert found.short
    assert found.since > now - timedelta(hours=5)
    assert found.wanted.raised == 1


def test_a_preview_knows_which_rule_was_in_force(db: None) -> None:
    cleared(raised(at=timezone.now() - timedelta(days=1)))
    row = rule_update(kind=STT, rule=Rule(count=5))
    found = preview(kind=STT, rule=Rule(count=5))
    assert row is not None
    assert found.rule_changed_at == row.changed_at
    assert found.wanted == Estimate(raised=1)
    assert found.as_declared == Estimate(raised=1, more=True)
