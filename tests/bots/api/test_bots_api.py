"""Bots by REST: what is shown, what a change does, and who is told no."""

import re
from typing import Any

import pytest
from django.contrib.auth.models import User

from bots.core.params.resolve import MASK
from bots.models import AuditEvent, Bot, BotRevision, Provider
from bots.selectors import call_configuration
from bots.services import bot_update, provider_create
from tests.bots.api.conftest import READ, WRITE, Api, MakeApi
from tests.worlds import browser

pytestmark = pytest.mark.django_db


def problem(response: Any, status: int) -> dict[str, Any]:
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    return body


def wrong(response: Any) -> dict[str, str]:
    return {each["field"]: each["message"] for each in problem(response, 422)["errors"]}


# --- reading --------------------------------------------------------------------------------------


def test_a_bot_is_shown_with_its_own_values_and_without_secrets(api: Api, retail: Bot) -> None:
    response = api.get("/bots/retail")
    assert response["ETag"] == '"1"'
    assert response["Cache-Control"] == "no-store"
    shown = response.json()
    assert shown["params"] == {"welcomeMessage": "Hello", "sendMetaDataPassword": MASK}
    assert (shown["base"], shown["provider"], shown["revision"]) == ("base", None, 1)
    assert shown.keys() >= {"displayName", "isBase", "sttProvider", "carrierProvider", "updatedAt"}


def test_who_has_a_bot_already_gets_nothing_again(api: Api, retail: Bot) -> None:
    again = api.get("/bots/retail", If_None_Match='"1"')
    assert (again.status_code, again.content) == (304, b"")
    assert api.get("/bots/retail", If_None_Match='"2"').status_code == 200


def test_a_list_is_read_page_by_page(api: Api, retail: Bot, travel: Bot) -> None:
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = api.get(f"/bots?limit=1&after={after}").json()
        seen += [bot["name"] for bot in page["items"]]
        after = page["next"]
    assert seen == ["base", "retail", "travel"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("base=base", ["retail", "travel"]),
        ("provider=script", ["base", "retail", "travel"]),
        ("provider=unknown", []),
        ("enabled=false", ["travel"]),
        ("text=RETA", ["retail"]),
        ("text=a&enabled=true", ["base", "retail"]),
    ],
)
def test_a_list_is_narrowed(
    api: Api, retail: Bot, travel: Bot, query: str, names: list[str]
) -> None:
    bot_update(bot=travel, expected_revision=1, author="test", enabled=False)
    items = api.get(f"/bots?{query}").json()["items"]
    assert [bot["name"] for bot in items] == names


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=201", "limit=1_0", "limit=x", "enabled=yes", "after=x"]
)
def test_a_wrong_query_is_told_by_name(api: Api, query: str) -> None:
    assert list(wrong(api.get(f"/bots?{query}"))) == [query.partition("=")[0]]


def test_effective_values_tell_where_they_come_from(api: Api, retail: Bot) -> None:
    response = api.get("/bots/retail/effective")
    shown = response.json()
    values = {each["name"]: each for each in shown["parameters"]}
    assert values["language"]["origin"] == {"place": "base", "name": "base"}
    assert values["language"]["value"] == "en-GB"
    assert values["welcomeMessage"]["origin"]["place"] == "bot"
    assert values["sendMetaDataPassword"]["value"] == MASK
    assert values["bargeIn"]["set"] is False
    assert shown["lineage"] == ["base"]
    assert api.get("/bots/retail/effective", If_None_Match=response["ETag"]).status_code == 304


# --- changing -------------------------------------------------------------------------------------


def test_a_patch_changes_what_it_names_and_the_next_call_uses_it(api: Api, retail: Bot) -> None:
    patch = {"params": {"welcomeMessage": None, "language": "de-DE"}, "message": "In German"}
    response = api.ask("PATCH", "/bots/retail", patch, match=1)
    assert (response.status_code, response["ETag"]) == (200, '"2"')
    assert response.json()["params"] == {"language": "de-DE", "sendMetaDataPassword": MASK}
    configuration = call_configuration("retail")
    assert configuration.revision == 2
    assert configuration.resolved.chain("language")[-1][1] == "de-DE"
    revision = BotRevision.objects.get(bot=retail, number=2)
    assert (revision.author, revision.message) == ("client crm", "In German")
    assert AuditEvent.objects.filter(actor="client crm", action="bot.changed").exists()


def test_the_mask_leaves_a_secret_as_it_is(api: Api, retail: Bot) -> None:
    kept = retail.params["sendMetaDataPassword"]
    given = {"base": "base", "params": {"sendMetaDataPassword": MASK}}
    assert api.ask("PUT", "/bots/retail", given, match=1).status_code == 200
    retail.refresh_from_db()
    assert retail.params == {"sendMetaDataPassword": kept}
    assert retail.display_name == "", "what a replacement leaves out has its default"


