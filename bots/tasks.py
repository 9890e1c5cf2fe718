"""Background tasks of this room; their schedule is in the composition root."""

from importlib import import_module

import structlog
from celery import shared_task
from django.conf import settings
from django.utils import timezone

from bots import clientele, journal
from bots.deliveries import courier, retention
from bots.rest import idempotency
from bots.services import conformance

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


@shared_task(name="bots.tasks.forget_answers")  # type: ignore[untyped-decorator]  # as above
def forget_answers() -> None:
    """Delete the answers of API requests that can no longer be repeated."""
    idempotency.forget_answers()


@shared_task(name="bots.tasks.deliver")  # type: ignore[untyped-decorator]  # as above
def deliver() -> None:
    """Make the deliveries that are due; safe to run several times at once."""
    courier.deliver()


@shared_task(name="bots.tasks.expire_deliveries")  # type: ignore[untyped-decorator]  # as above
def expire_deliveries() -> None:
    """Delete deliveries that were done with long ago, give up what waits for too long."""
    if given_up := retention.give_up(timezone.now()):
        log.warning("deliveries.given_up", deliveries=given_up)
    if expired := retention.expire(timezone.now()):
        log.info("deliveries.expired", deliveries=expired)


@shared_task(name="bots.tasks.forget_client_usage")  # type: ignore[untyped-decorator]  # as above
def forget_client_usage() -> None:
    """Delete the counts of API clients that no page shows any more."""
    clientele.forget_usage(timezone.now())


@shared_task(name="bots.tasks.examine_bot")  # type: ignore[untyped-decorator]  # as above
def examine_bot(run: str) -> None:
    """Carry out a conformance run that waits; one that somebody else does is left alone."""
    conformance.carry_out(run)
