"""The Django application of the calls room."""

from django.apps import AppConfig

from bots.core import catalogue, figures, registry

PLUGIN_PACKAGES = ("calls.carriers",)


class CallsConfig(AppConfig):
    """Call records, live calls and voice channels."""

    name = "calls"
    verbose_name = "Calls"

    def ready(self) -> None:
        """Find the carriers, and tell the pages about bots where figures about calls come from.

        Raises:
            DuplicatePluginError: two plug-ins share a kind and a name.
            TypeError: two plug-ins declare the same parameter.
        """
        from calls import figures as ours  # NB models can be imported only once all apps are loaded

        registry.discover(PLUGIN_PACKAGES)
        catalogue.everything()
        figures.provide_bot_figures(ours.bot_figures)
        figures.provide_provider_faults(ours.provider_faults)
