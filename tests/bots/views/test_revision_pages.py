"""The pages of a bot's past, of what is in force, and of two bots beside each other."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bots.models import AuditEvent, Bot, Provider
from bots.services import bot_create, bot_update, provider_create
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def base(plugins: None, db: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(
        name="retail", author="ann", is_base=True, provider=echo, params={"language": "de-DE"}
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    bot_create(name="door", author="ann", base=base, params={"echoGreeting": HOSTILE})
    return change("door", "Louder", {"echoGreeting": "HELLO", "echoPin": "canary", "bargeIn": True})


def change(name: str, message: str, params: dict[str, Any], **fields: Any) -> Bot:
    bot = Bot.objects.get(name=name)
    return bot_update(
        bot=bot,
        expected_revision=bot.revision,
        author="bea",
        message=message,
        params=params,
        **fields,
    )


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


# --- revisions ------------------------------------------------------------------------------------


def test_the_past_is_a_table_in_words(operator: Client, bot: Bot) -> None:
    content = page(operator, "/bots/door/revisions/")
    assert "Louder" in content
    assert "bea" in content
    assert "3 parameters" in content
    assert "<code>echoPin</code>" in content
    assert "1 parameter, Callers must present, Inherits from" in content


def test_a_revision_shows_what_it_changed_and_what_has_changed_since(
    operator: Client, bot: Bot
) -> None:
    content = page(operator, "/bots/door/revisions/2/")
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in content
    assert HOSTILE not in content
    assert "<ins>HELLO</ins>" in content
    assert "canary" not in content
    assert "What has changed since" not in content
    since = page(operator, "/bots/door/revisions/1/?against=present")
    assert "Present, revision 2" in since
    assert "<ins>HELLO</ins>" in since
    change("door", "Back", {"echoGreeting": HOSTILE})
    assert "is as it was at this revision" in page(
        operator, "/bots/door/revisions/1/?against=present"
    )


def test_a_revision_that_changed_nothing_says_why(operator: Client, bot: Bot) -> None:
    current = Bot.objects.get(pk=bot.pk)
    change("door", "Same", current.params)
    assert "an access token, which no revision holds" in page(operator, "/bots/door/revisions/3/")


def test_long_values_are_compared_line_by_line(operator: Client, bot: Bot) -> None:
    change("door", "", {"welcomeMessage": "One\n" * 30})
    change("door", "", {"welcomeMessage": "One\n" * 29 + "Two\n"})
    content = page(operator, "/bots/door/revisions/4/")
    assert '<li class="added">' in content
    assert "<code>Two</code>" in content


@pytest.mark.parametrize(
    "url",
    ["revisions/9/", "revisions/9/restore/", "compare/?with=no"]
    + [f"compare/?with=door&revision={number}" for number in ("9", "9" * 5_000, "\u00b2", "x")],
)
def test_what_is_not_there_is_not_found(operator: Client, bot: Bot, url: str) -> None:
    page(operator, f"/bots/door/{url}", 404)


@pytest.mark.parametrize("below", ["", "1", "2", "0", "x", "-1", "²", "9" * 30])
def test_any_page_of_the_past_can_be_asked_for(operator: Client, bot: Bot, below: str) -> None:
    content = page(operator, f"/bots/door/revisions/?below={below}")
    assert ("No revision here" in content) is (below == "1")


def test_restoring_shows_what_it_does_and_then_does_it(operator: Client, bot: Bot) -> None:
    content = page(operator, "/bots/door/revisions/1/restore/")
    assert "Restore revision 1" in content
    assert "<del>HELLO</del>" in content
    response = operator.post("/bots/door/revisions/1/restore/", {"revision": "2"})
    assert response.headers["location"] == "/bots/door/revisions/"
    stored = Bot.objects.get(pk=bot.pk)
    assert (stored.revision, stored.params) == (3, {"echoGreeting": HOSTILE})
    last = stored.revisions.first()
    assert last is not None
    assert (last.author, last.message) == ("operator", "Restore revision 1")
    assert AuditEvent.objects.filter(action="bot.changed", actor="operator").count() == 1
    assert "by revision 3" in page(operator, "/bots/door/revisions/")


def test_restoring_a_base_shows_what_it_does_to_heirs(operator: Client, bot: Bot) -> None:
    change("retail", "", {"language": "it-IT"})
    content = page(operator, "/bots/retail/revisions/1/restore/")
    assert "One bot inherits from retail" in content


def test_a_bot_that_was_changed_meanwhile_is_not_restored(operator: Client, bot: Bot) -> None:
    response = operator.post("/bots/door/revisions/1/restore/", {"revision": "1"}, follow=True)
    assert "Somebody has changed this bot meanwhile" in response.content.decode()
    assert Bot.objects.get(pk=bot.pk).revision == 2


def test_what_cannot_be_restored_says_why(operator: Client, bot: Bot) -> None:
    other = provider_create(name="other", kind="bot", plugin="other")
    change("door", "", {"echoGreeting": "x"}, provider=other)
    change("door", "", {}, provider=None)
    Provider.objects.filter(name="other").delete()
    content = page(operator, "/bots/door/revisions/3/restore/")
    assert "other does not exist any more" in content
    assert 'class="button primary" disabled' in content
    response = operator.post("/bots/door/revisions/3/restore/", {"revision": "4"})
    assert "create it first" in response.content.decode()
    assert Bot.objects.get(pk=bot.pk).revision == 4


def test_who_may_only_read_sees_the_button_and_why_not(world: World, bot: Bot) -> None:
    viewer = browser(world.people["viewer"])
    content = page(viewer, "/bots/door/revisions/1/")
    assert "disabled title=" in content
    assert viewer.get("/bots/door/revisions/1/restore/").status_code == 403
    assert viewer.post("/bots/door/revisions/1/restore/", {"revision": 2}).status_code == 403


@pytest.mark.parametrize(
    "url",
    [
        "revisions/",
        "revisions/1/",
        "revisions/1/restore/",
        "effective/",
        "compare/",
    ],
)
def test_bots_beyond_ones_reach_are_not_there(bot: Bot, url: str) -> None:
    other = bot_create(name="other", author="ann", base=bot.base)
    narrow = browser(with_role("operator", name="narrow", bots=[other]))
    assert narrow.get(f"/bots/door/{url}").status_code == 404
    assert narrow.get(f"/bots/other/compare/?with={bot.name}").status_code == 404
    assert narrow.get("/bots/other/revisions/").status_code == 200
    assert narrow.get("/bots/retail/effective/").status_code == 200
    assert narrow.get("/bots/retail/revisions/1/restore/").status_code == 403


# --- in force -------------------------------------------------------------------------------------


def test_every_parameter_is_there_with_its_chain(operator: Client, bot: Bot) -> None:
    content = page(operator, "/bots/door/effective/")
    assert "base retail" in content
    assert "this bot" in content
    assert "canary" not in content
    document = json.loads(operator.get("/bots/door/effective/").context["json"])
    assert document["language"] == {"value": "de-DE", "origin": "base retail"}
    assert document["echoPin"] == {"value": "••••••", "origin": "bot door"}
    assert document["sendDTMF"] == {"value": False, "origin": "default"}


def test_the_url_says_which_parameters_are_shown(operator: Client, bot: Bot) -> None:
    def shown(query: str) -> set[str]:
        sections = operator.get(f"/bots/door/effective/?{query}").context["sections"]
        return {row.name for _, rows, _ in sections for row, is_shown in rows if is_shown}

    assert shown("set=1") == {"language", "bargeIn", "echoGreeting", "echoPin"}
    assert shown("set=1&q=LANG") == {"language"}
    assert len(shown("")) > 100


def test_a_bot_that_does_not_work_says_why(operator: Client, bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(params={"bargeIn": "maybe"})
    content = page(operator, "/bots/door/effective/")
    assert "its calls are refused" in content
    assert "must be true or false" in content
    assert "Evaluate placeholders" not in content
    assert "must be true or false" in page(operator, "/bots/door/compare/?with=retail")


@pytest.mark.speech
def test_placeholders_are_tried_out(operator: Client, world: World, bot: Bot) -> None:
    change("door", "", {"sendMetaDataUrl": "https://x.example/${botMessageMetadata.caller}"})
    sample = {"caller": "+15550100", "headers": "X-A: b\n\nX-A: c", "template": "${2 * 3}<b>"}
    url = "/bots/door/effective/evaluate/"
    content = operator.post(url, sample).content.decode()
    assert "https://x.example/+15550100" in content
    assert "6&lt;b&gt;" in content
    viewer = browser(world.people["viewer"])
    assert "6&lt;b&gt;" not in viewer.post(url, sample).content.decode()
    wrong = operator.post(url, {"headers": "no header"}).content.decode()
    assert "this is none: no header" in wrong
    Bot.objects.filter(pk=bot.pk).update(params={"bargeIn": "maybe"})
    assert "must be true or false" in operator.post(url, sample).content.decode()
    assert operator.get(url).status_code == 405


# --- beside each other ----------------------------------------------------------------------------


def test_two_bots_are_compared_in_effect(operator: Client, bot: Bot) -> None:
    assert "Compare with its base retail" in page(operator, "/bots/door/compare/")
    content = page(operator, "/bots/door/compare/?with=retail")
    assert "3 of " in content
    assert "echoGreeting" in content
    assert "userNoInputTimeoutMS" not in content
    assert "userNoInputTimeoutMS" in page(operator, "/bots/door/compare/?with=retail&all=on")


def test_two_revisions_are_compared_in_effect(operator: Client, bot: Bot) -> None:
    content = page(operator, "/bots/door/compare/?with=door&with_revision=1")
    assert "door, revision 2" in content
    assert "door, revision 1" in content
    assert "base bots and providers as they are at present" in content
    assert "0 of " in page(operator, "/bots/door/compare/?with=door")


@pytest.mark.parametrize("name", ["bots:revisions", "bots:effective", "bots:compare"])
def test_pages_make_the_agreed_number_of_queries(
    name: str, operator: Client, bot: Bot, repository: Path
) -> None:
    for number in range(30):
        change("door", "", {"userNoInputTimeoutMS": number})
    query = "?with=retail" if name == "bots:compare" else ""
    with CaptureQueriesContext(connection) as queries:
        page(operator, reverse(name, args=["door"]) + query)
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert {name: len(queries)} == {name: agreed.get(name)}
