"""Changing the routing table, and the bot that takes a call according to it."""

from collections.abc import Callable
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from bots import routing
from bots.audit import Actor, acting
from bots.core.errors import ParameterError
from bots.models import AuditEvent, Bot, Provider, Route
from bots.services import (
    StaleRevision,
    bot_create,
    provider_create,
    route_create,
    route_delete,
    route_move,
    route_update,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def echo() -> Provider:
    return provider_create(name="echo", kind="bot", plugin="echo")


@pytest.fixture
def bot(echo: Provider) -> Bot:
    return bot_create(name="demo", author="anna", provider=echo)


@pytest.fixture
def other(echo: Provider) -> Bot:
    return bot_create(name="other", author="anna", provider=echo)


def problems(change: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        change()
    return refused.value.problems


def line() -> list[tuple[str, int]]:
    return list(Route.objects.values_list("pattern", "priority"))


# --- which bot ------------------------------------------------------------------------------------


def test_the_first_matching_route_names_the_bot(bot: Bot, other: Bot) -> None:
    assert routing.route_for("+15550100") is None
    route_create(pattern="*", bot=other, priority=200)
    route_create(pattern="+1555*", bot=bot, host="eu.example.com")
    assert routing.route_for("+1 555 0100") == other
    assert routing.route_for("001-555-0100", "EU.example.com:5060") == bot
    Route.objects.filter(bot=other).update(enabled=False)
    assert routing.route_for("+15550100") is None


def test_a_header_can_decide(bot: Bot, other: Bot) -> None:
    route_create(pattern="*", bot=other, priority=200)
    route_create(pattern="*", bot=bot, header_name="X-Tenant", header_value="retail")
    assert routing.route_for("1", headers={"x-tenant": "retail"}) == bot
    assert routing.route_for("1", headers={"x-tenant": "wholesale"}) == other


def test_a_call_asks_the_database_once_however_many_routes(
    bot: Bot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        route_create(pattern=f"+1555010{number}", bot=bot)
    with django_assert_num_queries(1):
        found = routing.route_for("+15550107")
        assert found is not None
        assert found.name == "demo"
    assert len(routing.rules()) == 20


# --- creating and changing ------------------------------------------------------------------------


def test_conditions_are_stored_as_they_are_compared(bot: Bot) -> None:
    route = route_create(
        pattern=" 0049 30/12* ", bot=bot, host=" EU.Example.com ", header_name=" X-A ", note=" n "
    )
    stored = Route.objects.get(pk=route.pk)
    assert (stored.pattern, stored.host, stored.header_name) == (
        "+493012*",
        "eu.example.com",
        "X-A",
    )
    assert stored.note == "n"
    assert route_create(pattern="tel:+1-555-0100", bot=bot).pattern == "+15550100"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"pattern": ""}, ["pattern"]),
        ({"pattern": "reception"}, ["pattern"]),
        ({"pattern": "+1*5"}, ["pattern"]),
        ({"host": "a host"}, ["host"]),
        ({"header_name": "X Tenant"}, ["header_name"]),
        ({"header_value": "retail"}, ["header_name"]),
        ({"priority": 2**31}, ["priority"]),
        ({"note": "n" * 201}, ["note"]),
        ({"pattern": "x", "host": "a host"}, ["host", "pattern"]),
    ],
)
def test_what_is_wrong_is_told_by_field(bot: Bot, fields: dict[str, Any], wrong: list[str]) -> None:
    given = {"pattern": "*", "bot": bot, **fields}
    assert sorted(problems(lambda: route_create(**given))) == wrong
    assert not Route.objects.exists()


def test_routes_lead_to_stored_bots_that_take_calls(echo: Provider, bot: Bot) -> None:
    base = bot_create(name="base", author="anna", is_base=True)
    assert list(problems(lambda: route_create(pattern="*", bot=base))) == ["bot"]
    gone = Bot(name="gone", pk=4711)
    assert list(problems(lambda: route_create(pattern="*", bot=gone))) == ["bot"]
    assert list(problems(lambda: route_create(pattern="*"))) == ["bot"]


