"""The pages of providers, as people of each role meet them."""

import json
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from pytest_django import DjangoAssertNumQueries
from pytest_django.fixtures import Settings

from bots.core import figures, registry
from bots.models import AuditEvent, Bot, Provider
from bots.services import bot_create, provider_create, provider_update
from bots.workers.pool import close_pools
from tests.bots.views.provider_stage import operator, page, script, tones, wrong
from tests.worlds import World, browser, with_role

__all__ = ["operator", "script", "tones", "wrong"]

pytestmark = pytest.mark.django_db

# --- the list -------------------------------------------------------------------------------------


def test_an_empty_list_says_what_a_provider_is(operator: Client) -> None:
    assert "No provider yet" in page(operator)


def test_the_list_tells_how_each_provider_is_doing(
    operator: Client, script: Provider, wrong: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = bot_create(name="base", author="anna", is_base=True, provider=script)
    bot_create(name="demo", author="anna", base=base)
    monkeypatch.setattr(figures, "_fault_sources", [lambda: {"rehearse": 17}])
    operator.post("/providers/rehearse/test/")
    shown = page(operator)
    for words in ("Bot framework", "Rehearsal of failures", "none needed", "never tested"):
        assert words in shown
    assert "The service does not accept the credentials." in shown
    assert ">17</td>" in shown
    assert 'data-label="Bots">2</td>' in shown


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("", {"script", "rehearse", "open"}),
        ("kind=tts", {"rehearse", "open"}),
        ("plugin=script", {"script"}),
        ("q=HEAR", {"rehearse"}),
        ("state=failed", {"rehearse"}),
        ("state=passed", set()),
        ("state=untested", {"script", "open"}),
        ("state=credentials", {"open"}),
        ("state=unused", {"rehearse", "open"}),
        ("state=credentials&kind=bot", set()),
        ("kind=nonsense", {"script", "rehearse", "open"}),
    ],
)
def test_the_query_narrows_the_list(
    operator: Client, script: Provider, wrong: Provider, query: str, names: set[str]
) -> None:
    bot_create(name="demo", author="anna", provider=script)
    provider_create(name="open", kind="tts", plugin="rehearsal")
    operator.post("/providers/rehearse/test/")
    shown = page(operator, f"/providers/?{query}")
    found = {
        name for name in ("script", "rehearse", "open") if f'href="/providers/{name}/"' in shown
    }
    assert found == names
    assert ("No provider matches" in shown) == (not names)


