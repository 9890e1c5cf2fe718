"""The Django application of the composition root; it carries the gateway's own commands."""

from django.apps import AppConfig


class GatewayProjectConfig(AppConfig):
    """Commands `gateway`, `web` and `prepare`."""

    name = "gateway_project"
    verbose_name = "Gateway"

    def ready(self) -> None:
        """Listen to people signing in and out."""
        from gateway_project import sessions  # noqa: F401 - its receivers; needs the models
