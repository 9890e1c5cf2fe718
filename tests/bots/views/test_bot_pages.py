"""The list of bots, and what is done to bots as a whole."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from bots import access
from bots.core import figures
from bots.core.figures import BotFigures
from bots.guards import CONFIRMED_AT
from bots.models import Bot
from bots.services import bot_create, bot_update, provider_create, route_create
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def base(plugins: None, db: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(
        name="retail", author="ann", is_base=True, provider=echo, params={"language": "de-DE"}
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="door", author="ann", base=base)


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def page(client: Client, url: str = "/bots/", status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def post(client: Client, url: str, **fields: Any) -> str:
    return " ".join(client.post(url, fields, follow=True).content.decode().split())


# --- the list -------------------------------------------------------------------------------------


def test_without_a_bot_the_page_says_how_to_begin(operator: Client) -> None:
    shown = page(operator)
    assert "No bot yet" in shown
    assert "Providers come first" in shown


def test_the_list_shows_how_bots_do(
    operator: Client, bot: Bot, monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    counted = {"door": BotFigures(live=3, day=40, failed=3)}
    monkeypatch.setattr(figures, "_sources", [lambda: counted])
    shown = page(operator)
    assert 'href="/live/?bot=door">3</a>' in shown
    assert 'href="/calls/?bot=door&amp;range=24h">40</a>' in shown
    assert "8 %" in shown
    assert "takes calls" in shown
    assert "base bot" in shown
    manager = page(browser(world.people["account-manager"]))
    assert "8 %" not in manager
    assert "Needs the role Operator or Administrator." in manager


def test_the_list_takes_as_many_queries_however_many_bots(
    operator: Client,
    base: Bot,
    repository: Path,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(20):
        bot_create(name=f"bot-{number}", author="anna", base=base)
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    with django_assert_num_queries(agreed["bots:list"]):
        page(operator)


def test_filter_order_page_and_tree_are_in_the_url(
    operator: Client, bot: Bot, base: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(60):
        bot_create(name=f"n-{number:02}", author="ann", base=base, enabled=number > 2)
    busy = {"n-07": BotFigures(live=1), "n-08": BotFigures(day=9, failed=1)}
    monkeypatch.setattr(figures, "_sources", [lambda: busy])

    def listed(query: str) -> list[str]:
        parts = page(operator, f"/bots/?{query}").split('name="bot" value="')[1:]
        return [part.partition('"')[0] for part in parts]

    assert listed("state=paused") == ["n-00", "n-01", "n-02"]
    assert listed("text=n-5") == [f"n-5{digit}" for digit in range(10)]
    assert listed("sort=live")[0] == "n-07"
    assert listed("sort=day")[0] == listed("sort=failed")[0] == "n-08"
    assert listed("sort=changed")[0] == "n-59"
    assert listed("sort=nonsense&page=x&base=nowhere")[0] == "door"
    assert listed("page=2")[-1] == "retail"
    assert listed("page=99")[-1] == "retail"
    assert listed("tree=1")[:2] == ["retail", "door"]
    assert listed("text=nothing") == []
    assert "No bot matches the filter." in page(operator, "/bots/?text=nothing")


def test_people_see_only_bots_that_they_reach(bot: Bot, base: Bot) -> None:
    bot_create(name="secret-shop", author="ann", base=base)
    otto = browser(with_role("operator", name="otto", bots=[bot]))
    shown = page(otto)
    assert "door" in shown
    assert "secret-shop" not in shown


# --- one bot as a whole ---------------------------------------------------------------------------


def test_a_bot_is_paused_and_resumed(operator: Client, bot: Bot) -> None:
    assert "door is paused." in post(operator, "/bots/door/pause/", do="pause")
    assert not Bot.objects.get(pk=bot.pk).enabled
    answer = operator.post("/bots/door/pause/", {"do": "resume", "from": "list"}, follow=True)
    assert answer.redirect_chain == [("/bots/", 302)]
    assert "door takes calls." in answer.content.decode()
    Bot.objects.filter(pk=bot.pk).update(params={"x": 1}, enabled=False)
    assert "is not a parameter" in post(operator, "/bots/door/pause/", do="resume")
    assert operator.get("/bots/door/pause/").status_code == 405


def test_a_bot_is_cloned(operator: Client, bot: Bot) -> None:
    assert 'value="door-copy"' in page(operator, "/bots/door/clone/")
    answer = operator.post("/bots/door/clone/", {"name": "gate", "display_name": "Gate"})
    assert answer.headers["location"] == "/bots/gate/"
    assert Bot.objects.get(name="gate").base == bot.base
    alone = operator.post("/bots/door/clone/", {"name": "alone", "standalone": "on"})
    assert alone.status_code == 302
    assert Bot.objects.get(name="alone").base is None
    taken = operator.post("/bots/door/clone/", {"name": "gate", "standalone": "on"})
    assert taken.status_code == 422
    assert "already exists" in taken.content.decode()


def test_a_bot_in_use_cannot_be_deleted(operator: Client, bot: Bot, base: Bot) -> None:
    route_create(pattern="+15550100", bot=bot)
    shown = page(operator, "/bots/door/delete/")
    assert "door is used and stays for now" in shown
    assert "+15550100" in shown
    assert operator.post("/bots/door/delete/", {"typed": "door"}).status_code == 422
    assert 'href="/bots/door/"' in page(operator, "/bots/retail/delete/")
    assert Bot.objects.filter(name="door").exists()


def test_a_bot_is_deleted_by_its_name(operator: Client, bot: Bot) -> None:
    assert "Type door to confirm" in page(operator, "/bots/door/delete/")
    wrong = operator.post("/bots/door/delete/", {"typed": "Door"})
    assert wrong.status_code == 422
    assert Bot.objects.filter(name="door").exists()
    shown = post(operator, "/bots/door/delete/", typed="door", reason="Closed")
    assert "door is deleted." in shown
    assert not Bot.objects.filter(name="door").exists()


def test_a_token_is_shown_once_to_who_proved_who_they_are(operator: Client, bot: Bot) -> None:
    assert "Mint token" in page(operator, "/bots/door/token/")
    minted = operator.post("/bots/door/token/").content.decode()
    token = "vgw_" + minted.split("vgw_")[1].partition("<")[0].strip()
    assert access.matches(token, Bot.objects.get(pk=bot.pk).token_digest)
    assert token not in page(operator, "/bots/door/token/")
    assert "It stops working the moment another is minted" in page(operator, "/bots/door/token/")
    refused = operator.post("/bots/retail/token/", follow=True).content.decode()
    assert "takes no calls" in refused
    session = operator.session
    session["confirmed_at"] = 0
    session.save()
    assert operator.get("/bots/door/token/").headers["location"].startswith("/confirm/")


# --- many at once ---------------------------------------------------------------------------------


def test_ticked_bots_are_paused_together(operator: Client, bot: Bot, base: Bot) -> None:
    bot_create(name="gate", author="ann", base=base)
    both = ["door", "gate"]
    assert "2 bots are paused." in post(operator, "/bots/-/bulk/pause/", bot=both, do="pause")
    assert "1 bot takes calls again." in post(
        operator, "/bots/-/bulk/pause/", bot=["gate"], do="resume"
    )
    Bot.objects.filter(pk=bot.pk).update(params={"x": 1})
    refused = post(operator, "/bots/-/bulk/pause/", bot=both, do="resume")
    assert "Nothing was changed. door.x: is not a parameter" in refused


def test_one_parameter_is_set_for_ticked_bots_after_a_look(
    operator: Client, bot: Bot, base: Bot
) -> None:
    bot_create(name="gate", author="ann", base=base, params={"userNoInputTimeoutMS": 5000})
    url = "/bots/-/bulk/"
    ticked = {"bot": ["door", "gate"], "r.door": "1", "r.gate": "1"}
    assert "No bot is ticked." in page(operator, url)
    assert "For 2 bots, all or none:" in page(operator, f"{url}?bot=door&bot=gate")
    assert "There is no parameter x." in page(operator, f"{url}?bot=door&parameter=x")
    assert "0 to 600,000 ms" in page(operator, f"{url}?bot=door&parameter=userNoInputTimeoutMS")
    named = {**ticked, "parameter": "userNoInputTimeoutMS"}
    shown = post(operator, url, **named, **{"p.userNoInputTimeoutMS": "5000", "do": "review"})
    assert "<ins>5000</ins>" in shown
    assert "Stays as it is." in shown
    assert Bot.objects.get(pk=bot.pk).revision == 1
    stored = post(operator, url, **named, **{"p.userNoInputTimeoutMS": "5000", "do": "save"})
    assert "userNoInputTimeoutMS: 1 bot changed." in stored
    stale = {**named, "r.door": "1", "inherit": "on", "do": "save"}
    assert "is at revision 2, expected 1" in post(operator, url, **stale)
    assert Bot.objects.get(name="gate").params == {"userNoInputTimeoutMS": 5000}
    again = {**stale, "r.door": "2"}
    assert "userNoInputTimeoutMS: 2 bots changed." in post(operator, url, **again)
    assert Bot.objects.get(name="gate").params == {}


def test_a_secret_is_set_in_bulk_only_by_who_confirmed_who_they_are(
    operator: Client, bot: Bot
) -> None:
    session = operator.session
    session[CONFIRMED_AT] = 0
    session.save()
    sent = {"bot": ["door"], "r.door": "1", "parameter": "echoPin", "p.echoPin": "x", "do": "save"}
    answer = operator.post("/bots/-/bulk/", sent)
    assert (answer.status_code, answer.headers["location"][:9]) == (302, "/confirm/")
    assert "echoPin" not in Bot.objects.get(pk=bot.pk).params


@pytest.mark.parametrize(
    ("value", "said"), [("soon", "must be a whole number"), ("-1", "between 0 and 600000 ms")]
)
def test_a_value_that_is_wrong_is_set_for_none(
    operator: Client, bot: Bot, value: str, said: str
) -> None:
    sent = {"bot": ["door"], "r.door": "1", "parameter": "userNoInputTimeoutMS"}
    for do in ("review", "save"):
        fields = {**sent, "p.userNoInputTimeoutMS": value, "do": do}
        answer = operator.post("/bots/-/bulk/", fields)
        assert answer.status_code == 422
        assert said in answer.content.decode()


def test_bots_of_others_are_not_changed_in_bulk(bot: Bot, base: Bot) -> None:
    gate = bot_create(name="gate", author="ann", base=base)
    bot_update(bot=gate, expected_revision=1, author="ann", display_name="Gate")
    otto = browser(with_role("operator", name="otto", bots=[bot]))
    assert otto.post("/bots/-/bulk/pause/", {"bot": ["retail"], "do": "pause"}).status_code == 403
    otto.post("/bots/-/bulk/pause/", {"bot": ["door", "gate"], "do": "pause"})
    assert not Bot.objects.get(name="door").enabled
    assert Bot.objects.get(name="gate").enabled
