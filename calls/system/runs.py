"""The tasks that keep house: what each does, how often, and when it last did."""

from datetime import datetime, timedelta

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from calls.models import TaskRun

log = structlog.get_logger(__name__)

TASKS: dict[str, tuple[str | Promise, timedelta]] = {
    "calls.tasks.delete_expired_transcripts": (
        _("Deletes transcripts that are due"),
        timedelta(hours=1),
    ),
    "calls.tasks.summarise_traffic": (_("Sums up calls for the figures"), timedelta(minutes=5)),
    "calls.tasks.delete_old_figures": (_("Deletes old figures and exports"), timedelta(hours=1)),
    "calls.tasks.sweep_tts_cache": (_("Tidies synthesised prompts"), timedelta(minutes=10)),
    "calls.tasks.clear_expired_tokens": (_("Deletes expired access tokens"), timedelta(days=1)),
    "bots.tasks.expire_deliveries": (_("Deletes old deliveries"), timedelta(hours=1)),
    "bots.tasks.expire_audit_events": (_("Deletes old events of the audit log"), timedelta(days=1)),
    "bots.tasks.clear_expired_sessions": (_("Deletes expired sessions"), timedelta(hours=1)),
    "bots.tasks.forget_answers": (_("Forgets answers of the API"), timedelta(hours=1)),
    "bots.tasks.forget_client_usage": (_("Forgets old use of API clients"), timedelta(days=1)),
}
"""By the name that Celery knows: what it does, and how often it should."""


class Run(msgspec.Struct, frozen=True, kw_only=True):
    """When a task last ran; all None: it has not."""

    name: str
    title: str | Promise
    every: timedelta
    ended_at: datetime | None = None
    seconds: float | None = None
    problem: str = ""

    def overdue(self, now: datetime) -> bool:
        """Whether it ran, and a whole turn was missed since."""
        return self.ended_at is not None and now - self.ended_at > 2 * self.every


def runs() -> list[Run]:
    """Every task of `TASKS`."""
    known = TaskRun.objects.in_bulk(TASKS)
    return [_run(name, known.get(name)) for name in TASKS]


def _run(name: str, row: TaskRun | None) -> Run:
    title, every = TASKS[name]
    if row is None:
        return Run(name=name, title=title, every=every)
    return Run(
        name=name,
        title=title,
        every=every,
        ended_at=row.ended_at,
        seconds=(row.ended_at - row.started_at).total_seconds(),
        problem=row.problem,
    )


def ran(name: str, started_at: datetime, ended_at: datetime, problem: str = "") -> None:
    """Remember that the task ``name`` ran; of tasks that are not in `TASKS` nothing is kept.

    A database that is away is logged: the next run is remembered.
    """
    if name not in TASKS:
        return
    told = {"started_at": started_at, "ended_at": ended_at, "problem": problem[:100]}
    try:
        TaskRun.objects.update_or_create(name=name, defaults=told)
    except (DatabaseError, InterfaceError) as error:
        log.warning("task.run_not_remembered", task=name, error=type(error).__name__)
