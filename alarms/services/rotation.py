"""Secrets of destinations, when the installation gets another key."""

from django.db import transaction

from alarms.models import Destination
from alarms.services.building import plugin_of
from bots import credentials, secrets
from bots.core.params.resolve import Catalogue
from bots.services import Rotation


@transaction.atomic
def rotate(summary: Rotation) -> None:
    """Put the secrets of all destinations under the first key, and add to ``summary``."""
    for row in Destination.objects.select_for_update().order_by("pk"):
        try:
            known = credentials.known(plugin_of(row))
        except LookupError:
            known = Catalogue(())
        held = row.settings.get("credentials", {})
        values, done, lost = secrets.rotated(known, held)
        if values != held:
            row.settings = {**row.settings, "credentials": values}
            row.save(update_fields=["settings"])
        summary.add(done)
        summary.unreadable += [f"alarm destination {row.name}: {name}" for name in lost]
