"""The Django application of the alarms room."""

from django.apps import AppConfig


class AlarmsConfig(AppConfig):
    """What is wrong right now, and what was."""

    name = "alarms"
    verbose_name = "Alarms"