def test_a_plug_in_that_is_gone_is_told(
    operator: Client, script: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    Provider.objects.update(plugin="acme")
    monkeypatch.setattr(registry, "broken", {"bots.connectors.acme": "ImportError: no acme"})
    shown = page(operator)
    assert "acme is not installed" in shown
    assert "The plug-in bots.connectors.acme could not be loaded: ImportError: no acme" in shown
    assert "The plug-in acme is not installed here." in page(operator, "/providers/script/")
    assert "is not installed here" in page(operator, "/providers/script/parameters/")
    answer = operator.post("/providers/script/test/").content.decode()
    assert "no bot plug-in named" in answer


def test_the_list_takes_as_many_queries_however_many_providers(
    operator: Client, repository: Path, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        provider = provider_create(name=f"script-{number}", kind="bot", plugin="script")
        bot_create(name=f"bot-{number}", author="anna", provider=provider)
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    with django_assert_num_queries(agreed["providers:list"]):
        page(operator)


# --- creating and deleting ------------------------------------------------------------------------


def test_a_provider_is_made_from_a_card(operator: Client) -> None:
    cards = page(operator, "/providers/new/")
    assert "A synthesiser that fails on purpose" in cards
    assert "takes credentials" in cards
    address = "/providers/new/?kind=tts&plugin=rehearsal"
    assert 'value="rehearsal-1"' in page(operator, address)
    answer = operator.post(address, {"name": "rehearsal-1"}, follow=True)
    assert answer.redirect_chain == [("/providers/rehearsal-1/", 302)]
    assert "Give it its credentials, then test it." in answer.content.decode()
    assert 'value="rehearsal-2"' in page(operator, address)
    taken = operator.post(address, {"name": "rehearsal-1"})
    assert taken.status_code == 422
    assert "already exists" in taken.content.decode()
    assert operator.post(address, {"name": "Not A Name"}).status_code == 422


def test_a_card_that_is_not_there_leads_to_the_cards(operator: Client) -> None:
    assert "What should the provider do" in page(operator, "/providers/new/?kind=tts&plugin=x")


def test_a_used_provider_stays(operator: Client, script: Provider) -> None:
    bot_create(name="demo", author="anna", provider=script)
    assert "script is in use" in page(operator, "/providers/script/")
    answer = operator.post("/providers/script/delete/", follow=True)
    assert "script is used by demo" in answer.content.decode()
    assert Provider.objects.exists()


def test_an_unused_provider_goes(operator: Client, script: Provider) -> None:
    answer = operator.post("/providers/script/delete/", follow=True)
    assert "script is gone." in answer.content.decode()
    assert not Provider.objects.exists()


# --- one provider ---------------------------------------------------------------------------------


def test_the_users_of_a_provider_are_listed_with_the_way_they_came_to_it(
    world: World, script: Provider
) -> None:
    base = bot_create(name="base", author="anna", is_base=True, provider=script)
    heir = bot_create(name="heir", author="anna", base=base)
    bot_create(name="own", author="anna", provider=script)
    shown = page(browser(world.people["viewer"]), "/providers/script/")
    assert "through base base" in shown
    assert "by this base bot" in shown
    assert "by the bot itself" in shown
    scoped = page(browser(with_role("viewer", name="scoped", bots=[heir])), "/providers/script/")
    assert "and 1 that you do not see" in scoped
    assert "by the bot itself" not in scoped


def test_a_test_shows_its_steps_and_is_kept_and_audited(operator: Client, wrong: Provider) -> None:
    answer = operator.post("/providers/rehearse/test/", {"language": "en-GB"})
    shown = " ".join(answer.content.decode().split())
    assert "The service does not accept the credentials." in shown
    assert "the key is not accepted" in shown
    assert "Wait for the first audio" in shown
    stored = Provider.objects.get()
    assert stored.tested_at is not None
    assert stored.revision == 1
    assert stored.test_result is not None
    assert stored.test_result["fault"] == "authentication"
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.actor, event.title) == ("provider.tested", "operator", "rehearse")
    assert event.after == {
        "ok": False,
        "fault": "authentication",
        "detail": "the key is not accepted",
    }
    assert "the key is not accepted" in page(operator, "/providers/rehearse/")


def test_what_a_synthesiser_said_can_be_played_by_who_asked(
    world: World, operator: Client, wrong: Provider
) -> None:
    provider_update(provider=wrong, expected_revision=1, credentials={})
    shown = operator.post("/providers/rehearse/test/").content.decode()
    assert "said “Good morning.”" in shown
    address = shown.partition('src="')[2].partition('"')[0]
    answer = operator.get(address)
    assert (answer.status_code, answer.content[:4]) == (200, b"RIFF")
    assert answer.headers["Content-Type"] == "audio/wav"
    assert browser(world.admin).get(address).status_code == 404
    assert operator.get("/providers/-/audio/guessed/").status_code == 404


def test_a_parameter_or_a_secret_that_cannot_be_read_is_told_by_the_test(
    operator: Client, wrong: Provider, settings: Settings
) -> None:
    Provider.objects.update(params={"rehearsalTtsFault": "sometimes"})
    assert (
        "rehearsalTtsFault: must be" in operator.post("/providers/rehearse/test/").content.decode()
    )
    settings.FIELD_KEYS = ("x0Xa4PnMgZbN3vSkb0XWAqh8M8ZXU0VO2n0p2Y4j0vE=",)
    Provider.objects.update(params={"sendMetaDataPassword": {"$secret": "gAAAA"}})
    shown = operator.post("/providers/rehearse/test/").content.decode()
    assert "cannot be decrypted" in shown
    Provider.objects.update(params={})
    shown = operator.post("/providers/rehearse/test/").content.decode()
    assert "A credential cannot be opened, so the service was not asked." in shown
    assert "unreadable" in page(operator, "/providers/rehearse/")


# --- the check of a bot ---------------------------------------------------------------------------


def rehearsing_bot() -> User:
    """Bot demo, whose synthesiser has a wrong key, and somebody who may try it."""
    script = provider_create(name="script", kind="bot", plugin="script")
    tts = provider_create(
        name="rehearse",
        kind="tts",
        plugin="rehearsal",
        params={"rehearsalTtsPlugin": "tones"},
        credentials={"rehearsalKey": "guessed"},
    )
    line = provider_create(name="sandbox", kind="carrier", plugin="sandbox")
    bot_create(name="demo", author="anna", provider=script, tts_provider=tts, carrier_provider=line)
    return with_role("operator")


def speechless_bot() -> User:
    script = provider_create(name="script", kind="bot", plugin="script")
    bot_create(name="mute", author="anna", provider=script)
    return with_role("operator")


@pytest.mark.speech
@pytest.mark.django_db(transaction=True)
async def test_a_bot_is_checked_in_all_its_parts() -> None:
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(rehearsing_bot)())
    try:
        answer = await client.post("/providers/-/check/demo/")
    finally:
        await close_pools()
    shown = " ".join(answer.content.decode().split())
    assert "A call would fail" in shown
    assert "Nothing has been set up for this number yet" in shown
    assert "speech noticed at" in shown
    assert "This carrier has nothing to test" in shown
    assert "the key is not accepted" in shown
    assert 'href="/providers/rehearse/"' in shown
    event = await AuditEvent.objects.alatest("pk")
    key = str((await Bot.objects.aget(name="demo")).pk)
    assert (event.action, event.kind, event.target) == ("provider.tested", "bot", key)
    assert event.after == {"ok": False, "detail": "tts: the key is not accepted"}


