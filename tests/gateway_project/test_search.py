"""The search finds what a person may see, and nothing else."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alarms import board
from bots.models import Bot, Provider, Route
from bots.people import person
from calls.models import Call
from gateway_project.search import FULL, found
from tests.alarms.raising import raised
from tests.calls.conftest import NOON
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture
def retail(world: World) -> Bot:
    """The bot ``retail`` with all there is around it, and the bot ``other``."""
    base = Bot.objects.create(name="retail-base", is_base=True)
    bot = Bot.objects.create(
        name="retail", display_name="Shop line", base=base, params={"bargeIn": True}
    )
    other = Bot.objects.create(name="other", params={"bargeIn": False})
    Provider.objects.create(name="retail-ears", kind="vad", plugin="webrtc")
    Route.objects.create(pattern="+15550100", bot=bot, note="Shop")
    Route.objects.create(pattern="+15550199", bot=other)
    for number, to in enumerate((bot, other)):
        Call.objects.create(
            conversation_id=f"conversation-{number}",
            channel="audiocodes",
            mode="voice",
            bot=to,
            bot_name=to.name,
            bot_revision=1,
            owner="web-1",
            started_at=NOON,
            caller=f"+49151234{number}",
        )
    return bot


def titles(user: object, text: str) -> set[str]:
    results = found(person(user), text, FULL)  # type: ignore[arg-type]  # a User
    return {result.title for kind in results for result in kind.results}


def test_each_kind_is_found_by_name_or_number(world: World, retail: Bot) -> None:
    admin = world.admin
    assert titles(admin, "RETAIL") == {"retail", "retail-base", "retail-ears"}
    assert titles(admin, "shop") == {"retail", "+15550100"}
    assert titles(admin, "bargeIn") >= {"bargeIn"}
    assert titles(admin, "barge in") == titles(admin, "bargein")
    assert titles(admin, "audit") == {"Audit log"}
    assert titles(admin, "newcom") == {"newcomer"}
    assert titles(admin, "+49 151-234") == {"+491512340 → unknown", "+491512341 → unknown"}
    assert titles(admin, "conversation-1") == {"+491512341 → unknown"}
    call = Call.objects.get(caller="+491512340")
    assert titles(admin, str(call.pk)) == {"+491512340 → unknown"}
    assert titles(admin, "no such thing") == set()


def test_a_parameter_leads_to_a_bot_that_sets_it(world: World, retail: Bot) -> None:
    kinds = {str(kind.title): kind.results for kind in found(person(world.admin), "bargeIn", FULL)}
    [result] = [each for each in kinds["Parameters"] if each.title == "bargeIn"]
    assert (result.note, result.url) == ("set by other, retail", "/bots/other/?q=bargeIn")


def test_nobody_finds_what_they_may_not_see(world: World, retail: Bot) -> None:
    scoped = with_role("administrator", name="scoped", bots=[retail])
    assert "other" not in titles(scoped, "other")
    assert titles(scoped, "+155501") == {"+15550100"}
    assert titles(scoped, "+49151") == {"+491512340 → unknown"}
    [bar] = [
        result
        for kind in found(person(scoped), "bargeIn", FULL)
        for result in kind.results
        if result.title == "bargeIn"
    ]
    assert bar.note == "set by retail"
    assert titles(world.newcomer, "retail") == set()
    assert titles(world.people["operator"], "newcom") == set()
    assert titles(world.people["operator"], "people") == set()
    assert titles(world.people["account-manager"], "+49151") == set()


def test_more_than_fits_is_told(world: World) -> None:
    for number in range(30):
        Bot.objects.create(name=f"retail-{number}")
    [kind] = found(person(world.admin), "retail", 4)
    assert (len(kind.results), kind.more) == (4, True)
    assert not found(person(world.admin), "retail-29", 4)[0].more


def test_the_pages_show_results_as_text(world: World, retail: Bot) -> None:
    client = browser(world.admin)
    Bot.objects.filter(name="other").update(display_name="<script>")
    for url in ("/search/?q=other", "/search/quick/?q=other"):
        content = client.get(url).content.decode()
        assert "&lt;script&gt;" in content
        assert 'href="/bots/other/"' in content
    assert "<html" not in client.get("/search/quick/?q=other").content.decode()
    assert "at least two characters" in client.get("/search/?q=o").content.decode()
    assert client.get("/search/quick/?q=o").content.decode().strip() == ""
    nothing = client.get("/search/?q=%3Cb%3Ezzz").content.decode()
    assert "matches “&lt;b&gt;zzz”" in nothing


def test_a_search_makes_the_agreed_number_of_queries(
    world: World, retail: Bot, repository: Path
) -> None:
    client = browser(world.admin)
    client.get("/search/?q=retail")
    with CaptureQueriesContext(connection) as queries:
        client.get("/search/?q=retail")
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert {"search": len(queries)} == {"search": agreed["search"]}


def test_alarms_are_found_by_title_source_and_id_and_their_types(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(board.BOARD, "_snapshot", board.Snapshot())
    alarm = raised(name="azure-1")
    board.refresh()
    viewer = person(world.people["viewer"])

    def urls(text: str) -> list[str]:
        return [
            result.url
            for kind in found(viewer, text, FULL)
            if kind.title == "Alarms"
            for result in kind.results
        ]

    story, runbook = f"/alarms/{alarm.alarm_id}/", "/alarms/types/sttProviderFailure/"
    assert urls("azure-1") == [story]
    assert urls(str(alarm.alarm_id)) == [story]
    assert urls("speech recognition fails")[:2] == [story, runbook]
    assert urls("sttProviderFail") == [story, runbook]
    assert found(person(world.newcomer), "azure-1", FULL) == []
