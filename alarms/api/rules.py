"""Operations on the types of alarms, and on what is customised about them."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from ninja import Router

from alarms.api.shapes import (
    RuleSettings,
    RuleShown,
    TypeList,
    TypeName,
    TypeShown,
    severity_of,
    word_of,
)
from alarms.core.catalogue import CATALOGUE
from alarms.core.declare import AlarmType
from alarms.core.rules import Rule
from alarms.models import AlarmRule
from alarms.selectors import rule_visible_to
from alarms.services.addresses import runbook_url
from alarms.services.rules import (
    revision_of,
    rule_of,
    rule_revert,
    rule_update,
    stored_rule,
    type_named,
)
from bots.api.reach import demand_all, principal
from bots.rest.answers import answer, no_content
from bots.rest.authentication import scoped
from bots.rest.declared import IF_MATCH, declares
from bots.rest.preconditions import expected_revision, tag_of

router = Router(tags=["Alarms"])
read, write = scoped("alarms:read"), scoped("alarms:write")


@router.get(
    "/alarms/types",
    auth=read,
    response=TypeList,
    operation_id="listAlarmTypes",
    summary="List the types of alarms",
)
def types(request: HttpRequest) -> HttpResponse:
    """Everything that can be wrong, as it is declared."""
    rules = {each.type: each for each in AlarmRule.objects.all()}
    items = [_type(kind, rules.get(kind.name)) for kind in CATALOGUE.values()]
    return answer(TypeList(items=items))


@router.get(
    "/alarms/rules/{type}",
    auth=read,
    response=RuleShown,
    operation_id="getAlarmRule",
    summary="Read the rule of a type",
)
def rule(request: HttpRequest, type: TypeName) -> HttpResponse:
    """What is customised about a type; its `ETag` changes with it."""
    kind = type_named(type)
    row = stored_rule(kind)
    seen, others = rule_visible_to(principal(request).who, row)
    return answer(_rule(kind, seen, others), tag=tag_of(revision_of(row)))


@router.put(
    "/alarms/rules/{type}",
    auth=write,
    response=RuleShown,
    operation_id="replaceAlarmRule",
    summary="Customise a type",
    openapi_extra=declares(IF_MATCH),
)
def replace(request: HttpRequest, type: TypeName, body: RuleSettings) -> HttpResponse:
    """Set everything: what is absent is as declared. It holds at once, for active alarms too."""
    kind = type_named(type)
    demand_all(request, "change rules of alarms")
    revision = expected_revision(request, revision_of(stored_rule(kind)))
    row = rule_update(kind=kind, rule=_wanted(body), expected_revision=revision)
    return answer(_rule(kind, row), tag=tag_of(revision_of(row)))


@router.delete(
    "/alarms/rules/{type}",
    auth=write,
    response={204: None},
    operation_id="revertAlarmRule",
    summary="Take a rule back",
    openapi_extra=declares(IF_MATCH),
)
def revert(request: HttpRequest, type: TypeName) -> HttpResponse:
    """Have a type as declared, at once."""
    kind = type_named(type)
    demand_all(request, "change rules of alarms")
    revision = expected_revision(request, revision_of(stored_rule(kind)))
    rule_revert(kind=kind, expected_revision=revision)
    return no_content()


def _wanted(body: RuleSettings) -> Rule:
    return Rule(
        enabled=body.enabled,
        sources=tuple(body.sources),
        severity=None if body.severity is None else severity_of(body.severity),
        text=body.text,
        count=body.count,
        window_s=body.window_seconds,
        hold_off_s=body.hold_off_seconds,
        clear_after_s=body.clear_after_seconds,
    )


def _rule(kind: AlarmType, row: AlarmRule | None, others: int = 0) -> RuleShown:
    found = rule_of(row)
    return RuleShown(
        type=kind.name,
        customised=row is not None,
        enabled=found.enabled,
        sources=list(found.sources),
        other_sources=others,
        severity=None if found.severity is None else word_of(found.severity),
        text=found.text,
        count=found.count,
        window_seconds=found.window_s,
        hold_off_seconds=found.hold_off_s,
        clear_after_seconds=found.clear_after_s,
        changed_at=row.changed_at if row else None,
        changed_by=row.changed_by if row else "",
    )


def _type(kind: AlarmType, row: AlarmRule | None) -> TypeShown:
    as_declared: dict[str, Any] = {
        name: getattr(kind, name) for name in ("name", "number", "title", "entity", "text")
    }
    return TypeShown(
        **as_declared,
        severity=word_of(kind.severity),
        cause=kind.cause,
        effect=kind.effect,
        steps=list(kind.steps),
        count=kind.count,
        window_seconds=kind.window_s,
        hold_off_seconds=kind.hold_off_s,
        clear_after_seconds=kind.clear_after_s,
        forget_after_seconds=kind.forget_after_s,
        runbook_url=runbook_url(kind.name),
        customised=row is not None,
        enabled=row is None or row.enabled,
    )
