"""The pages of numbers and routes, as people of each role meet them."""

import json
from pathlib import Path

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bots.models import Bot, Route
from bots.services import bot_create, provider_create, route_create, route_update
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def bot() -> Bot:
    provider = provider_create(name="script", kind="bot", plugin="script")
    return bot_create(name="demo", author="anna", provider=provider)


@pytest.fixture
def other(bot: Bot) -> Bot:
    return bot_create(name="other", author="anna", provider=bot.provider)


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def page(client: Client, address: str = "/routes/") -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def sent(**changes: object) -> dict[str, object]:
    return {"pattern": "+1555*", "bot": "demo", "priority": 10, "enabled": "on", **changes}


# --- the table ------------------------------------------------------------------------------------


def test_an_empty_table_says_what_a_route_is(operator: Client) -> None:
    assert "No number leads to a bot yet" in page(operator)


def test_rules_are_listed_in_order_with_what_is_wrong(operator: Client, bot: Bot) -> None:
    route_create(pattern="*", bot=bot, priority=10)
    route_create(pattern="+1555*", bot=bot, priority=20, note="block")
    shown = page(operator)
    assert shown.index(">*</a>") < shown.index(">+1555*</a>")
    assert "Never reached: rule 1 takes all its calls." in shown
    assert "block" in shown


def test_the_tester_explains_every_rule(operator: Client, bot: Bot, other: Bot) -> None:
    route_create(pattern="+1555*", bot=bot, priority=10, host="eu.example.com")
    route_create(pattern="*", bot=other, priority=20, header_name="X-A", header_value="1")
    route_create(pattern="*", bot=other, priority=30)
    shown = page(operator, "/routes/?called=001+555+0100&host=us.example.com&headers=X-A:+2")
    assert "A call to +15550100 goes to other: rule 3 takes it." in shown
    for words in ("Another host", "The header holds something else", "Takes the call"):
        assert words in shown
    assert 'value="001 555 0100"' in shown


def test_the_tester_tells_when_nobody_takes_the_call(operator: Client, bot: Bot) -> None:
    route_create(pattern="15550100", bot=bot)
    shown = page(operator, "/routes/?called=%2B15550100")
    assert "No rule takes a call to +15550100: it is refused." in shown
    assert "Differs only in the leading +" in shown


def test_a_paused_bot_is_told_by_the_tester(operator: Client, bot: Bot) -> None:
    route_create(pattern="*", bot=bot)
    Bot.objects.update(enabled=False)
    assert "That bot is paused, so the call is refused." in page(operator, "/routes/?called=1")


def test_what_the_tester_cannot_read_is_told(operator: Client, bot: Bot) -> None:
    route_create(pattern="*", bot=bot)
    assert "Write each header as Name: value." in page(operator, "/routes/?called=1&headers=x")
    many = "%0A".join(f"X-{number}:+1" for number in range(21))
    assert "These are too many headers." in page(operator, f"/routes/?called=1&headers={many}")
    assert "This field is required." in page(operator, "/routes/?called=")


def test_a_person_sees_the_rules_of_reached_bots_only(bot: Bot, other: Bot) -> None:
    route_create(pattern="+1*", bot=bot)
    route_create(pattern="*", bot=other, priority=200)
    client = browser(with_role("operator", name="scoped", bots=[bot]))
    shown = page(client, "/routes/?called=%2B44")
    assert "/bots/other/" not in shown
    assert "A rule for a bot you do not see takes this call." in shown
    assert "1 more rule is for a bot you do not see." in shown
    assert client.get(f"/routes/{Route.objects.get(bot=other).pk}/").status_code == 404
    assert client.get(f"/routes/{Route.objects.get(bot=bot).pk}/").status_code == 403