@pytest.mark.django_db(transaction=True)
async def test_a_bot_that_callers_cannot_talk_to_is_no_bot_in_order() -> None:
    client = AsyncClient()
    await client.aforce_login(await sync_to_async(speechless_bot)())
    answer = await client.post("/providers/-/check/mute/")
    shown = answer.content.decode()
    assert "Only text chats would work" in shown
    assert "in order" not in shown


def test_a_bot_that_is_not_configured_says_so_at_its_check(
    operator: Client, script: Provider
) -> None:
    bot = bot_create(name="demo", author="anna", provider=script, enabled=False)
    assert "takes no calls" in operator.post("/providers/-/check/demo/").content.decode()
    Bot.objects.filter(pk=bot.pk).update(enabled=True, params={"nonsense": 1})
    assert "is not a parameter" in operator.post("/providers/-/check/demo/").content.decode()


def test_only_reached_bots_are_checked(world: World, script: Provider) -> None:
    bot = bot_create(name="demo", author="anna", provider=script, enabled=False)
    bot_create(name="other", author="anna", provider=script)
    scoped = browser(with_role("operator", name="scoped", bots=[bot]))
    assert scoped.post("/providers/-/check/demo/").status_code == 200
    assert scoped.post("/providers/-/check/other/").status_code == 404
    assert browser(world.people["viewer"]).post("/providers/-/check/demo/").status_code == 403


def test_a_base_bot_has_no_connections_of_its_own(operator: Client, script: Provider) -> None:
    bot_create(name="base", author="anna", is_base=True, provider=script)
    assert operator.post("/providers/-/check/base/").status_code == 403


# --- roles ----------------------------------------------------------------------------------------


def test_who_may_only_look_changes_nothing(world: World, wrong: Provider) -> None:
    viewer = browser(world.people["viewer"])
    shown = page(viewer, "/providers/rehearse/")
    assert "Needs the role Operator or Administrator." in shown
    assert "You can look, not change." in page(viewer, "/providers/rehearse/parameters/")
    for address in ("test/", "delete/", "parameters/save/", "credentials/"):
        assert viewer.post(f"/providers/rehearse/{address}").status_code == 403
    assert viewer.get("/providers/new/").status_code == 403


def test_who_reaches_some_bots_only_does_not_change_what_all_share(
    script: Provider, wrong: Provider
) -> None:
    bot = bot_create(name="demo", author="anna", provider=script)
    scoped = browser(with_role("operator", name="scoped", bots=[bot]))
    assert "Needs a role that reaches all bots" in page(scoped, "/providers/rehearse/")
    for address in ("test/", "delete/", "parameters/save/"):
        assert scoped.post(f"/providers/rehearse/{address}").status_code == 403
    assert scoped.get("/providers/new/").status_code == 403


def test_what_is_not_there_is_not_found(operator: Client) -> None:
    for address in ("", "parameters/"):
        assert operator.get(f"/providers/nobody/{address}").status_code == 404
    assert operator.post("/providers/nobody/test/").status_code == 404
