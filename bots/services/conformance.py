"""Conformance runs: asking for one, carrying it out, keeping what came of it."""

from collections.abc import Collection
from datetime import timedelta
from typing import Any

import structlog
from asgiref.sync import async_to_sync, sync_to_async
from celery import current_app
from django.db import IntegrityError, transaction
from django.utils.timezone import now
from kombu.exceptions import OperationalError

from bots import audit, conformance
from bots.conformance import BY_ID, DEADLINE_S, USUAL, Report, Subject, Timing
from bots.core import registry
from bots.core.auditing import Action
from bots.core.errors import ParameterError
from bots.core.params.sections.speech import Speech
from bots.models import Bot, ConformanceRun
from bots.net import outbound
from bots.selectors import CallConfiguration, call_configuration
from bots.workers.pool import close_pools

TASK = "bots.tasks.examine_bot"
MAX_AT_ONCE = 3
KEPT = 20
"""Runs that are kept of each bot."""
LOST_AFTER = timedelta(seconds=DEADLINE_S + 180)
"""A run that is not over by then is nobody's any more; it may have waited for the worker."""

log = structlog.get_logger(__name__)
State = ConformanceRun.State


def request_run(*, bot: Bot, asked_by: str, only: Collection[str] = ()) -> ConformanceRun:
    """Have ``bot`` checked by the worker; ``only`` some checks, by id.

    Raises:
        ParameterError: under ``bot``: it is a base bot, is being checked, or too many others are;
            under ``only``: there is no such check.
    """
    with transaction.atomic():
        run = entered(bot=bot, asked_by=asked_by, only=only)
        transaction.on_commit(lambda: _wake(str(run.pk)))
    return run


def _wake(run: str) -> None:
    try:
        current_app.send_task(TASK, [run], expires=LOST_AFTER.total_seconds(), retry=False)
    except (OperationalError, OSError) as error:
        log.warning("conformance.not_asked", error=type(error).__name__)
        _end(run, State.LOST, None)


@transaction.atomic
def entered(*, bot: Bot, asked_by: str, only: Collection[str] = ()) -> ConformanceRun:
    """A run that waits for whoever calls `carry_out`; raises as `request_run`."""
    if bot.is_base:
        raise ParameterError({"bot": "a base bot takes no calls, so there is nothing to check"})
    if unknown := sorted(set(only) - BY_ID.keys()):
        raise ParameterError({"only": f"there is no check called {', '.join(unknown)}"})
    _give_up_the_lost()
    if ConformanceRun.objects.filter(state__in=ConformanceRun.UNFINISHED).count() >= MAX_AT_ONCE:
        text = f"{MAX_AT_ONCE} bots are being checked at this moment; try again in a minute"
        raise ParameterError({"bot": text})
    try:
        with transaction.atomic():
            run = ConformanceRun.objects.create(
                bot=bot,
                revision=bot.revision,
                only=sorted(only),
                asked_by=asked_by[:150],
                asked_at=now(),
            )
    except IntegrityError:
        raise ParameterError({"bot": "this bot is being checked at this moment"}) from None
    kept = ConformanceRun.objects.filter(bot=bot).values_list("pk", flat=True)[:KEPT]
    ConformanceRun.objects.filter(bot=bot).exclude(pk__in=list(kept)).delete()
    audit.record(
        Action.BOT_EXAMINED,
        kind="bot",
        target=bot.pk,
        title=bot.name,
        after={"only": sorted(only)} if only else None,
    )
    return run


def _give_up_the_lost() -> None:
    late = ConformanceRun.objects.filter(
        state__in=ConformanceRun.UNFINISHED, asked_at__lt=now() - LOST_AFTER
    )
    late.update(state=State.LOST, finished_at=now())


def carry_out(run_id: str, timing: Timing = USUAL) -> Report | None:
    """Do what was asked for and keep the report; None: it is not there, or somebody else's.

    Takes up to `bots.conformance.DEADLINE_S`; not to be called in a transaction or on a loop.
    """
    claimed = ConformanceRun.objects.filter(pk=run_id, state=State.WAITING)
    if not claimed.update(state=State.RUNNING):
        return None
    run = ConformanceRun.objects.select_related("bot").get(pk=run_id)
    try:
        report = _examined(run, timing)
    except BaseException:
        _end(run_id, State.LOST, None)
        raise
    _end(run_id, State.FINISHED, report)
    return report


def _examined(run: ConformanceRun, timing: Timing) -> Report:
    try:
        configuration = call_configuration(run.bot.name)
    except (LookupError, ParameterError) as error:
        return conformance.refused(run.bot.name, str(error))

    def store(report: Report) -> None:
        going = ConformanceRun.objects.filter(pk=run.pk, state=State.RUNNING)
        going.update(report=report.stored())

    async def examine() -> Report:
        try:
            return await conformance.examine(
                _subject(configuration), only=run.only, tell=sync_to_async(store), timing=timing
            )
        finally:
            # NB this loop ends here, and with it whatever belongs to it.
            await outbound().close()
            await close_pools()

    return async_to_sync(examine)()


def _subject(configuration: CallConfiguration) -> Subject:
    chosen = configuration.connector
    return Subject(
        bot=configuration.bot,
        plugin=registry.plugin("bot", chosen.plugin),
        params=chosen.params,
        credentials=chosen.credentials,
        resolved=configuration.resolved,
        language=configuration.resolved[Speech].language,
    )


def _end(run_id: Any, state: ConformanceRun.State, report: Report | None) -> None:
    changes: dict[str, Any] = {"state": state, "finished_at": now()}
    if report is not None:
        changes |= {"grade": report.grade, "report": report.stored()}
    ConformanceRun.objects.filter(pk=run_id, state__in=ConformanceRun.UNFINISHED).update(**changes)
