"""Background tasks of this room; their schedule is in the composition root."""

from importlib import import_module

import structlog
from celery import shared_task
from django.conf import settings

from bots import journal

log = structlog.get_logger(__name__)


@shared_task(name="bots.tasks.expire_audit_events")  # type: ignore[untyped-decorator]  # no types
def expire_audit_events() -> None:
    """Drop the events of the audit log that have been kept for as long as the settings say."""
    if expired := journal.expire(settings.AUDIT_DAYS):
        log.info("audit.expired", events=expired)


@shared_task(name="bots.tasks.clear_expired_sessions")  # type: ignore[untyped-decorator]  # as above
def clear_expired_sessions() -> None:
    """Delete the sessions of people that have expired; they would only accumulate."""
    import_module(settings.SESSION_ENGINE).SessionStore.clear_expired()
