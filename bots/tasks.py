"""Background tasks of this room; their schedule is in the composition root."""

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
