"""The Django application of the calls room."""

from django.apps import AppConfig

from bots.core import figures


class CallsConfig(AppConfig):
    """Call records, live calls and voice channels."""

    name = "calls"
    verbose_name = "Calls"

    def ready(self) -> None:
        """Tell the pages about bots where figures about calls come from."""
        from calls import figures as ours  # NB models can be imported only once all apps are loaded

        figures.provide_bot_figures(ours.bot_figures)
        figures.provide_provider_faults(ours.provider_faults)
