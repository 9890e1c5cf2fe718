"""The pages of rules: what they show, store, refuse and take back, and for whom."""

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from alarms.core.catalogue import CALL_NOT_ENDED as LATE
from alarms.core.catalogue import STT_PROVIDER_FAILURE as STT
from alarms.core.rules import Rule
from alarms.models import ActiveAlarm, AlarmRule
from alarms.services.rules import revision_of, rule_of, rule_update
from bots.audit import Actor, acting
from bots.models import AuditEvent, Bot, Provider
from tests.alarms.raising import cleared, raised
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db

PAGE = f"/alarms/rules/{STT.name}/"
EMPTY = dict.fromkeys(("sources", "severity", "text", "count", "window_s", "hold_off_s"), "")
AS_IT_IS = {**EMPTY, "enabled": "on", "clear_after_s": "", "revision": "0"}


def text(client: Client, path: str) -> str:
    response = client.get(path)
    assert response.status_code == 200
    return re.sub(r"\s+", " ", response.content.decode())


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def test_the_table_tells_what_is_customised(operator: Client) -> None:
    assert "customised</a>" not in text(operator, "/alarms/rules/")
    raised()
    rule_update(kind=STT, rule=Rule(sources=("stt-*",), severity=5, count=7))
    found = text(operator, "/alarms/rules/")
    assert "only these, severity, failures" in found
    assert "stt-*" in found
    assert "7 failures in 1 min" in found
    only = text(operator, "/alarms/rules/?only=customised")
    assert STT.name in only
    assert "workerDown" not in only


def test_a_rule_is_stored_applied_and_taken_back(operator: Client, world: World) -> None:
    raised()
    sent = {
        **AS_IT_IS,
        "sources": "stt-*\r\n\r\n other \r\nstt-*",
        "severity": "5",
        "text": "Call ops about {source}",
        "count": "4",
        "clear_after_s": "0",
    }
    answer = operator.post(PAGE, sent)
    assert (answer.status_code, answer["location"]) == (302, PAGE)
    row = AlarmRule.objects.get()
    assert rule_of(row) == Rule(
        sources=("stt-*", "other"),
        severity=5,
        text="Call ops about {source}",
        count=4,
        clear_after_s=0,
    )
    assert row.changed_by == "operator"
    assert ActiveAlarm.objects.get().text == "Call ops about stt-1"
    event = AuditEvent.objects.get(action="alarm_rule.changed")
    assert (event.actor, event.user_id) == ("operator", world.people["operator"].pk)
    found = text(operator, PAGE)
    assert "Call ops about {source}</" in found or 'value="Call ops about {source}"' in found
    assert "Critical" in found
    answer = operator.post(f"{PAGE}revert")
    assert answer["location"] == PAGE
    assert not AlarmRule.objects.exists()
    assert ActiveAlarm.objects.get().severity == 4


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("text", "{who}", "knows {source} and {detail}, not {who}"),
        ("text", "a" * 501, "at most 500 characters"),
        ("count", "0", "greater than or equal to 1"),
        ("count", "1" * 5000, "4300|less than or equal|whole number"),
        ("window_s", "1.5", "whole number"),
        ("severity", "9", "valid choice"),
        ("severity", "0", "valid choice"),
        ("sources", "a" * 201, "more than 200"),
        ("sources", "\u202e", "not printed"),
    ],
)
def test_what_is_wrong_is_told_at_the_field_and_changes_nothing(
    operator: Client, field: str, value: str, problem: str
) -> None:
    answer = operator.post(PAGE, {**AS_IT_IS, field: value})
    assert answer.status_code == 422
    assert re.search(problem, answer.content.decode()), answer.content.decode()
    assert not AlarmRule.objects.exists()
    previewed = operator.post(f"{PAGE}preview", {**AS_IT_IS, field: value})
    assert previewed.status_code == 200
    assert 'class="problem"' in previewed.content.decode()


def test_who_stores_over_what_somebody_else_stored_is_asked_first(operator: Client) -> None:
    row = rule_update(kind=STT, rule=Rule(count=9))
    answer = operator.post(PAGE, {**AS_IT_IS, "count": "4"})
    assert answer.status_code == 409
    found = answer.content.decode()
    assert "Somebody changed this rule meanwhile" in found
    assert f'name="over" value="{revision_of(row)}"' in found
    assert AlarmRule.objects.get().count == 9
    over = {"count": "4", "over": str(revision_of(row))}
    assert operator.post(PAGE, {**AS_IT_IS, **over}).status_code == 302
    row = AlarmRule.objects.get()
    assert row.count == 4
    again = {"count": "5", "revision": str(revision_of(row))}
    assert operator.post(PAGE, {**AS_IT_IS, **again}).status_code == 302
    assert operator.post(PAGE, {**AS_IT_IS, "revision": "9" * 400}).status_code == 422


