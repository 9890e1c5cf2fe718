"""What other systems are to be told by HTTP: the outbox, and the state of those who are told."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q


class Destination(models.Model):
    """An origin (scheme, host and port) that deliveries go to, and its circuit breaker.

    After several failures in a row ``open_until`` says until when nothing is tried; then one
    delivery is, and its success closes the circuit.
    """

    origin = models.CharField(max_length=300, unique=True, help_text="https://crm.example:8443")
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")
    open_until = models.DateTimeField(null=True, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_problem = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return self.origin


class Delivery(models.Model):
    """One HTTP POST that is owed to somebody; written in the transaction of the fact it tells.

    Deliveries of one ``stream`` are made in the order of ``seq``, each at least once: a receiver
    that gets one again knows it by its id. ``body`` goes out byte for byte. ``target`` holds what
    must not be read in the database: the URL with all it carries and the signing secret, encrypted.
    """

    class State(models.TextChoices):
        """What has become of it."""

        WAITING = "waiting"
        DELIVERED = "delivered"
        DEAD = "dead", "given up"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    stream = models.CharField(max_length=80, help_text="dialout:<id> or call:<id>")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=40, help_text="Such as dialout.answered or call.ended.")
    bot_name = models.CharField(max_length=100, blank=True)
    destination = models.ForeignKey(
        Destination, on_delete=models.PROTECT, related_name="deliveries"
    )
    shown_url = models.CharField(max_length=300, help_text="Without query, user and password.")
    target = models.JSONField(help_text="Encrypted: the URL, and the signing secret if any.")
    body = models.TextField()
    state = models.CharField(max_length=9, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    next_attempt_at = models.DateTimeField()
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Until then somebody is delivering it."
    )
    finished_at = models.DateTimeField(null=True, blank=True)
    last_status = models.PositiveSmallIntegerField(null=True, blank=True)
    last_problem = models.CharField(max_length=300, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at", "stream", "-seq"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["stream", "seq"], name="delivery_seq_unique"),
            models.CheckConstraint(name="delivery_seq_from_one", condition=Q(seq__gte=1)),
            models.CheckConstraint(
                name="delivery_finished_iff_not_waiting",
                condition=Q(state="waiting", finished_at=None)
                | ~Q(state="waiting") & Q(finished_at__isnull=False, lease_until=None),
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_attempt_at"], name="delivery_due", condition=Q(state="waiting")
            ),
            models.Index(fields=["state", "-created_at"], name="delivery_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.stream}#{self.seq} {self.kind}"
