"""Operations on conformance runs: have a bot checked, read the graded report."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Path, Router
from pydantic import ConfigDict, Field

from bots.api.reach import changeable_bot, principal, reached_bot
from bots.conformance import BY_ID, Report, report_of
from bots.core.errors import ParameterError
from bots.models import ConformanceRun
from bots.rest.answers import answer
from bots.rest.authentication import scoped
from bots.rest.declared import declares
from bots.rest.problems import Problem
from bots.rest.schemas import Body, BotName, Shown
from bots.services.conformance import request_run

router = Router(tags=["Bots"])
read, write = scoped("bots:read"), scoped("bots:write")
RunId = Annotated[UUID, Path(description="The id that the request for the check answered.")]
GradeName = Literal["ok", "information", "warning", "failed", "skipped"]


class CheckOrder(Body):
    """What is to be checked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"only": ["tls", "answer"]}]})

    only: list[Annotated[str, Field(max_length=40)]] = Field(
        [], max_length=len(BY_ID), description="Ids of checks; none: all of them."
    )


class FindingShown(Shown):
    """What came of one check."""

    check: str = Field(description="Id of the check.")
    group: str
    title: str
    grade: GradeName
    detail: str
    ms: int
    facts: dict[str, str]
    fix: str = Field(description="What to do when it fails.")


class LineShown(Shown):
    """A line of the trace: a message, or a note."""

    at_ms: int = Field(description="Milliseconds since the beginning of the run.")
    way: Literal["to bot", "from bot", "note"]
    check: str
    content: str = Field(description="JSON, cut where it is long; secrets are masked.")


class RunShown(Shown):
    """A conformance run; while it goes on, with what is known so far."""

    id: UUID
    bot: str
    revision: int = Field(description="Of the bot, when the check was asked for.")
    state: Literal["waiting", "running", "finished", "lost"]
    grade: GradeName | None = Field(description="The worst finding; null until it has finished.")
    asked_by: str
    asked_at: datetime
    finished_at: datetime | None
    findings: list[FindingShown]
    trace: list[LineShown]
    lost_lines: int = Field(description="Lines of the trace that were too many to keep.")


@router.post(
    "/bots/{name}/checks",
    auth=write,
    response={202: RunShown},
    operation_id="checkBot",
    summary="Check a bot",
    openapi_extra=declares(failures=(409,)),
)
def check(request: HttpRequest, name: BotName, body: CheckOrder) -> HttpResponse:
    """Try the bot for real and grade it against what the gateway expects.

    The run takes up to two minutes; follow it at `Location`. The bot is talked to as in a call.
    409 while it is being checked, or too many others are.
    """
    bot = changeable_bot(request, name)
    try:
        run = request_run(bot=bot, asked_by=principal(request).name, only=body.only)
    except ParameterError as error:
        if "bot" not in error.problems:
            raise
        raise Problem(409, detail=error.problems["bot"], code="not_now") from None
    place = f"/api/v1/bots/{bot.name}/checks/{run.pk}"
    return answer(_shown(run), status=202, location=place)


@router.get(
    "/bots/{name}/checks/{run_id}",
    auth=read,
    response=RunShown,
    operation_id="getBotCheck",
    summary="Read the report of a check",
)
def report(request: HttpRequest, name: BotName, run_id: RunId) -> HttpResponse:
    """The graded report with its trace; the latest 20 runs of a bot are kept."""
    bot = reached_bot(request, name)
    run = next(iter(ConformanceRun.objects.select_related("bot").filter(bot=bot, pk=run_id)), None)
    if run is None:
        raise Problem(404, detail="There is no such check of this bot, or it is no longer kept.")
    return answer(_shown(run))


def _shown(run: ConformanceRun) -> RunShown:
    known = Report(bot=run.bot.name, plugin="") if run.report is None else report_of(run.report)
    fields: dict[str, Any] = {"state": run.state, "grade": run.grade or None}
    return RunShown(
        id=run.pk,
        bot=run.bot.name,
        revision=run.revision,
        asked_by=run.asked_by,
        asked_at=run.asked_at,
        finished_at=run.finished_at,
        findings=[
            FindingShown(
                check=each.check,
                group=each.about.group.value,
                title=each.about.title,
                grade=each.grade.value,
                detail=each.detail,
                ms=each.ms,
                facts=each.facts,
                fix=each.about.fix,
            )
            for each in known.findings
        ],
        trace=[
            LineShown(at_ms=each.at_ms, way=each.way, check=each.check, content=each.content)
            for each in known.trace
        ],
        lost_lines=known.lost,
        **fields,
    )
