"""What people do about alarms, and how far each of them may."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from alarms import selectors
from alarms.core.catalogue import BOT_MISCONFIGURED
from alarms.core.catalogue import STT_PROVIDER_FAILURE as STT
from alarms.core.state import Report
from alarms.models import ActiveAlarm, AlarmEvent, Destination, Ledger, Notification
from alarms.services import handling
from alarms.services.reporting import tell
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.roles import ROLES, Permission
from bots.models import AuditEvent
from bots.people import NOBODY, Person

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
MIA = Person(user_id=1, name="mia", permissions=ROLES["operator"].grants)
TOM = Person(user_id=2, name="tom", permissions=MIA.permissions, bots=frozenset({"taxi"}))


@pytest.fixture
def ids() -> list[UUID]:
    """The alarms of a provider, and of the bots taxi and pizza."""
    reports = [Report(type=STT.name, source="provider:azure-1", at=NOON)]
    for bot in ("taxi", "pizza"):
        reports.append(Report(type=BOT_MISCONFIGURED.name, source=f"bot:{bot}", at=NOON))
    return [event.alarm_id for event in tell(reports)]


def seen(alarms: Iterable[Any]) -> set[str]:
    return {alarm.source for alarm in alarms}


def last() -> AlarmEvent:
    return AlarmEvent.objects.order_by("seq")[AlarmEvent.objects.count() - 1]


def test_acknowledging_says_who_cares_and_why(ids: list[UUID]) -> None:
    assert handling.acknowledge(ids[:2], who=MIA, comment=" I call\n them ") == 2
    alarm = ActiveAlarm.objects.get(alarm_id=ids[0])
    assert (alarm.acknowledged_by, alarm.comment) == ("mia", "I call them")
    assert alarm.acknowledged_at is not None
    event = last()
    assert (event.kind, event.by, event.comment) == ("acknowledged", "mia", "I call them")
    assert (event.severity, event.previous) == (4, None)
    audited = AuditEvent.objects.filter(action=Action.ALARM_ACKNOWLEDGED)
    assert {each.target for each in audited} == {str(each) for each in ids[:2]}
    assert {each.title for each in audited} >= {f"{STT.name} provider:azure-1"}
    assert {each.message for each in audited} == {"I call them"}


def test_acknowledging_again_changes_only_the_comment(ids: list[UUID]) -> None:
    handling.acknowledge(ids, who=MIA, comment="first")
    assert handling.acknowledge(ids, who=MIA) == 0
    assert handling.acknowledge(ids, who=MIA, comment="first") == 0
    assert handling.acknowledge(ids[:1], who=TOM, comment="second") == 0
    assert handling.acknowledge(ids[:1], who=MIA, comment="second") == 1
    assert ActiveAlarm.objects.get(alarm_id=ids[0]).comment == "second"


def test_an_acknowledgement_is_taken_back_once(ids: list[UUID]) -> None:
    handling.acknowledge(ids[:1], who=MIA, comment="mine")
    assert handling.unacknowledge(ids, who=MIA) == 1
    alarm = ActiveAlarm.objects.get(alarm_id=ids[0])
    assert (alarm.acknowledged_at, alarm.acknowledged_by, alarm.comment) == (None, "", "")
    assert last().kind == "unacknowledged"


def test_a_silence_holds_until_a_time(ids: list[UUID]) -> None:
    until = timezone.now() + timedelta(hours=1)
    assert handling.silence(ids[:1], who=MIA, until=until, comment="works on it") == 1
    assert handling.silence(ids[:1], who=MIA, until=until) == 0
    alarm = ActiveAlarm.objects.get(alarm_id=ids[0])
    assert (alarm.silenced_until, alarm.silenced_by) == (until, "mia")
    assert (last().kind, last().comment) == ("silenced", "works on it")
    assert handling.unsilence(ids, who=MIA) == 1
    assert ActiveAlarm.objects.get(alarm_id=ids[0]).silenced_until is None
    assert last().kind == "unsilenced"


@pytest.mark.parametrize("away", [timedelta(), timedelta(seconds=-1), timedelta(days=31)])
def test_a_silence_ends_within_bounds(ids: list[UUID], away: timedelta) -> None:
    with pytest.raises(ParameterError) as refused:
        handling.silence(ids, who=MIA, until=timezone.now() + away)
    assert set(refused.value.problems) == {"until"}
    assert not ActiveAlarm.objects.exclude(silenced_until=None).exists()


def test_what_is_cleared_by_hand_is_gone_until_it_happens_again(ids: list[UUID]) -> None:
    Destination.objects.create(name="noc", notifier="webhook")
    assert handling.clear_by_hand(ids[:1], who=MIA, comment="mended") == 1
    assert not ActiveAlarm.objects.filter(alarm_id=ids[0]).exists()
    event = last()
    assert (event.kind, event.previous, event.severity, event.by) == ("cleared", 4, 0, "mia")
    assert not Notification.objects.exists()  # nobody was told that it was raised
    assert handling.clear_by_hand(ids[:1], who=MIA) == 0
    # What was on its way when it was cleared does not bring it back; what follows does.
    assert tell([Report(type=STT.name, source="provider:azure-1", at=NOON)]) == []
    again = tell([Report(type=STT.name, source="provider:azure-1", at=timezone.now())])
    assert again[0].alarm_id != ids[0]


@pytest.mark.parametrize("comment", ["x" * 501, "a\0b", "a\ud800b", "\x1b[31m"])
def test_a_comment_is_one_bounded_line_that_can_be_printed(ids: list[UUID], comment: str) -> None:
    for action in (handling.acknowledge, handling.clear_by_hand):
        with pytest.raises(ParameterError) as refused:
            action(ids, who=MIA, comment=comment)
        assert set(refused.value.problems) == {"comment"}
    assert AlarmEvent.objects.count() == 3


def test_nothing_that_changed_is_no_news(ids: list[UUID]) -> None:
    before = Ledger.objects.get().version
    assert handling.clear_by_hand([], who=MIA) == 0
    assert handling.unsilence([uuid4()], who=MIA) == 0
    assert Ledger.objects.get().version == before
    assert not AuditEvent.objects.exists()


# --- sight ----------------------------------------------------------------------------------------


def test_who_reaches_some_bots_sees_and_handles_what_is_wrong_with_these(ids: list[UUID]) -> None:
    assert seen(selectors.visible_to(MIA)) == {"provider:azure-1", "bot:taxi", "bot:pizza"}
    assert seen(selectors.visible_to(TOM)) == {"bot:taxi"}
    assert seen(selectors.events_visible_to(TOM)) == {"bot:taxi"}
    assert handling.clear_by_hand(ids, who=TOM) == 1
    assert seen(ActiveAlarm.objects.all()) == {"provider:azure-1", "bot:pizza"}


@pytest.mark.parametrize(
    "who",
    [NOBODY, Person(user_id=3, name="x", permissions=frozenset({Permission.READ_CONFIGURATION}))],
)
def test_who_may_not_see_alarms_sees_none(ids: list[UUID], who: Person) -> None:
    assert not selectors.visible_to(who).exists()
    assert not selectors.events_visible_to(who).exists()
    assert not selectors.sees(who, "bot:taxi")
    assert handling.acknowledge(ids, who=who) == 0


def test_a_source_is_seen_by_the_same_rule_as_the_rows(ids: list[UUID]) -> None:
    sources = ["provider:azure-1", "bot:taxi", "bot:pizza", "bot", "api"]
    for who in (MIA, TOM):
        rows = seen(selectors.visible_to(who))
        assert {each for each in sources[:3] if selectors.sees(who, each)} == rows
    assert not selectors.sees(TOM, "bot")
    assert selectors.sees(MIA, "api")
