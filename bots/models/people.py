"""People of the console: how far their roles reach, what they prefer, and what they did.

A role is a Django group with the name of one of `bots.core.roles.ROLES`; what it permits is
declared there.
"""

import uuid
from datetime import datetime
from typing import Any, ClassVar, NoReturn

from django.conf import settings
from django.db import models
from django.db.models import Q

from bots.models.configuration import Bot


class Member(models.Model):
    """How far the roles of one user reach, and what the user prefers.

    A user without a row reaches all bots and has no preferences.
    """

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="member"
    )
    all_bots = models.BooleanField(default=True, help_text="Roles reach every bot, later ones too.")
    bots = models.ManyToManyField(Bot, blank=True, related_name="members")
    language = models.CharField(max_length=8, blank=True, help_text="Empty: the browser's.")
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: the browser's.")
    source = models.CharField(
        max_length=8, choices=[("local", "local"), ("sso", "single sign-on")], default="local"
    )
    subject = models.CharField(
        max_length=255, blank=True, help_text="Who the person is to the sign-in service (``sub``)."
    )

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["subject"], condition=~Q(subject=""), name="member_subject_unique"
            ),
        ]

    def __str__(self) -> str:
        return str(self.user_id)


class AppendOnly(models.QuerySet["AuditEvent"]):
    """Audit events: read, added, and dropped when their time is over; nothing else."""

    def update(self, **kwargs: Any) -> NoReturn:
        """Refused.

        Raises:
            TypeError: always.
        """
        raise TypeError(_FROZEN)

    def delete(self) -> NoReturn:
        """Refused.

        Raises:
            TypeError: always.
        """
        raise TypeError(_FROZEN)

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused.

        Raises:
            TypeError: always.
        """
        raise TypeError(_FROZEN)

    def expire(self, before: datetime) -> int:
        """Drop the events from before that moment; how many there were."""
        old: Any = self.filter(at__lt=before)
        return int(old._raw_delete(self.db))  # NB past `delete`, which refuses


_FROZEN = "events of the audit log are never altered"


class AuditEvent(models.Model):
    """Something a person or machine did, or private data it read; never altered.

    ``before`` and ``after`` hold what changed, by field; secrets are masked. ``batch`` is shared by
    the events of one request.
    """

    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=150, help_text="The name at the time.")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    address = models.GenericIPAddressField(null=True, blank=True)
    action = models.CharField(max_length=40, help_text="One of `bots.core.auditing.Action`.")
    kind = models.CharField(max_length=20, help_text="What it was done to: bot, call, user ...")
    target = models.CharField(max_length=64, blank=True, help_text="Key of that row.")
    title = models.CharField(max_length=200, blank=True, help_text="Its name at the time.")
    before = models.JSONField(null=True, blank=True)
    after = models.JSONField(null=True, blank=True)
    message = models.CharField(max_length=500, blank=True, help_text="The reason given.")
    batch = models.UUIDField(default=uuid.uuid4)

    objects = AppendOnly.as_manager()

    class Meta:
        ordering: ClassVar = ["-at", "-id"]
        indexes: ClassVar = [
            models.Index(fields=["-at", "-id"], name="audit_by_time"),
            models.Index(fields=["kind", "target", "-at"], name="audit_by_target"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.title}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Store a new event.

        Raises:
            TypeError: the event is stored already.
        """
        if not self._state.adding:
            raise TypeError(_FROZEN)
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Refused.

        Raises:
            TypeError: always.
        """
        raise TypeError(_FROZEN)
