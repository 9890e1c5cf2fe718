"""The bots as their list shows them."""

import pytest
from pytest_django import DjangoAssertNumQueries

from bots.inventory import BotFilter, Listed, as_tree, choices, inventory, matching
from bots.models import Bot
from bots.people import Person, person
from bots.services import bot_create, bot_update, provider_create, route_create
from tests.worlds import with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def bots(plugins: None, db: None) -> dict[str, Bot]:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    ear = provider_create(name="ear", kind="stt", plugin="ear")
    base = bot_create(
        name="retail", author="ann", is_base=True, provider=echo, params={"language": "de-DE"}
    )
    deep = bot_create(name="a-city", author="ann", is_base=True, base=base, stt_provider=ear)
    berlin = bot_create(
        name="berlin", author="ann", base=deep, display_name="Hauptstadt", params={"voiceName": "v"}
    )
    bot_create(name="alone", author="ann", provider=echo, enabled=False)
    route_create(pattern="+15550100", bot=berlin)
    broken = bot_create(name="broken", author="ann", base=base)
    Bot.objects.filter(pk=broken.pk).update(params={"nonsense": 1})
    bot_update(bot=berlin, expected_revision=1, author="bea", enabled=True)
    return {each.name: each for each in Bot.objects.all()}


@pytest.fixture
def admin(bots: dict[str, Bot]) -> Person:
    return person(with_role("administrator"))


def names(found: list[Listed]) -> list[str]:
    return [each.bot.name for each in found]


def test_a_bot_is_listed_with_what_it_uses_and_inherits(
    admin: Person, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(1):
        listed = {each.bot.name: each for each in inventory(admin)}
    berlin = listed["berlin"]
    assert berlin.providers == {"bot": ("echo", True), "stt": ("ear", True)}
    assert (berlin.language, berlin.voice, berlin.routes, berlin.author) == ("de-DE", "v", 1, "bea")
    assert (berlin.state, berlin.heirs) == ("enabled", 0)
    assert listed["alone"].providers == {"bot": ("echo", False)}
    assert listed["alone"].state == "paused"
    assert listed["retail"].heirs == 2
    assert listed["broken"].state == "broken"
    assert list(listed["broken"].problems) == ["nonsense"]


def test_a_line_that_is_broken_is_listed_too(bots: dict[str, Bot], admin: Person) -> None:
    Bot.objects.filter(name="a-city").update(is_base=False)
    listed = {each.bot.name: each for each in inventory(admin)}
    assert list(listed["berlin"].problems) == ["base"]
    assert listed["berlin"].language == "en-US"


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        (BotFilter(), ["a-city", "alone", "berlin", "broken", "retail"]),
        (BotFilter(text="HAUPT"), ["berlin"]),
        (BotFilter(text="a-"), ["a-city"]),
        (BotFilter(base="retail"), ["a-city", "broken"]),
        (BotFilter(provider="ear"), ["a-city", "berlin"]),
        (BotFilter(language="en-US"), ["alone"]),
        (BotFilter(state="broken"), ["broken"]),
        (BotFilter(state="paused", provider="echo"), ["alone"]),
        (BotFilter(state="paused", language="de-DE"), []),
    ],
)
def test_the_list_is_filtered(admin: Person, chosen: BotFilter, found: list[str]) -> None:
    assert names(matching(inventory(admin), chosen)) == found


def test_what_can_be_chosen_is_what_there_is(admin: Person) -> None:
    offered = choices(inventory(admin))
    assert offered.bases == ("a-city", "retail")
    assert offered.providers == ("ear", "echo")
    assert offered.languages == ("de-DE", "en-US")


def test_heirs_stand_below_their_base(admin: Person) -> None:
    listed = inventory(admin)
    tree = [(each.bot.name, each.depth) for each in as_tree(listed)]
    assert tree == [("alone", 0), ("retail", 0), ("a-city", 1), ("berlin", 2), ("broken", 1)]
    partly = as_tree(matching(listed, BotFilter(provider="ear")))
    assert [(each.bot.name, each.depth) for each in partly] == [("a-city", 0), ("berlin", 1)]


def test_a_circle_of_bases_is_listed_all_the_same(bots: dict[str, Bot], admin: Person) -> None:
    Bot.objects.filter(name="retail").update(base=bots["a-city"])
    tree = as_tree(inventory(admin))
    assert names(tree) == ["alone", "a-city", "berlin", "broken", "retail"]


def test_who_reaches_some_bots_sees_those_and_their_bases(bots: dict[str, Bot]) -> None:
    someone = person(with_role("operator", name="otto", bots=[bots["berlin"]]))
    assert names(inventory(someone)) == ["a-city", "berlin", "retail"]
