"""The Django application of the composition root; it carries the gateway's own commands."""

from django.apps import AppConfig


class GatewayProjectConfig(AppConfig):
    """Commands `gateway`, `web` and `prepare`."""

    name = "gateway_project"
    verbose_name = "Gateway"

    def ready(self) -> None:
        """Listen to people signing in and out; name the broker to whoever wakes the worker."""
        from gateway_project import celery, sessions  # noqa: F401 - receivers; needs the models
