"""Addresses of the console's pages about alarms, for traps, mails and webhooks."""

from uuid import UUID

from django.conf import settings
from django.urls import reverse


def runbook_url(type: str) -> str:
    """The address of the runbook of the type of alarm with that name."""
    return settings.PUBLIC_URL + reverse("alarms:type", args=[type])


def console_url(alarm_id: UUID | str) -> str:
    """The address of the story of one alarm."""
    return settings.PUBLIC_URL + reverse("alarms:alarm", args=[alarm_id])
