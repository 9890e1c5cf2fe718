"""The Celery application: background tasks and their schedule."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from celery import Celery, signals
from celery.schedules import crontab

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "gateway_project.settings")

app = Celery("gateway")
app.set_default()  # in every thread
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.beat_schedule = {
    "close-lost-calls": {
        "task": "calls.tasks.close_lost_calls",
        # More often than `calls.leases.GAP_SECONDS`: it has a lease of its own.
        "schedule": timedelta(seconds=10),
        # A run that waited until the next one is due adds nothing.
        "options": {"expires": 10},
    },
    "watch-installation": {
        "task": "calls.tasks.watch_installation",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    # What is asked may cost money: see `calls.health.recovery`.
    "ask-failing-providers": {
        "task": "calls.tasks.ask_failing_providers",
        "schedule": timedelta(seconds=60),
        "options": {"expires": 30},
    },
    "delete-expired-transcripts": {
        "task": "calls.tasks.delete_expired_transcripts",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "summarise-traffic": {
        "task": "calls.tasks.summarise_traffic",
        "schedule": crontab(minute="*/5"),
        "options": {"expires": 300},
    },
    "write-exports": {
        "task": "calls.tasks.write_exports",
        "schedule": timedelta(seconds=10),
        "options": {"expires": 10},
    },
    "delete-old-figures": {
        "task": "calls.tasks.delete_old_figures",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "sweep-tts-cache": {
        "task": "calls.tasks.sweep_tts_cache",
        "schedule": timedelta(minutes=10),
        "options": {"expires": 600},
    },
    "expire-audit-events": {
        "task": "bots.tasks.expire_audit_events",
        "schedule": crontab(hour="3", minute="27"),
        "options": {"expires": 3600},
    },
    "clear-expired-sessions": {
        "task": "bots.tasks.clear_expired_sessions",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "forget-answers": {
        "task": "bots.tasks.forget_answers",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    # Each change wakes the worker; this finds retries, and what a lost wake-up left behind.
    "deliver": {
        "task": "bots.tasks.deliver",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 5},
    },
    "expire-deliveries": {
        "task": "bots.tasks.expire_deliveries",
        "schedule": timedelta(hours=1),
        "options": {"expires": 3600},
    },
    "forget-client-usage": {
        "task": "bots.tasks.forget_client_usage",
        "schedule": crontab(hour="3", minute="37"),
        "options": {"expires": 3600},
    },
    "clear-expired-tokens": {
        "task": "calls.tasks.clear_expired_tokens",
        "schedule": crontab(hour="3", minute="17"),
        "options": {"expires": 3600},
    },
}
AT_START = (
    "delete-expired-transcripts",
    "sweep-tts-cache",
    "summarise-traffic",
    "delete-old-figures",
)
"""What may be overdue when nothing ran for a while."""
app.autodiscover_tasks()


@signals.setup_logging.connect  # type: ignore[untyped-decorator]  # the package ships no types
def _keep_our_logging(**_: Any) -> None:
    """Django has set up the logs; Celery configures its own only while nobody listens here."""


@signals.task_prerun.connect  # type: ignore[untyped-decorator]  # as above
def _name_task(task_id: str, task: Any, **_: Any) -> None:
    structlog.contextvars.bind_contextvars(task_id=task_id, task_name=task.name)


@signals.task_postrun.connect  # type: ignore[untyped-decorator]  # as above
def _forget_task(**_: Any) -> None:
    structlog.contextvars.unbind_contextvars("task_id", "task_name")


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # as above
def _catch_up(**_: Any) -> None:
    for name in AT_START:
        entry = app.conf.beat_schedule[name]
        app.send_task(entry["task"], **entry["options"])


@signals.worker_ready.connect  # type: ignore[untyped-decorator]  # as above
def _watch(**_: Any) -> None:
    # NB the applications are not loaded yet when this module is; so below.
    from alarms import courier, desk
    from calls.health.worker import WORKER_LEASE

    desk.start()
    courier.start()
    WORKER_LEASE.start()


@signals.worker_shutdown.connect  # type: ignore[untyped-decorator]  # as above
def _stop_watching(**_: Any) -> None:
    from alarms import courier, desk
    from calls.health.worker import WORKER_LEASE

    WORKER_LEASE.stop()
    desk.stop()
    courier.stop()


@signals.worker_shutting_down.connect  # type: ignore[untyped-decorator]  # as above
def _stop_delivering(**_: Any) -> None:
    from bots.deliveries import courier

    courier.stop()


_began: dict[str, datetime] = {}
"""When each task that is under way in this process began, by its id."""


@signals.task_prerun.connect  # type: ignore[untyped-decorator]  # as above
def _began_run(task_id: str, **_: Any) -> None:
    _began[task_id] = datetime.now(UTC)


@signals.task_postrun.connect  # type: ignore[untyped-decorator]  # as above
def _ended_run(task_id: str, task: Any, retval: Any, state: str, **_: Any) -> None:
    from calls.system import runs  # NB as above

    ended = datetime.now(UTC)
    problem = type(retval).__name__ if state == "FAILURE" else ""
    runs.ran(task.name, _began.pop(task_id, ended), ended, problem)
