"""Destinations as people change, try and prompt them."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.conf import settings
from django.utils import timezone

from alarms.core.catalogue import DESTINATION_FAILING
from alarms.core.severity import Severity
from alarms.models import ActiveAlarm, AlarmEvent, Destination, Ledger, Notification
from alarms.services import destinations
from alarms.services.building import built, plugin_of
from bots import net, secrets
from bots.audit import Actor, acting
from bots.core import noticing
from bots.core.auditing import Action
from bots.core.errors import ParameterError, ServiceError
from bots.core.params.resolve import MASK
from bots.credentials import states
from bots.models import AuditEvent
from bots.services import rotate_secrets
from tests.alarms.owed import alarm, over, owed
from tests.fakes.receiver import Receiver, receiving

pytestmark = pytest.mark.django_db

ADDRESS = "https://hooks.example.com:8443/services/T0/B0/x7Q9?key=c0de"
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def create(**values: Any) -> Destination:
    usual: dict[str, Any] = {
        "name": "chat",
        "notifier": "webhook",
        "params": {},
        "credentials": {"alarmWebhookUrl": ADDRESS, "alarmWebhookSecret": SECRET},
    }
    return destinations.destination_create(**(usual | values))


def problems(**values: Any) -> set[str]:
    with pytest.raises(ParameterError) as refused:
        create(**values)
    return set(refused.value.problems)


def last(action: Action) -> AuditEvent:
    return AuditEvent.objects.filter(action=action).latest("pk")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as found:
        yield found


@pytest.fixture
def reachable(receiver: Receiver) -> Iterator[Receiver]:
    net.configure(("127.0.0.0/8",))
    receiver.received.clear()
    yield receiver
    net.configure(settings.OUTBOUND_ALLOW)


def test_secrets_are_encrypted_and_never_shown() -> None:
    row = create()
    stored = row.settings["credentials"]["alarmWebhookSecret"]
    assert secrets.is_envelope(stored)
    event = last(Action.ALARM_DESTINATION_CREATED)
    assert event.after is not None
    assert event.after["alarmWebhookSecret"] == MASK
    assert SECRET not in str(event.after)
    assert event.after["alarmWebhookUrl"] == MASK
    assert "services" not in f"{event.after} {row.settings}"
    assert (event.kind, event.title) == ("alarm-destination", "chat")


def test_the_mask_keeps_a_secret_and_another_text_replaces_it() -> None:
    row = create()
    held = row.settings["credentials"]["alarmWebhookSecret"]
    row = destinations.destination_update(
        destination=row,
        credentials={"alarmWebhookUrl": MASK, "alarmWebhookSecret": MASK},
        min_severity=Severity.MAJOR,
    )
    assert row.settings["credentials"]["alarmWebhookSecret"] == held
    assert row.min_severity == Severity.MAJOR
    row = destinations.destination_update(
        destination=row, credentials={"alarmWebhookUrl": "https://other.example/"}
    )
    shown = {each.name: each.shown for each in states(plugin_of(row), row.settings["credentials"])}
    assert row.settings["credentials"].keys() == {"alarmWebhookUrl"}
    assert shown["alarmWebhookUrl"] == "https://other.example"


def test_secrets_move_to_another_key_with_all_others(settings: Any) -> None:
    create()
    old = settings.FIELD_KEYS
    settings.FIELD_KEYS = (Fernet.generate_key().decode(), *old)
    assert rotate_secrets().reencrypted == 2
    assert rotate_secrets().current == 2
    settings.FIELD_KEYS = settings.FIELD_KEYS[:1]
    built(Destination.objects.get())
    settings.FIELD_KEYS = old
    assert rotate_secrets().unreadable == [
        "alarm destination chat: alarmWebhookUrl",
        "alarm destination chat: alarmWebhookSecret",
    ]
    Destination.objects.update(notifier="pigeon")
    assert len(rotate_secrets().unreadable) == 2


def test_a_change_reaches_whoever_keeps_destinations_in_memory() -> None:
    row = create()
    versions = [Ledger.objects.get().version]
    row = destinations.destination_update(destination=row, types=["diskSpaceLow"])
    versions.append(Ledger.objects.get().version)
    destinations.destination_delete(destination=row)
    versions.append(Ledger.objects.get().version)
    assert versions == sorted(set(versions))
    assert not Destination.objects.exists()
    event = last(Action.ALARM_DESTINATION_CHANGED)
    assert (event.before, event.after) == ({"types": []}, {"types": ["diskSpaceLow"]})
    assert last(Action.ALARM_DESTINATION_DELETED).title == "chat"


@pytest.mark.parametrize(
    ("values", "fields"),
    [
        ({"name": "Not a slug"}, {"name"}),
        ({"name": "new"}, {"name"}),
        ({"notifier": "pigeon"}, {"notifier"}),
        ({"credentials": {"alarmWebhookUrl": "nonsense"}}, {"alarmWebhookUrl"}),
        ({"credentials": {}}, {"alarmWebhookUrl"}),
        ({"params": {"alarmWebhookUrl": ADDRESS}}, {"alarmWebhookUrl"}),
        ({"params": {"pigeonHole": 1}}, {"pigeonHole"}),
        (
            {"credentials": {"alarmWebhookUrl": ADDRESS, "alarmWebhookSecret": "§"}},
            {"alarmWebhookSecret"},
        ),
        (
            {"credentials": {"alarmWebhookUrl": ADDRESS, "alarmWebhookSecret": {"$secret": "x"}}},
            {"alarmWebhookSecret"},
        ),
        ({"min_severity": 0}, {"min_severity"}),
        ({"min_severity": 6}, {"min_severity"}),
        ({"types": ["unheardOf"]}, {"types"}),
        ({"sources": ["a\nb"]}, {"sources"}),
        ({"sources": [""]}, {"sources"}),
        ({"sources": ["x"] * 101}, {"sources"}),
        ({"resend_minutes": -1}, {"resend_minutes"}),
        ({"resend_minutes": 10_081}, {"resend_minutes"}),
    ],
)
def test_what_cannot_work_is_refused_at_its_field(values: dict[str, Any], fields: set[str]) -> None:
    assert problems(**values) == fields
    assert not Destination.objects.exists()


def test_names_are_unique() -> None:
    create()
    assert problems() == {"name"}


def test_every_notifier_names_what_it_needs() -> None:
    assert problems(notifier="syslog", params={}, credentials={}) == {"syslogHost"}
    assert problems(notifier="snmp-v2c", params={}, credentials={}) == {
        "snmpHost",
        "snmpCommunity",
    }


def test_what_no_key_opens_is_told_when_it_is_used() -> None:
    row = create()
    row.settings["credentials"]["alarmWebhookSecret"] = {"$secret": "garbage"}
    with pytest.raises(ServiceError, match="alarmWebhookSecret"):
        built(row)
    row.notifier = "pigeon"
    with pytest.raises(ServiceError, match="pigeon"):
        built(row)
    row.notifier, row.settings = "webhook", {"params": {"old": 1}}
    with pytest.raises(ServiceError, match="do not fit"):
        built(row)


# --- trying ---------------------------------------------------------------------------------------


def test_a_test_arrives_and_is_remembered(reachable: Receiver) -> None:
    row = create(
        credentials={"alarmWebhookUrl": reachable.url + "/ok", "alarmWebhookSecret": SECRET}
    )
    tried = destinations.destination_test(destination=row)
    assert tried.ok
    assert (tried.fault, tried.detail) == ("", "")
    (request,) = reachable.received
    assert b'"type":"alarm.test"' in request.body
    reachable.verify(SECRET)
    (kept,) = row.notifications.all()
    assert (kept.kind, kept.state, kept.attempts) == ("test", "delivered", 1)
    row.refresh_from_db()
    assert row.last_success_at is not None
    assert last(Action.ALARM_DESTINATION_TESTED).after == {"ok": True, "fault": "", "detail": ""}


def test_a_test_that_fails_says_why(reachable: Receiver) -> None:
    row = create(credentials={"alarmWebhookUrl": reachable.always("/bad", 503)})
    tried = destinations.destination_test(destination=row)
    assert (tried.ok, tried.fault, tried.detail) == (False, "server", "answered HTTP 503")
    (kept,) = row.notifications.all()
    assert (kept.state, kept.last_problem) == ("dead", "server: answered HTTP 503")
    row.refresh_from_db()
    assert (row.failures, row.last_problem) == (0, "server: answered HTTP 503")


def test_a_test_of_a_notifier_that_breaks_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> None:
        raise UnicodeError("a bug in a library")

    row = create()
    monkeypatch.setattr("alarms.notifiers.webhook.AlarmWebhook.send", broken)
    tried = destinations.destination_test(destination=row)
    assert (tried.fault, tried.detail) == ("internal", "an error inside the gateway")
    assert row.notifications.get().state == "dead"


def test_a_test_that_arrives_lets_what_waits_go(reachable: Receiver) -> None:
    row = create(credentials={"alarmWebhookUrl": reachable.url})
    alarm()
    later = timezone.now() + timedelta(hours=1)
    Notification.objects.update(next_attempt_at=later)
    Destination.objects.update(failures=9, open_until=later)
    destinations.destination_test(destination=row)
    row.refresh_from_db()
    assert (row.failures, row.open_until) == (0, None)
    assert Notification.objects.get(kind="raised").next_attempt_at < later


# --- again ----------------------------------------------------------------------------------------


def test_active_alarms_are_sent_again() -> None:
    row = create(min_severity=Severity.MAJOR, sources=["provider:*"])
    alarm()
    alarm(source="provider:gone")
    over(source="provider:gone")
    Notification.objects.update(state="delivered", finished_at=timezone.now())
    assert destinations.resend_all(destination=row) == 1
    assert owed("chat")[-1] == ("resent", 4)
    assert destinations.resend_all(destination=row) == 0, "what waits is not owed twice"
    assert last(Action.ALARM_DESTINATION_RESENT).after == {"notifications": 0}


def dead(kind: str) -> Notification:
    rows = Notification.objects.filter(kind=kind)
    rows.update(state="dead", finished_at=timezone.now(), attempts=7)
    return rows.get()


def test_what_was_given_up_is_sent_after_all() -> None:
    row = create()
    alarm()
    assert destinations.retry(notification=dead("raised"))
    kept = Notification.objects.get()
    assert (kept.state, kept.attempts, kept.finished_at) == ("waiting", 0, None)
    dead("raised")
    assert destinations.retry_dead(destination=row) == 1
    assert destinations.retry_dead(destination=row) == 0


def test_an_old_state_does_not_take_the_place_of_a_later_one() -> None:
    row = create()
    alarm()
    over()
    Notification.objects.filter(kind="cleared").update(
        state="delivered", finished_at=timezone.now()
    )
    assert not destinations.retry(notification=dead("raised"))
    assert destinations.retry_dead(destination=row) == 0


def test_a_destination_can_be_tried_at_once() -> None:
    row = create()
    alarm()
    later = timezone.now() + timedelta(hours=1)
    Notification.objects.update(next_attempt_at=later)
    Destination.objects.update(failures=9, open_until=later)
    row.refresh_from_db()
    destinations.try_now(destination=row)
    row.refresh_from_db()
    assert (row.failures, row.open_until) == (0, None)
    assert Notification.objects.get().next_attempt_at < later
    assert last(Action.CIRCUIT_CLOSED).before == {"failures": 9}


def test_what_is_switched_off_forgets_what_waits() -> None:
    row = create()
    alarm()
    destinations.destination_update(destination=row, enabled=False)
    kept = Notification.objects.get()
    assert (kept.state, kept.last_problem) == ("dead", "the destination was switched off")


@pytest.mark.parametrize("gone", [True, False])
def test_nothing_is_wrong_with_a_destination_that_is_not_in_use(gone: bool) -> None:
    row = create()
    create(name="other")
    for name in ("chat", "other"):
        alarm(source=DESTINATION_FAILING.source(name), type=DESTINATION_FAILING.name)
    with acting(Actor(name="mia")):
        if gone:
            destinations.destination_delete(destination=row)
        else:
            destinations.destination_update(destination=row, enabled=False)
    assert ActiveAlarm.objects.get().source == "destination:other"
    event = AlarmEvent.objects.latest("seq")
    assert (event.source, event.kind, event.by) == ("destination:chat", "cleared", "mia")


def test_what_cannot_work_any_more_can_be_switched_off(settings: Any) -> None:
    row = create()
    settings.FIELD_KEYS = (Fernet.generate_key().decode(),)
    with pytest.raises(ParameterError):
        destinations.destination_update(destination=row, min_severity=Severity.MAJOR)
    assert not destinations.destination_update(destination=row, enabled=False).enabled
    Destination.objects.update(notifier="pigeon", enabled=True)
    assert not destinations.destination_update(destination=row, enabled=False).enabled


def test_two_who_change_different_things_both_do() -> None:
    mine, yours = create(), Destination.objects.get()
    destinations.destination_update(destination=mine, min_severity=Severity.MAJOR)
    destinations.destination_update(destination=yours, types=["diskSpaceLow"])
    row = Destination.objects.get()
    assert (row.min_severity, row.types) == (Severity.MAJOR, ["diskSpaceLow"])
    event = last(Action.ALARM_DESTINATION_CHANGED)
    assert (event.before, event.after) == ({"types": []}, {"types": ["diskSpaceLow"]})


def test_a_destination_that_takes_a_test_fails_no_more(
    reachable: Receiver, django_capture_on_commit_callbacks: Any
) -> None:
    told: list[tuple[str, str]] = []

    class Listener:
        def failed(self, alarm: str, source: str, detail: str, *, certain: bool) -> None:
            """Nothing fails here."""

        def worked(self, alarm: str, source: str) -> None:
            told.append((alarm, source))

    row = create(credentials={"alarmWebhookUrl": reachable.url + "/ok"})
    before = list(noticing._listeners)
    noticing.listen(Listener())
    try:
        with django_capture_on_commit_callbacks(execute=True):
            assert destinations.destination_test(destination=row).ok
    finally:
        noticing._listeners[:] = before
    assert told == [(DESTINATION_FAILING.name, "chat")]
