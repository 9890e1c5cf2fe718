"""Alarms as rows: what is wrong now, what was, the rules people made, and who is told."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from alarms.core.declare import MAX_SOURCE_CHARS, MAX_TEXT_CHARS
from alarms.core.severity import Severity

SEVERITIES = [(severity.value, severity.title) for severity in Severity]


class Ledger(models.Model):
    """The one row that whoever changes an alarm locks first, so that changes have an order.

    ``version`` grows with everything that pages show: alarms, rules and destinations. The SNMP
    engine of the installation is one, whichever process speaks: ``engine_since`` is when its boot
    number ``engine_boots`` began.
    """

    version = models.PositiveBigIntegerField(default=0)
    last_seq = models.PositiveBigIntegerField(default=0)
    engine_id = models.CharField(max_length=64, help_text="Hexadecimal; RFC 3411, SnmpEngineID.")
    engine_boots = models.PositiveIntegerField(default=1)
    engine_since = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(name="ledger_is_one", condition=Q(pk=1))]

    def __str__(self) -> str:
        return f"version {self.version}, {self.last_seq} events"


class ActiveAlarm(models.Model):
    """Something that is wrong now; ``alarm_id`` names this time that it is."""

    alarm_id = models.UUIDField(unique=True, default=uuid.uuid4)
    type = models.CharField(max_length=60)
    source = models.CharField(max_length=MAX_SOURCE_CHARS, help_text="Such as provider:azure-1.")
    severity = models.PositiveSmallIntegerField(choices=SEVERITIES)
    text = models.CharField(max_length=MAX_TEXT_CHARS)
    detail = models.CharField(max_length=MAX_TEXT_CHARS, blank=True)
    count = models.PositiveBigIntegerField(default=1, help_text="How often it was told.")
    raised_at = models.DateTimeField()
    changed_at = models.DateTimeField(help_text="Raised, or another severity or text.")
    last_at = models.DateTimeField(help_text="When it was told last.")
    held_since = models.DateTimeField(
        null=True, blank=True, help_text="Its source is away, but comes and goes."
    )
    held_until = models.DateTimeField(
        null=True, blank=True, help_text="If its source stays away, it is over then."
    )
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    acknowledged_by = models.CharField(max_length=150, blank=True)
    comment = models.CharField(max_length=MAX_TEXT_CHARS, blank=True)
    silenced_until = models.DateTimeField(null=True, blank=True)
    silenced_by = models.CharField(max_length=150, blank=True)

    class Meta:
        ordering: ClassVar = ["-severity", "-raised_at", "-pk"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["type", "source"], name="active_alarm_unique"),
            models.CheckConstraint(
                name="active_alarm_severity",
                condition=Q(severity__gte=Severity.INDETERMINATE, severity__lte=Severity.CRITICAL),
            ),
            models.CheckConstraint(
                name="active_alarm_held",
                condition=Q(held_since=None, held_until=None)
                | Q(held_since__isnull=False, held_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.source}"


class AlarmEvent(models.Model):
    """One change of an alarm; ``seq`` has no gaps until the oldest are trimmed."""

    class Kind(models.TextChoices):
        """What changed."""

        RAISED = "raised"
        CHANGED = "changed"
        HELD = "held"
        CLEARED = "cleared"
        ACKNOWLEDGED = "acknowledged"
        UNACKNOWLEDGED = "unacknowledged"
        SILENCED = "silenced"
        UNSILENCED = "unsilenced"

    seq = models.PositiveBigIntegerField(primary_key=True)
    alarm_id = models.UUIDField(db_index=True)
    type = models.CharField(max_length=60)
    source = models.CharField(max_length=MAX_SOURCE_CHARS)
    kind = models.CharField(max_length=14, choices=Kind)
    severity = models.PositiveSmallIntegerField(choices=SEVERITIES)
    previous = models.PositiveSmallIntegerField(choices=SEVERITIES, null=True, blank=True)
    text = models.CharField(max_length=MAX_TEXT_CHARS)
    detail = models.CharField(max_length=MAX_TEXT_CHARS, blank=True)
    at = models.DateTimeField(db_index=True)
    raised_at = models.DateTimeField()
    count = models.PositiveBigIntegerField(default=1)
    by = models.CharField(max_length=150, blank=True, help_text="A person; empty: the gateway.")
    comment = models.CharField(max_length=MAX_TEXT_CHARS, blank=True)

    class Meta:
        ordering: ClassVar = ["-seq"]
        indexes: ClassVar = [models.Index(fields=["type", "-seq"], name="alarm_event_by_type")]

    def __str__(self) -> str:
        return f"#{self.seq} {self.type} {self.source} {self.kind}"


class Recurrence(models.Model):
    """When one source of one type came lately, see `alarms.core.damping`, and was over last."""

    type = models.CharField(max_length=60)
    source = models.CharField(max_length=MAX_SOURCE_CHARS)
    comings = models.JSONField(default=list, help_text="Times, the oldest first.")
    cleared_at = models.DateTimeField(null=True, blank=True)
    last_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["type", "source"], name="recurrence_unique"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.source}"


class AlarmRule(models.Model):
    """What people changed about one type of alarm; what is None or empty is as declared."""

    type = models.CharField(max_length=60, unique=True)
    enabled = models.BooleanField(default=True)
    sources = models.JSONField(
        default=list, blank=True, help_text="Only these entities, * stands for any text."
    )
    severity = models.PositiveSmallIntegerField(choices=SEVERITIES, null=True, blank=True)
    text = models.CharField(max_length=MAX_TEXT_CHARS, blank=True)
    count = models.PositiveIntegerField(null=True, blank=True)
    window_s = models.PositiveIntegerField(null=True, blank=True)
    hold_off_s = models.PositiveIntegerField(null=True, blank=True)
    clear_after_s = models.PositiveIntegerField(null=True, blank=True)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=150, blank=True)

    def __str__(self) -> str:
        return self.type


class Destination(models.Model):
    """Somebody outside who is told of alarms by a notifier; secrets in ``settings`` are encrypted.

    ``failures`` counts those in a row; after several ``open_until`` says until when nothing is
    tried.
    """

    name = models.SlugField(max_length=60, unique=True)
    notifier = models.CharField(max_length=40)
    settings = models.JSONField(default=dict, blank=True)
    enabled = models.BooleanField(default=True)
    min_severity = models.PositiveSmallIntegerField(choices=SEVERITIES, default=Severity.WARNING)
    types = models.JSONField(default=list, blank=True, help_text="Only these; empty: all.")
    sources = models.JSONField(default=list, blank=True, help_text="As in rules.")
    resend_minutes = models.PositiveIntegerField(
        default=0, help_text="All active alarms are sent again this often; 0: never."
    )
    resent_at = models.DateTimeField(null=True, blank=True)
    failures = models.PositiveIntegerField(default=0)
    open_until = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """One notice owed to one destination; written in the transaction of the change it tells.

    Those of one alarm go to a destination in the order of ``created_at`` and ``seq``, each at least
    once. ``notice`` is an `alarms.core.ports.Notice`.
    """

    class State(models.TextChoices):
        """What has become of it."""

        WAITING = "waiting"
        DELIVERED = "delivered"
        DEAD = "dead", "given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    destination = models.ForeignKey(
        Destination, on_delete=models.CASCADE, related_name="notifications"
    )
    seq = models.PositiveBigIntegerField(help_text="Of the event; 0: a test or sent again.")
    alarm_id = models.UUIDField()
    kind = models.CharField(max_length=8)
    notice = models.JSONField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "-seq"]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="notification_finished_iff_not_waiting",
                condition=Q(state="waiting", finished_at=None)
                | ~Q(state="waiting") & Q(finished_at__isnull=False, lease_until=None),
            )
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"], name="notification_due", condition=Q(state="waiting")
            ),
            models.Index(fields=["destination", "-created_at"], name="notification_by_dest"),
            models.Index(fields=["alarm_id", "destination"], name="notification_by_alarm"),
        ]

    def __str__(self) -> str:
        return f"{self.destination_id} {self.kind} #{self.seq}"
