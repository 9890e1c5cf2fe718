"""Outbound calls that were asked for, and every change of their state."""

import uuid
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from bots.models import Bot
from calls.models.records import Call


class Dialout(models.Model):
    """One outbound call that was asked for; its id is the conversation id its dialer was told.

    A row changes its state only by `calls.dialouts`, from a state that the change expects, and ends
    in exactly one of `FINAL`. Each change is a `DialoutEvent`. ``deadline_at`` is when a state that
    is not final has lasted too long, whoever has it.
    """

    class State(models.TextChoices):
        """How far it is; see `calls.core.dialout`."""

        QUEUED = "queued"
        PLACING = "placing"
        DIALING = "dialing"
        ANSWERED = "answered"
        COMPLETED = "completed"
        FAILED = "failed"
        CANCELLED = "cancelled"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    client = models.ForeignKey(
        settings.OAUTH2_PROVIDER_APPLICATION_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="dialouts",
    )
    requested_by = models.CharField(
        max_length=150, help_text="The client's id, or the name of a person."
    )
    bot = models.ForeignKey(
        Bot, null=True, blank=True, on_delete=models.SET_NULL, related_name="dialouts"
    )
    bot_name = models.CharField(max_length=100)
    target = models.CharField(max_length=300, help_text="tel: or sip: URI.")
    caller = models.CharField(max_length=200, blank=True)
    caller_host = models.CharField(max_length=253, blank=True)
    caller_display_name = models.CharField(max_length=200, blank=True)
    notify = models.JSONField(
        null=True, blank=True, help_text="Encrypted: where and how the dialer is told."
    )
    notify_origin = models.CharField(max_length=300, blank=True)
    answer_timeout_s = models.PositiveSmallIntegerField(default=60)
    machine_detection = models.CharField(
        max_length=10,
        choices=[("disabled", "disabled"), ("detect", "detect"), ("disconnect", "disconnect")],
        default="disabled",
    )
    metadata = models.JSONField(null=True, blank=True)
    params = models.JSONField(default=dict, blank=True, help_text="Parameters of this call alone.")
    not_before = models.DateTimeField()
    not_after = models.DateTimeField(help_text="Queued for longer, it fails.")
    state = models.CharField(max_length=9, choices=State, default=State.QUEUED)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    machine = models.CharField(max_length=8, blank=True, help_text="human or machine, if known.")
    carrier = models.CharField(max_length=100, blank=True, help_text="Provider that placed it.")
    carrier_call_id = models.CharField(max_length=200, blank=True)
    callback_digest = models.CharField(
        max_length=64, blank=True, help_text="SHA-256 of what the carrier's reports must carry."
    )
    owner = models.CharField(max_length=64, blank=True, help_text="Process that has it.")
    deadline_at = models.DateTimeField(null=True, blank=True)
    cancel_requested = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    placed_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    call = models.OneToOneField(
        Call, null=True, blank=True, on_delete=models.SET_NULL, related_name="dialout"
    )

    class Meta:
        ordering: ClassVar = ["-created_at", "id"]
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "id"], name="dialout_by_creation"),
            models.Index(fields=["not_before"], name="dialout_queued", condition=Q(state="queued")),
            models.Index(
                fields=["deadline_at"],
                name="dialout_under_way",
                condition=Q(state__in=["placing", "dialing", "answered"]),
            ),
            models.Index(fields=["client", "-placed_at"], name="dialout_by_client"),
            models.Index(fields=["bot_name", "-placed_at"], name="dialout_by_bot"),
            models.Index(fields=["carrier_call_id"], name="dialout_by_carrier_id"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                name="dialout_ended_iff_final",
                condition=Q(state__in=["completed", "failed", "cancelled"])
                & Q(ended_at__isnull=False)
                & ~Q(reason_code="")
                | Q(state__in=["queued", "placing", "dialing", "answered"])
                & Q(ended_at=None, reason_code=""),
            ),
            models.CheckConstraint(
                name="dialout_placed_unless_queued",
                condition=Q(state="queued", placed_at=None, owner="")
                | Q(state__in=["placing", "dialing", "answered"])
                & Q(placed_at__isnull=False, deadline_at__isnull=False)
                & ~Q(owner="")
                | Q(state__in=["completed", "failed", "cancelled"]),
            ),
            models.CheckConstraint(
                name="dialout_answered_has_a_time",
                condition=~Q(state__in=["answered", "completed"]) | Q(answered_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.bot_name} to {self.target}"


class DialoutEvent(models.Model):
    """One change of a dialout's state; ``seq`` counts from 1."""

    dialout = models.ForeignKey(Dialout, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    at = models.DateTimeField()
    state = models.CharField(max_length=9, choices=Dialout.State)
    reason_code = models.CharField(max_length=40, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["dialout", "seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["dialout", "seq"], name="dialout_event_unique"),
            # Exactly one end, whatever races for it.
            models.UniqueConstraint(
                fields=["dialout"],
                name="dialout_ends_once",
                condition=Q(state__in=["completed", "failed", "cancelled"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.dialout_id}#{self.seq} {self.state}"
