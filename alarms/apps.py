"""The Django application of the alarms room."""

from django.apps import AppConfig

from alarms.core import reference
from bots.core import noticing, registry

PLUGIN_PACKAGES = ("alarms.notifiers",)


class AlarmsConfig(AppConfig):
    """What is wrong right now, and what was."""

    name = "alarms"
    verbose_name = "Alarms"

    def ready(self) -> None:
        """Find the notifiers, and listen to what the room below notices about itself.

        Raises:
            DuplicatePluginError: two plug-ins share a kind and a name.
        """
        from alarms import desk  # NB models can be imported only once all apps are loaded
        from alarms.services import rotation
        from bots.services.rotation import rotates

        rotates(rotation.rotate)
        registry.discover(PLUGIN_PACKAGES)
        noticing.listen(desk.notices)

    def reference_pages(self) -> dict[str, str]:
        """The pages of docs/reference that are made from what this room declares, by file name."""
        return {reference.PAGE: reference.render()}
