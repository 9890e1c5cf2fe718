"""Conformance runs: what came of trying a bot for real."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from bots.models.configuration import Bot


class ConformanceRun(models.Model):
    """One run of `bots.conformance` against a bot, asked for by a person, a client or a command.

    ``report`` is that of `bots.conformance.Report.stored`; while the run goes on it holds what is
    known so far. ``grade`` is the report's, once it has ended.
    """

    class State(models.TextChoices):
        """How far it is."""

        WAITING = "waiting"
        RUNNING = "running"
        FINISHED = "finished"
        LOST = "lost", "given up: whoever did it is gone"

    UNFINISHED = (State.WAITING, State.RUNNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, related_name="conformance_runs")
    revision = models.PositiveIntegerField(help_text="Of the bot, when it was asked for.")
    only = models.JSONField(default=list, help_text="Ids of checks; none: all of them.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    grade = models.CharField(max_length=11, blank=True)
    asked_by = models.CharField(max_length=150)
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    report = models.JSONField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-asked_at", "-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bot"],
                name="conformance_one_at_a_time",
                condition=Q(state__in=["waiting", "running"]),
            ),
            models.CheckConstraint(
                name="conformance_finished_iff_over",
                condition=Q(state__in=["waiting", "running"], finished_at=None)
                | Q(state__in=["finished", "lost"], finished_at__isnull=False),
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["bot", "-asked_at"], name="conformance_of_bot"),
        ]

    def __str__(self) -> str:
        return f"{self.bot_id} {self.asked_at:%Y-%m-%d %H:%M:%S}"