def test_a_patch_without_parameters_leaves_them_alone(api: Api, retail: Bot) -> None:
    response = api.ask("PATCH", "/bots/retail", {"enabled": False}, match="*")
    assert response.json()["enabled"] is False
    assert len(response.json()["params"]) == 2


def test_every_wrong_field_is_told_at_once(api: Api, retail: Bot) -> None:
    told = wrong(
        api.ask("PUT", "/bots/retail", {"displayName": 5, "isBase": "yes", "x": 1}, match=1)
    )
    assert told.keys() == {"displayName", "isBase", "x"}
    told = wrong(
        api.ask("PUT", "/bots/retail", {"base": "nobody", "sttProvider": "script"}, match=1)
    )
    assert told.keys() == {"base", "sttProvider"}
    told = wrong(
        api.ask(
            "PUT",
            "/bots/retail",
            {"base": "base", "accessMode": "token", "params": {"lnguage": "de", "bargeIn": 5}},
            match=1,
        )
    )
    assert told.keys() == {"accessMode", "lnguage", "bargeIn"}
    assert "did you mean language?" in told["lnguage"]


def test_a_dry_run_tells_what_would_change_for_whom_and_changes_nothing(
    api: Api, base: Bot, retail: Bot, travel: Bot
) -> None:
    patch = {"params": {"language": "fr-FR"}}
    shown = api.ask("PATCH", "/bots/base?dryRun=true", patch, match=1).json()
    assert shown["effective"] == [
        {"name": "language", "before": "en-GB", "after": "fr-FR", "origin": "base bot base"}
    ]
    assert [bot["name"] for bot in shown["bots"]] == ["retail", "travel"]
    assert shown["problems"] == {}
    base.refresh_from_db()
    assert base.revision == 1
    broken = api.ask("PUT", "/bots/base?dryRun=true", {"isBase": True}, match=1).json()
    assert "retail.provider" in broken["problems"]


def test_a_change_needs_the_tag_and_of_two_one_wins(api: Api, retail: Bot) -> None:
    problem(api.ask("PATCH", "/bots/retail", {"enabled": False}), 428)
    first = api.ask("PATCH", "/bots/retail", {"displayName": "One"}, match=1)
    second = api.ask("PATCH", "/bots/retail", {"displayName": "Two"}, match=1)
    assert first.status_code == 200
    assert problem(second, 412)["error"] == "stale_revision"
    assert second["ETag"] == '"2"'
    assert Bot.objects.get(name="retail").display_name == "One"


def test_console_and_api_change_the_same_bot_one_after_the_other(
    api: Api, retail: Bot, admin_user: User
) -> None:
    console = browser(admin_user)
    page = console.post("/bots/retail/pause/", {"do": "pause"})
    assert page.status_code == 302
    problem(api.ask("PATCH", "/bots/retail", {"displayName": "Late"}, match=1), 412)
    tag = api.get("/bots/retail")["ETag"]
    answer = api.ask("PATCH", "/bots/retail", {"enabled": True}, match=tag)
    assert answer.json()["revision"] == 3
    authors = list(retail.revisions.order_by("number").values_list("author", flat=True))
    assert authors == ["test", "admin", "client crm"]


# --- creating, cloning, deleting ------------------------------------------------------------------


def test_a_bot_is_created_where_the_answer_says(api: Api, base: Bot) -> None:
    response = api.ask("POST", "/bots", {"name": "new", "base": "base", "message": "First"})
    assert (response.status_code, response["ETag"]) == (201, '"1"')
    assert response["Location"] == "/api/v1/bots/new"
    assert Bot.objects.get(name="new").base == base
    assert wrong(api.ask("POST", "/bots", {"name": "new", "base": "base"})).keys() == {"name"}
    assert wrong(api.ask("POST", "/bots", {"name": "Not a slug"})).keys() == {"name"}


def test_a_clone_does_the_same_under_another_name(api: Api, retail: Bot) -> None:
    response = api.ask("POST", "/bots/retail/clone", {"name": "copy", "standalone": True})
    assert response.status_code == 201
    shown = response.json()
    assert (shown["base"], shown["provider"]) == (None, "script")
    assert shown["params"]["language"] == "en-GB"
    assert MASK in shown["params"].values()