def test_the_preview_says_how_often_and_as_what(operator: Client) -> None:
    yesterday = timezone.now() - timedelta(days=1)
    for name in ("stt-1", "stt-2", "other"):
        cleared(raised(name=name, at=yesterday))
    sent = {**AS_IT_IS, "sources": "stt-*", "severity": "5", "text": "Call ops: {detail}"}
    answer = operator.post(f"{PAGE}preview", sent)
    found = re.sub(r"\s+", " ", answer.content.decode())
    assert "Would have been raised 2 times" in found
    assert "in the last 7 days, 3 as declared." in found
    assert "Computed from 3 alarms in the history." in found
    assert "Critical" in found
    assert "Call ops: what exactly is wrong" in found
    stricter = operator.post(f"{PAGE}preview", {**AS_IT_IS, "count": "4"}).content.decode()
    assert "at least 0 times" in re.sub(r"\s+", " ", stricter)
    off = operator.post(f"{PAGE}preview", {**AS_IT_IS, "enabled": ""}).content.decode()
    assert "Would not have been raised." in off
    assert not AlarmRule.objects.exists()


def test_entities_are_suggested(operator: Client) -> None:
    Provider.objects.create(name="ears", kind="stt", plugin="rehearsal")
    Provider.objects.create(name="voice", kind="tts", plugin="rehearsal")
    raised(name="gone")
    found = text(operator, PAGE)
    assert re.findall(r'data-adds="([^"]*)"', found) == ["ears", "gone"]
    Bot.objects.create(name="retail")
    found = text(operator, "/alarms/rules/botMisconfigured/")
    assert re.findall(r'data-adds="([^"]*)"', found) == ["retail"]


def test_who_only_sees_alarms_may_look(world: World) -> None:
    viewer = browser(world.people["viewer"])
    found = text(viewer, PAGE)
    assert "You can look, not change." in found
    assert '<fieldset class="fields" disabled>' in found
    for path in (PAGE, f"{PAGE}preview", f"{PAGE}revert"):
        assert viewer.post(path, AS_IT_IS).status_code == 403


def test_who_reaches_only_some_bots_changes_no_rule_of_all(world: World) -> None:
    bot = Bot.objects.create(name="retail")
    limited = browser(with_role("operator", name="limited", bots=[bot]))
    raised()
    found = text(limited, PAGE)
    assert "Rules hold for all bots; you reach only some." in found
    assert "Would have been raised" not in found
    assert "data-adds" not in found
    for path in (PAGE, f"{PAGE}preview", f"{PAGE}revert"):
        assert limited.post(path, AS_IT_IS).status_code == 403
    assert re.search(r"<span>0</span>", text(limited, "/alarms/rules/"))
    assert "<span>1</span>" not in text(limited, "/alarms/rules/")


def test_a_type_that_does_not_exist_has_no_page(operator: Client) -> None:
    for method, path in (
        ("get", "/alarms/rules/nothing/"),
        ("post", "/alarms/rules/nothing/preview"),
        ("post", "/alarms/rules/nothing/revert"),
    ):
        assert getattr(operator, method)(path).status_code == 404


def test_who_reaches_some_bots_reads_of_a_rule_only_what_concerns_these(operator: Client) -> None:
    shop = Bot.objects.create(name="shop")
    narrow = browser(with_role("operator", name="narrow", bots=[shop]))
    pages = ("/alarms/rules/", f"/alarms/rules/{LATE.name}/", f"/alarms/types/{LATE.name}/")
    with acting(Actor(name="boss")):
        rule_update(kind=LATE, rule=Rule(sources=("bot:shop", "vip-*", "bank")))
    for path in pages:
        whole, part = text(operator, path), text(narrow, path)
        assert "vip-*" in whole
        assert "boss" in whole
        assert "bot:shop" in part
        assert "and 2 that you do not reach" in part
        for hidden in ("vip-*", "bank", "boss"):
            assert hidden not in part
    rule_update(kind=LATE, rule=Rule(sources=("bank",)))
    for path in pages:
        assert "1 that you do not reach" in text(narrow, path)
    assert AlarmRule.objects.get().sources == ["bank"]
