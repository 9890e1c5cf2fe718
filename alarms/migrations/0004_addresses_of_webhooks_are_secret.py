from django.db import migrations

from bots import secrets
from bots.core.params.resolve import Catalogue
from bots.core.registry import plugin

ADDRESS = "alarmWebhookUrl"


def hide(apps, schema_editor):
    """The address of a webhook moves to the credentials, encrypted."""
    known = Catalogue((plugin("notifier", "webhook").credentials,))
    for row in apps.get_model("alarms", "Destination").objects.filter(notifier="webhook"):
        params = dict(row.settings.get("params", {}))
        if address := params.pop(ADDRESS, ""):
            held = row.settings.get("credentials", {})
            hidden = secrets.sealed(known, {ADDRESS: address})
            row.settings = {"params": params, "credentials": {**held, **hidden}}
            row.save(update_fields=["settings"])


class Migration(migrations.Migration):

    dependencies = [
        ('alarms', '0003_held_alarms'),
    ]

    operations = [
        migrations.RunPython(hide, migrations.RunPython.noop),
    ]
