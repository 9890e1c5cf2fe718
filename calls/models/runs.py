"""When the background tasks that keep house last ran."""

from django.db import models


class TaskRun(models.Model):
    """The latest run of one background task; the table has a row for each of them."""

    name = models.CharField(primary_key=True, max_length=100, help_text="As Celery knows it.")
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    problem = models.CharField(
        max_length=100, blank=True, help_text="What it failed with; empty: it did not."
    )

    def __str__(self) -> str:
        return f"{self.name} {self.ended_at:%Y-%m-%d %H:%M:%S}"
