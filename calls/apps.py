"""The Django application of the calls room."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks

from bots.core import catalogue, figures, registry
from calls.hooks import registration

PLUGIN_PACKAGES = ("calls.carriers",)


class CallsConfig(AppConfig):
    """Call records, live calls and voice channels."""

    name = "calls"
    verbose_name = "Calls"

    def ready(self) -> None:
        """Find the carriers and the operator's hooks, and tell the pages about bots where figures
        about calls come from.

        Raises:
            DuplicatePluginError: two plug-ins share a kind and a name.
            TypeError: two plug-ins declare the same parameter.
        """
        from calls import figures as ours  # NB models can be imported only once all apps are loaded

        registry.discover(PLUGIN_PACKAGES)
        catalogue.everything()
        registration.load(settings.HOOKS_MODULES, settings.HOOKS_DIR)
        checks.register(broken_hooks)
        figures.provide_bot_figures(ours.bot_figures)
        figures.provide_provider_faults(ours.provider_faults)


def broken_hooks(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """One warning for each module of `HOOKS_MODULES` that could not be loaded."""
    if app_configs is not None and apps.get_app_config("calls") not in app_configs:
        return []
    return [
        checks.Warning(
            f"The hooks in {name} could not be loaded: {reason}",
            hint="Calls go on without them. Mend the module, or HOOKS_MODULES, and restart.",
            obj=name,
            id="calls.W001",
        )
        for name, reason in sorted(registration.registered.broken.items())
    ]
