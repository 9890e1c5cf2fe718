"""The bots room as a Django application: finds the plug-ins and reports what is wrong with them."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.core import checks
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.models.signals import post_migrate

from bots import net
from bots.core import catalogue, registry
from bots.core.roles import ROLES

PLUGIN_PACKAGES = ("bots.connectors", "bots.speech")


class BotsConfig(AppConfig):
    """Loads every plug-in when the process starts: web, voice and worker alike."""

    name = "bots"
    verbose_name = "Bots"

    def ready(self) -> None:
        """Open the way out, find the plug-ins and register the checks.

        Raises:
            DuplicatePluginError: two plug-ins share a kind and a name.
            TypeError: two plug-ins declare the same parameter, or one has a wrong default for
                another parameter.
        """
        net.configure(settings.OUTBOUND_ALLOW)
        registry.discover(PLUGIN_PACKAGES)
        catalogue.check()
        post_migrate.connect(make_role_groups, sender=self)
        checks.register(broken_plugins)
        checks.register(unreadable_secrets, checks.Tags.database)


def make_role_groups(using: str, **kwargs: Any) -> None:
    """Have one Django group for each role."""
    groups = apps.get_model("auth", "Group")._default_manager.using(using)
    for name in ROLES:
        groups.get_or_create(name=name)


def broken_plugins(
    app_configs: Sequence[AppConfig] | None, **kwargs: Any
) -> Iterable[checks.CheckMessage]:
    """One warning for each plug-in that could not be loaded."""
    if app_configs is not None and apps.get_app_config("bots") not in app_configs:
        return []
    return [
        checks.Warning(
            f"The plug-in {name} could not be loaded: {reason}",
            hint="Bots that use it refuse calls until it loads; other bots are not affected.",
            obj=name,
            id="bots.W001",
        )
        for name, reason in sorted(registry.broken.items())
    ]


def unreadable_secrets(
    app_configs: Sequence[AppConfig] | None,
    *,
    databases: Sequence[str] | None = None,
    **kwargs: Any,
) -> Iterable[checks.CheckMessage]:
    """One warning for each stored secret that no key decrypts; asks the database only if told to.

    Before the first migration there is no table and so no secret.
    """
    from bots import models, selectors  # NB models can be imported only once all apps are loaded

    wanted = app_configs is None or apps.get_app_config("bots") in app_configs
    table = models.Bot._meta.db_table
    if not wanted or DEFAULT_DB_ALIAS not in (databases or ()):
        return []
    if table not in connection.introspection.table_names():
        return []
    return [
        checks.Warning(
            f"The secret {place} cannot be decrypted with any of the keys in FIELD_KEYS.",
            hint="Give its key back, or set it again. Until then calls to the bots that use it "
            "are refused; other bots are not affected.",
            obj=place,
            id="bots.W002",
        )
        for place in selectors.unreadable_secrets()
    ]
