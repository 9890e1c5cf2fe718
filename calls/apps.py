"""The Django application of the calls room."""

from django.apps import AppConfig


class CallsConfig(AppConfig):
    """Call records, live calls and voice channels."""

    name = "calls"
    verbose_name = "Calls"
