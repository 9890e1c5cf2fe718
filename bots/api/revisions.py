"""Operations on what a bot was and what calls use of it: revisions, effective values."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from django.http import HttpRequest, HttpResponse
from ninja import Path, Query, Router
from pydantic import Field, SecretStr

from bots.api.bot_forms import BotShown, bot_shown
from bots.api.reach import changeable_bot, principal, reached_bot, reached_bots
from bots.core.differences import Difference
from bots.core.params.resolve import MASK
from bots.history import Past, changes_between, past_page, revision_before, revision_of
from bots.inspection import Row, inspect
from bots.models import BotRevision
from bots.rest.answers import answer, cursor, place, plain
from bots.rest.authentication import scoped
from bots.rest.declared import IDEMPOTENCY_KEY, IF_MATCH, IF_NONE_MATCH, declares
from bots.rest.idempotency import Reply, answered_once
from bots.rest.preconditions import expected_revision, tag_of, tag_of_content, unchanged
from bots.rest.problems import wire_name
from bots.rest.schemas import BotName, Filters, Shown
from bots.services import bot_restore
from bots.services.traces import shown_params

router = Router(tags=["Bots"])
read, write = scoped("bots:read"), scoped("bots:write")
Number = Annotated[int, Path(ge=1, le=2_147_483_647, description="Number of a revision.")]


class Origin(Shown):
    """Where a value is set."""

    place: Literal["default", "provider", "base", "bot"]
    name: str = Field(
        description="Name of the provider or bot; of a default, the plug-in that has it for its "
        "bots, if it is one."
    )


class EffectiveValue(Shown):
    """One parameter as calls use it."""

    name: str = Field(description="Wire name.")
    section: str
    value: Any = Field(description="Secrets that are set are masked.")
    origin: Origin
    set: bool = Field(description="Whether anything sets it; otherwise it has its default.")
    problem: str | None = Field(None, description="Why the value does not work.")


class Effective(Shown):
    """What a call to a bot uses; with ``problems`` the bot does not work."""

    bot: str
    revision: int
    lineage: list[str] = Field(description="The base bots above it, the most distant first.")
    providers: dict[str, str] = Field(description="Name of the provider by kind.")
    parameters: list[EffectiveValue]
    problems: dict[str, str] = Field(description="By field or parameter.")


class ChangedValue(Shown):
    """One value that a revision changed; null where there was or is none."""

    name: str
    before: Any
    after: Any


class RevisionListed(Shown):
    """A revision and what it changed."""

    number: int
    at: datetime
    author: str
    message: str
    settings: list[ChangedValue]
    parameters: list[ChangedValue]


class RevisionPage(Shown):
    """A page of revisions, the latest first."""

    items: list[RevisionListed]
    next: str | None = Field(description="What to send as `after` for the next page.")


class RevisionShown(RevisionListed):
    """A revision with the whole state of the bot after it; its names are those of a bot."""

    bot: dict[str, Any]


@router.get(
    "/bots/{name}/effective",
    auth=read,
    response=Effective,
    operation_id="getEffectiveBot",
    summary="Read what calls use",
    openapi_extra=declares(IF_NONE_MATCH),
)
def effective(request: HttpRequest, name: BotName) -> HttpResponse:
    """Every parameter that counts for a bot, with its value and where that is set."""
    found = inspect(reached_bot(request, name))
    shown = Effective(
        bot=found.bot.name,
        revision=found.bot.revision,
        lineage=[base.name for base in found.line[:-1]],
        providers={provider.kind: provider.name for provider in found.providers},
        parameters=[_effective(group.title, row) for group in found.groups for row in group.rows],
        problems={wire_name(field): text for field, text in found.problems.items()},
    )
    content = plain(shown)
    tag = tag_of_content(content)
    return unchanged(request, tag) or answer(content, tag=tag)


def _effective(section: str, row: Row) -> EffectiveValue:
    return EffectiveValue(
        name=row.name,
        section=section,
        value=_shown(row.value),
        origin=Origin(place=row.source.place, name=row.source.name),
        set=row.is_set,
        problem=row.problem or None,
    )


@router.get(
    "/bots/{name}/revisions",
    auth=read,
    response=RevisionPage,
    operation_id="listRevisions",
    summary="List revisions",
)
def revisions(request: HttpRequest, name: BotName, filters: Query[Filters]) -> HttpResponse:
    """What every change of a bot did, who made it and why; the latest first."""
    found = reached_bot(request, name)
    below = place(filters.after, int) or [0]
    listed = past_page(found, below=below[0], size=filters.limit)
    following = cursor(listed.older) if listed.older else None
    return answer(RevisionPage(items=[_listed(past) for past in listed.entries], next=following))


@router.get(
    "/bots/{name}/revisions/{number}",
    auth=read,
    response=RevisionShown,
    operation_id="getRevision",
    summary="Read a revision",
)
def revision(request: HttpRequest, name: BotName, number: Number) -> HttpResponse:
    """What a bot was after one change."""
    then = revision_of(reached_bot(request, name), number)
    listed = _listed(Past(then, changes_between(revision_before(then), then)))
    state = {wire_name(field): value for field, value in then.settings.items()}
    state |= {"params": shown_params(then.params)}
    return answer(RevisionShown(bot=state, **dict(listed)))


@router.post(
    "/bots/{name}/revisions/{number}/restore",
    auth=write,
    response=BotShown,
    operation_id="restoreRevision",
    summary="Restore a revision",
    openapi_extra=declares(IF_MATCH, IDEMPOTENCY_KEY),
)
def restore(request: HttpRequest, name: BotName, number: Number) -> HttpResponse:
    """Give a bot the parameters and settings of one of its revisions, as a new revision.

    How callers prove who they are stays as it is.
    """
    asker = principal(request)
    found = changeable_bot(request, name)

    def act() -> Reply:
        stored = bot_restore(
            bot=found,
            number=number,
            expected_revision=expected_revision(request, found.revision),
            author=asker.name,
        )
        return Reply(200, plain(bot_shown(reached_bots(asker.who).get(pk=stored.pk))))

    reply = answered_once(request, asker.client, act)
    return answer(reply.body, tag=tag_of(reply.body["revision"]))


def _listed(past: Past) -> RevisionListed:
    row: BotRevision = past.revision
    return RevisionListed(
        number=row.number,
        at=row.at,
        author=row.author,
        message=row.message,
        settings=[_changed(each) for each in past.changes.settings],
        parameters=[_changed(each) for each in past.changes.parameters],
    )


def _changed(found: Difference) -> ChangedValue:
    before, after = (
        None if value is msgspec.UNSET else _shown(value) for value in (found.old, found.new)
    )
    return ChangedValue(name=wire_name(found.name), before=before, after=after)


def _shown(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else ""
    return value
