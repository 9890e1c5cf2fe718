"""Where people outside find the console's pages about alarms: addresses in traps, mails and hooks."""

from uuid import UUID

from django.conf import settings
from django.urls import reverse


def runbook_url(type: str) -> str:  # noqa: A002 - the word of the field
    """The address of the runbook of the type of alarm with that name."""
    return settings.PUBLIC_URL + reverse("alarms:type", args=[type])


def console_url(alarm_id: UUID | str) -> str:
    """The address of the story of one alarm."""
    return settings.PUBLIC_URL + reverse("alarms:alarm", args=[alarm_id])