def test_a_bot_in_use_is_not_deleted_and_one_without_use_is(
    api: Api, base: Bot, retail: Bot
) -> None:
    told = problem(api.ask("DELETE", "/bots/base", match=1), 409)
    assert told["error"] == "in_use"
    assert [each["field"] for each in told["errors"]] == ["heirs"]
    assert api.ask("DELETE", "/bots/retail", match=1).status_code == 204
    problem(api.get("/bots/retail"), 404)
    problem(api.ask("DELETE", "/bots/retail", match=1), 404)


# --- revisions ------------------------------------------------------------------------------------


def test_revisions_tell_what_changed_and_can_be_restored(api: Api, retail: Bot) -> None:
    api.ask("PATCH", "/bots/retail", {"params": {"welcomeMessage": "Bye"}}, match=1)
    listed = api.get("/bots/retail/revisions?limit=1").json()
    assert listed["items"][0]["parameters"] == [
        {"name": "welcomeMessage", "before": "Hello", "after": "Bye"}
    ]
    older = api.get(f"/bots/retail/revisions?after={listed['next']}").json()
    assert [each["number"] for each in older["items"]] == [1]
    then = api.get("/bots/retail/revisions/1").json()
    assert then["bot"]["params"] == {"welcomeMessage": "Hello", "sendMetaDataPassword": MASK}
    assert then["bot"]["displayName"] == "Retail"
    restored = api.ask("POST", "/bots/retail/revisions/1/restore", match=2)
    assert (restored.status_code, restored["ETag"]) == (200, '"3"')
    assert restored.json()["params"]["welcomeMessage"] == "Hello"
    problem(api.ask("POST", "/bots/retail/revisions/9/restore", match=3), 404)
    problem(api.get("/bots/retail/revisions/9"), 404)


def test_what_a_revision_refers_to_may_be_gone(api: Api, retail: Bot, script: Provider) -> None:
    other = provider_create(name="other", kind="bot", plugin="script")
    bot_update(bot=retail, expected_revision=1, author="test", provider=other)
    retail.refresh_from_db()
    bot_update(bot=retail, expected_revision=2, author="test", provider=None)
    other.delete()
    told = wrong(api.ask("POST", "/bots/retail/revisions/2/restore", match=3))
    assert told.keys() == {"provider"}


# --- reach ----------------------------------------------------------------------------------------


def test_a_client_of_one_bot_sees_no_other(make_api: MakeApi, retail: Bot, travel: Bot) -> None:
    narrow = make_api(READ, WRITE, bots=["retail"])
    assert [bot["name"] for bot in narrow.get("/bots").json()["items"]] == ["base", "retail"]
    for method, path in (
        ("GET", "/bots/travel"),
        ("GET", "/bots/travel/effective"),
        ("GET", "/bots/travel/revisions"),
        ("GET", "/bots/travel/revisions/1"),
        ("PUT", "/bots/travel"),
        ("PATCH", "/bots/travel"),
        ("DELETE", "/bots/travel"),
        ("POST", "/bots/travel/revisions/1/restore"),
    ):
        body: dict[str, Any] | None = {} if method in ("PUT", "PATCH") else None
        beyond = problem(narrow.ask(method, path, body, match=1), 404)
        nothing = problem(narrow.ask(method, path.replace("travel", "nil"), body, match=1), 404)
        assert beyond == nothing, "what is beyond one's reach is as if it did not exist"
    clone = narrow.ask("POST", "/bots/travel/clone", {"name": "mine"})
    problem(clone, 404)


def test_a_client_of_one_bot_changes_that_and_nothing_that_others_share(
    make_api: MakeApi, retail: Bot
) -> None:
    narrow = make_api(READ, WRITE, bots=["retail"])
    mine = narrow.ask("PATCH", "/bots/retail", {"displayName": "Mine"}, match=1)
    assert mine.status_code == 200
    for method, path, body in (
        ("PATCH", "/bots/base", {"displayName": "Mine"}),
        ("DELETE", "/bots/base", None),
        ("POST", "/bots", {"name": "more"}),
        ("POST", "/bots/retail/clone", {"name": "more"}),
        ("PATCH", "/bots/retail", {"isBase": True}),
        ("PUT", "/bots/retail", {"isBase": True}),
        ("PATCH", "/bots/retail?dryRun=true", {"isBase": True}),
    ):
        told = problem(narrow.ask(method, path, body, match="*"), 403)
        assert told["error"] == "not_within_reach"
        assert re.search("reaches all bots", told["detail"])


def test_nul_and_other_texts_that_nobody_can_keep_are_refused(api: Api, retail: Bot) -> None:
    problem(api.get("/bots/%00"), 400)
    problem(api.get("/bots?text=%00"), 400)
    problem(api.ask("PATCH", "/bots/retail", {"displayName": "\0"}, match=1), 400)
    problem(api.ask("PATCH", "/bots/retail", {"displayName": "\ud800"}, match=1), 400)