def test_two_routes_never_have_the_same_conditions(bot: Bot) -> None:
    first = route_create(pattern="*", bot=bot, host="a.example.com")
    second = route_create(pattern="*", bot=bot)
    assert list(problems(lambda: route_create(pattern="*", bot=bot))) == ["pattern"]
    clash = problems(lambda: route_update(route=second, expected_revision=1, host="A.example.com"))
    assert list(clash) == ["pattern"]
    assert route_update(route=first, expected_revision=1, note="itself").note == "itself"


def test_a_change_counts_the_revision_and_a_stale_one_is_refused(bot: Bot, other: Bot) -> None:
    route = route_create(pattern="*", bot=bot)
    after = route_update(route=route, expected_revision=1, bot=other, priority=7)
    assert (after.bot, after.priority, after.revision) == (other, 7, 2)
    with pytest.raises(StaleRevision) as stale:
        route_update(route=route, expected_revision=1, priority=8)
    assert stale.value.current == 2
    with pytest.raises(StaleRevision):
        route_delete(route=route, expected_revision=1)
    with pytest.raises(StaleRevision):
        route_move(route=route, expected_revision=1, places=1)
    route_delete(route=route, expected_revision=2)
    for late in (
        lambda: route_update(route=route, expected_revision=2),
        lambda: route_move(route=route, expected_revision=2, places=1),
    ):
        with pytest.raises(StaleRevision) as stale:
            late()
        assert stale.value.current == 0


# --- order ----------------------------------------------------------------------------------------


def test_neighbours_exchange_their_priorities(bot: Bot) -> None:
    for number, priority in (("1", 10), ("2", 20), ("3", 40)):
        route_create(pattern=number, bot=bot, priority=priority)
    route_move(route=Route.objects.get(pattern="3"), expected_revision=1, places=-1)
    assert line() == [("1", 10), ("3", 20), ("2", 40)]
    assert Route.objects.get(pattern="1").revision == 1
    route_move(route=Route.objects.get(pattern="3"), expected_revision=2, places=-5)
    assert line() == [("3", 10), ("1", 20), ("2", 40)]
    route_move(route=Route.objects.get(pattern="3"), expected_revision=3, places=5)
    assert line() == [("1", 10), ("2", 20), ("3", 40)]


def test_routes_of_one_priority_are_counted_anew_when_one_moves(bot: Bot) -> None:
    for number in ("1", "2", "3"):
        route_create(pattern=number, bot=bot)
    route_move(route=Route.objects.get(pattern="3"), expected_revision=1, places=-1)
    assert line() == [("1", 10), ("3", 20), ("2", 30)]


def test_a_move_beyond_the_end_changes_nothing(bot: Bot) -> None:
    route = route_create(pattern="1", bot=bot)
    route_move(route=route, expected_revision=1, places=-1)
    assert line() == [("1", 100)]
    assert Route.objects.get().revision == 1


# --- audit ----------------------------------------------------------------------------------------


def test_every_change_is_in_the_audit_log_with_what_differs(bot: Bot, other: Bot) -> None:
    with acting(Actor(name="anna")):
        route = route_create(pattern="+1555*", bot=bot, priority=10)
        route_update(route=route, expected_revision=1, bot=other, note="moved")
        route_delete(route=route, expected_revision=2)
    events = list(AuditEvent.objects.filter(kind="route").order_by("pk"))
    assert [(each.action, each.actor, each.title) for each in events] == [
        ("route.created", "anna", "route +1555*"),
        ("route.changed", "anna", "route +1555*"),
        ("route.deleted", "anna", "route +1555*"),
    ]
    assert events[0].before is None
    assert (events[1].before, events[1].after) == (
        {"bot": "demo", "note": ""},
        {"bot": "other", "note": "moved"},
    )
    assert events[2].after is None


def test_a_move_is_audited_for_both_neighbours(bot: Bot) -> None:
    for number, priority in (("1", 10), ("2", 20)):
        route_create(pattern=number, bot=bot, priority=priority)
    route_move(route=Route.objects.get(pattern="2"), expected_revision=1, places=-1)
    changed = AuditEvent.objects.filter(action="route.changed").order_by("pk")
    assert [(each.title, each.after) for each in changed] == [
        ("route 2", {"priority": 10}),
        ("route 1", {"priority": 20}),
    ]