def test_the_table_takes_as_many_queries_however_many_rules(
    operator: Client,
    bot: Bot,
    repository: Path,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(30):
        route_create(pattern=f"+1555010{number:02}", bot=bot)
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    with django_assert_num_queries(agreed["routes:list"]):
        page(operator, "/routes/?called=%2B15550100")


# --- changing -------------------------------------------------------------------------------------


def test_a_route_is_created(operator: Client, bot: Bot) -> None:
    assert "New route" in page(operator, "/routes/new/?pattern=%2B44&bot=demo")
    answer = operator.post("/routes/new/", sent(note="block"), follow=True)
    assert answer.redirect_chain == [("/routes/", 302)]
    assert "Calls to +1555* go to demo." in answer.content.decode()
    route = Route.objects.get()
    assert (route.pattern, route.bot, route.priority, route.enabled) == ("+1555*", bot, 10, True)


def test_what_is_wrong_is_told_at_the_field_and_nothing_is_lost(operator: Client, bot: Bot) -> None:
    answer = operator.post("/routes/new/", sent(pattern="what", note="kept"))
    assert answer.status_code == 422
    shown = answer.content.decode()
    assert "Use a number such as +15550100" in shown
    assert 'value="kept"' in shown
    assert not Route.objects.exists()
    assert operator.post("/routes/new/", sent(bot="nobody")).status_code == 422


def test_a_route_is_changed_and_taken_out_of_use(operator: Client, bot: Bot) -> None:
    route = route_create(pattern="*", bot=bot)
    assert "Store route" in page(operator, f"/routes/{route.pk}/")
    changes = sent(revision=1)
    del changes["enabled"]
    answer = operator.post(f"/routes/{route.pk}/", changes)
    assert answer.status_code == 302
    route.refresh_from_db()
    assert (route.pattern, route.enabled, route.revision) == ("+1555*", False, 2)


def test_a_change_by_somebody_else_is_shown_and_can_be_replaced(operator: Client, bot: Bot) -> None:
    route = route_create(pattern="*", bot=bot, note="old")
    route_update(route=route, expected_revision=1, note="theirs")
    answer = operator.post(f"/routes/{route.pk}/", sent(revision=1, note="mine"))
    assert answer.status_code == 409
    shown = answer.content.decode()
    assert "Somebody changed this route meanwhile" in shown
    assert "<del>theirs</del>" in shown
    assert "<ins>mine</ins>" in shown
    assert 'name="revision" value="2"' in shown
    assert operator.post(f"/routes/{route.pk}/", sent(revision=2, note="mine")).status_code == 302
    assert Route.objects.get().note == "mine"


def test_routes_are_moved_and_deleted(operator: Client, bot: Bot) -> None:
    first = route_create(pattern="1", bot=bot, priority=10)
    second = route_create(pattern="2", bot=bot, priority=20)
    operator.post(f"/routes/{second.pk}/move/", {"to": "earlier", "revision": 1})
    assert list(Route.objects.values_list("pattern", flat=True)) == ["2", "1"]
    operator.post(f"/routes/{second.pk}/move/", {"to": "later", "revision": 2})
    assert list(Route.objects.values_list("pattern", flat=True)) == ["1", "2"]
    stale = operator.post(f"/routes/{first.pk}/delete/", {"revision": 1}, follow=True)
    assert "Somebody changed this route meanwhile." in stale.content.decode()
    stale = operator.post(f"/routes/{first.pk}/move/", {"revision": "x"}, follow=True)
    assert "Somebody changed this route meanwhile." in stale.content.decode()
    operator.post(f"/routes/{first.pk}/delete/", {"revision": 3})
    assert list(Route.objects.values_list("pattern", flat=True)) == ["2"]


# --- roles ----------------------------------------------------------------------------------------


def test_who_may_only_look_finds_the_buttons_disabled(world: World, bot: Bot) -> None:
    route = route_create(pattern="*", bot=bot)
    viewer = browser(world.people["viewer"])
    shown = page(viewer)
    assert "Needs the role Operator or Administrator." in shown
    assert f"/routes/{route.pk}/" not in shown.replace(f"/routes/{route.pk}/move/", "")
    assert viewer.get("/routes/new/").status_code == 403
    assert viewer.post(f"/routes/{route.pk}/delete/", {"revision": 1}).status_code == 403
    assert viewer.post(f"/routes/{route.pk}/move/", {"revision": 1}).status_code == 403
    assert Route.objects.exists()


def test_nothing_is_changed_by_looking(operator: Client, bot: Bot) -> None:
    route = route_create(pattern="*", bot=bot)
    assert operator.get(f"/routes/{route.pk}/delete/").status_code == 405
    assert operator.get(f"/routes/{route.pk}/move/").status_code == 405


def test_hostile_texts_are_texts(operator: Client, bot: Bot) -> None:
    hostile = "<script>alert(1)</script>"
    Route.objects.create(pattern="*", bot=bot, note=hostile, header_name="X", header_value=hostile)
    shown = page(operator, f"/routes/?called={hostile}&host={hostile}")
    assert hostile not in shown
    assert "&lt;script&gt;" in shown
