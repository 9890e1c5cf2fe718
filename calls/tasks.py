"""Background tasks of the calls room; their schedule is in the composition root."""

import os
import socket

import structlog
from celery import shared_task
from django.utils import timezone
from oauth2_provider.models import clear_expired

from calls import exporting, services, statistics
from calls.dialouts.recovery import recover
from calls.health import recovery
from calls.health.installation import WATCHERS
from calls.leases import may_judge, renew_lease
from calls.session.plugins import tts_store

SWEEP = "sweep"
"""Owner of the lease of the task that looks for lost calls; whichever worker runs it."""

log = structlog.get_logger(__name__)


@shared_task(name="calls.tasks.close_lost_calls")  # type: ignore[untyped-decorator]  # no types
def close_lost_calls() -> None:
    """End the calls whose process died, and bring forward outbound calls that stay behind.

    The lease of this task itself tells since when the database has been there without a gap.
    """
    now = timezone.now()
    renew_lease(SWEEP, socket.gethostname(), os.getpid(), now)
    judging = may_judge(now)
    closed = services.close_lost_calls(now) if judging else 0
    recovered = recover(now, judging=judging)
    if closed or recovered:
        log.warning("calls.lost", calls=closed, dialouts=recovered)


@shared_task(name="calls.tasks.watch_installation")  # type: ignore[untyped-decorator]  # no types
def watch_installation() -> None:
    """Look for what no single process can see, and tell alarms of it."""
    WATCHERS.look(timezone.now())


@shared_task(name="calls.tasks.ask_failing_providers")  # type: ignore[untyped-decorator]  # no types
def ask_failing_providers() -> None:
    """Find out whether providers with an alarm work again."""
    recovery.ask_failing_providers()


@shared_task(name="calls.tasks.delete_expired_transcripts")  # type: ignore[untyped-decorator]
def delete_expired_transcripts() -> None:
    """Delete the transcripts that have been kept for as long as their bots say."""
    deleted = services.delete_expired_transcripts(timezone.now())
    if deleted:
        log.info("transcripts.deleted", calls=deleted)


@shared_task(name="calls.tasks.summarise_traffic")  # type: ignore[untyped-decorator]  # no types
def summarise_traffic() -> None:
    """Make the figures of the last minutes; also those of the time when nothing ran."""
    statistics.summarise(timezone.now())


@shared_task(name="calls.tasks.write_exports")  # type: ignore[untyped-decorator]  # no types
def write_exports() -> None:
    """Write the exports that wait for a worker."""
    while export := exporting.write_next_export(timezone.now()):
        log.info("export.written", state=export.state, rows=export.rows)


@shared_task(name="calls.tasks.delete_old_figures")  # type: ignore[untyped-decorator]  # no types
def delete_old_figures() -> None:
    """Delete exports and summaries that were kept for long enough."""
    exporting.delete_expired_exports(timezone.now())
    statistics.delete_old_summaries(timezone.now())


@shared_task(name="calls.tasks.sweep_tts_cache")  # type: ignore[untyped-decorator]  # no types
def sweep_tts_cache() -> None:
    """Delete the synthesised prompts that have expired, and the oldest when there are too many."""
    tts_store().sweep()


@shared_task(name="calls.tasks.clear_expired_tokens")  # type: ignore[untyped-decorator]  # no types
def clear_expired_tokens() -> None:
    """Delete access tokens that have expired; they would only accumulate."""
    clear_expired()
