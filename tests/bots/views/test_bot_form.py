"""The form of a bot: what it shows, what a review says, what is stored, what two people do."""

from typing import Any

import pytest
from django.test import Client

from bots.guards import CONFIRMED_AT
from bots.models import ApiClient, Bot, Provider
from bots.selectors import call_configuration
from bots.services import api_client_create, bot_create, bot_update, provider_create
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]

HOSTILE = "<script>alert(1)</script>"


@pytest.fixture
def base(plugins: None, db: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(
        name="retail",
        author="ann",
        is_base=True,
        provider=echo,
        params={"language": "de-DE", "echoGreeting": HOSTILE},
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(
        name="door",
        author="ann",
        base=base,
        params={"userNoInputTimeoutMS": 4000, "echoPin": "canary", "sttContextPhrases": ["x", "y"]},
    )


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def row(shown: str, name: str) -> str:
    start = shown.index(f'id="row-{name}"')
    return shown[start : shown.index('data-act="revert"', start)]


def send(client: Client, what: str, bot: Bot, **fields: Any) -> Any:
    """The form with only the fields that matter; parameters as ``p_name``."""
    keys = {"p_": "p.", "s_": "s."}
    sent = {
        keys.get(key[:2], "") + (key[2:] if key[:2] in keys else key): v
        for key, v in fields.items()
    }
    return client.post(f"/bots/{bot.name}/{what}/", {"revision": bot.revision, "rows": "1"} | sent)


def text(response: Any, status: int = 200) -> str:
    assert response.status_code == status, response.content[:300]
    return " ".join(response.content.decode().split())


# --- what is shown --------------------------------------------------------------------------------


def test_each_parameter_says_where_its_value_comes_from(operator: Client, bot: Bot) -> None:
    shown = page(operator, "/bots/door/")
    own, inherited = row(shown, "userNoInputTimeoutMS"), row(shown, "language")
    assert 'data-kind="own"' in own
    assert "this bot" in own
    assert 'value="4000"' in own
    assert "disabled" not in own
    assert 'data-kind="base_bot"' in inherited
    assert "base retail" in inherited
    assert 'value="de-DE"' in inherited
    assert "disabled" in inherited
    assert 'data-kind="default"' in row(shown, "bargeIn")
    assert "3 of" in shown
    assert "not acting yet: needs a SIP voice channel" in row(shown, "waitForMedia")
    assert "bot may set" in inherited


def test_texts_of_others_are_shown_as_text_and_secrets_not_at_all(
    operator: Client, bot: Bot
) -> None:
    for url in ("/bots/door/", "/bots/retail/", "/bots/door/json/"):
        shown = page(operator, url)
        assert HOSTILE not in shown
        assert "canary" not in shown
        assert "$secret" not in shown
    assert "Set; keep it" in row(page(operator, "/bots/door/"), "echoPin")


def test_a_bot_that_does_not_work_says_why_where_it_is_wrong(operator: Client, bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(params={"userNoInputTimeoutMS": -1, "gone": [1]})
    shown = page(operator, "/bots/door/")
    assert "Calls to this bot are refused" in shown
    assert "must be between 0 and 600000 ms" in row(shown, "userNoInputTimeoutMS")
    assert "No plug-in that is loaded knows this parameter." in shown
    wall = bot_create(name="wall", author="ann", provider=Provider.objects.get(name="echo"))
    Bot.objects.filter(pk=bot.pk).update(base=wall)
    assert "not a base bot" in page(operator, "/bots/door/")


def test_people_who_may_not_change_it_see_it_read_only(world: World, bot: Bot) -> None:
    viewer = browser(world.people["viewer"])
    shown = page(viewer, "/bots/door/")
    assert "You can look, not change. Needs the role Operator or Administrator." in shown
    assert "data-act" not in shown
    assert "readonly" in page(viewer, "/bots/door/json/")
    assert send(viewer, "review", bot).status_code == 403
    assert send(viewer, "save", bot, display_name="Mine").status_code == 403
    assert not Bot.objects.get(pk=bot.pk).display_name


def test_a_limited_operator_changes_own_bots_only(bot: Bot, base: Bot) -> None:
    bot_create(name="other", author="ann", base=base)
    otto = browser(with_role("operator", name="otto", bots=[bot]))
    assert send(otto, "save", bot, display_name="Mine").status_code == 204
    assert page(otto, "/bots/retail/").count("Needs a role that reaches all bots") > 0
    assert send(otto, "save", base, display_name="Mine").status_code == 403
    assert otto.get("/bots/other/").status_code == 404
    assert otto.post("/bots/other/save/").status_code == 404
    assert otto.post("/bots/-/new/", {"name": "mine"}).status_code == 403
    assert otto.post("/bots/door/clone/", {"name": "mine"}).status_code == 403


def test_the_rows_follow_the_base_and_providers_that_are_chosen(operator: Client, bot: Bot) -> None:
    ear = provider_create(name="ear", kind="stt", plugin="ear", params={"earModel": "studio"})
    shown = text(
        send(operator, "parameters", bot, base="", stt_provider=ear.name, p_voiceName="kal")
    )
    assert 'value="studio"' in row(shown, "earModel")
    assert "provider ear" in row(shown, "earModel")
    assert 'value="en-US"' in row(shown, "language")
    assert 'value="kal"' in row(shown, "voiceName")
    assert 'data-kind="own"' in row(shown, "voiceName")
    kept = text(send(operator, "parameters", bot, s_echoPin="set", p_echoPin="typed secret"))
    assert "typed secret" not in kept
    assert Bot.objects.get(pk=bot.pk).revision == 1


# --- review and save ------------------------------------------------------------------------------


def test_a_review_says_what_changes_for_whom(operator: Client, bot: Bot, base: Bot) -> None:
    bot_create(name="french", author="ann", base=base, params={"language": "fr-FR"})
    shown = text(send(operator, "review", base, p_language="en-GB", p_echoGreeting=HOSTILE))
    assert "2 bots inherit from retail" in shown
    assert "1 bot changes , 1 overrides it" in shown or "1 bot changes, 1 overrides it" in shown
    assert "<del>de-DE</del>" in shown
    assert "<ins>en-GB</ins>" in shown
    assert "Counts for new conversations only." in shown
    assert "echoGreeting" not in shown
    assert Bot.objects.get(pk=base.pk).revision == 1


def test_nothing_changed_is_nothing_to_save(operator: Client, bot: Bot) -> None:
    same = {"p_userNoInputTimeoutMS": "4000", "s_echoPin": "keep", "p_sttContextPhrases": "x\r\ny"}
    assert "Nothing differs from what is stored." in text(send(operator, "review", bot, **same))


def test_a_save_stores_what_is_overridden_and_nothing_else(operator: Client, bot: Bot) -> None:
    answer = send(
        operator,
        "save",
        bot,
        display_name="Front door",
        enabled="off",
        message=" Louder  please ",
        p_userNoInputTimeoutMS="7000",
        p_voiceName="",
        s_echoPin="keep",
    )
    assert answer.status_code == 204
    assert answer.headers["HX-Redirect"] == "/bots/door/"
    stored = Bot.objects.get(pk=bot.pk)
    assert (stored.display_name, stored.enabled, stored.base) == ("Front door", False, bot.base)
    assert stored.params == {
        "userNoInputTimeoutMS": 7000,
        "voiceName": "",
        "echoPin": bot.params["echoPin"],
    }
    last = stored.revisions.get(number=2)
    assert (last.author, last.message) == ("operator", "Louder please")
    assert "door is stored as revision 2" in page(operator, "/bots/door/")


def test_what_was_not_touched_is_kept_to_the_letter(operator: Client, bot: Bot) -> None:
    odd = {"sttContextPhrases": ["[odd", "x"], "welcomeMessage": "one\r\ntwo\rthree"}
    stored = bot_update(bot=bot, expected_revision=1, author="ann", params=odd)
    sent = {"p_sttContextPhrases": "[odd\r\nx", "p_welcomeMessage": "one\r\ntwo\r\nthree"}
    assert send(operator, "save", stored, **sent, display_name="Odd").status_code == 204
    assert Bot.objects.get(pk=bot.pk).params == odd


def test_a_bot_can_be_left_without_values_of_its_own(operator: Client, bot: Bot) -> None:
    assert send(operator, "save", bot).status_code == 204
    assert Bot.objects.get(pk=bot.pk).params == {}


def test_every_problem_is_named_at_its_row_and_nothing_is_stored(
    operator: Client, bot: Bot
) -> None:
    for what in ("review", "save"):
        answer = send(
            operator,
            what,
            bot,
            stt_provider="nowhere",
            p_userNoInputTimeoutMS="soon",
            p_initialActivity="{",
        )
        shown = text(answer)
        assert answer.headers["HX-Retarget"] == "#problems"
        assert "3 things keep this from being stored" in shown
        assert 'data-problem="userNoInputTimeoutMS"' in shown
        assert "must be a whole number" in shown
        assert 'data-problem="stt_provider"' in shown
        assert "is not JSON" in shown
    assert "between 0 and 600000" in text(
        send(operator, "review", bot, p_userNoInputTimeoutMS="-1")
    )
    assert "at most 200" in text(send(operator, "save", bot, message="x" * 201))
    assert Bot.objects.get(pk=bot.pk).revision == 1


def test_a_problem_of_an_heir_leads_to_the_heir(operator: Client, bot: Bot, base: Bot) -> None:
    ear = provider_create(name="ear", kind="stt", plugin="ear")
    bot_update(
        bot=bot, expected_revision=1, author="ann", stt_provider=ear, params={"earWaitMS": 400}
    )
    sent = {"stt_provider": "ear", "p_earLimitMS": "300", "p_language": "de-DE"}
    shown = text(send(operator, "review", base, **sent))
    assert 'href="/bots/door/#row-Ear"' in shown
    assert "data-problem" not in shown


def test_a_secret_is_replaced_removed_or_kept(operator: Client, bot: Bot) -> None:
    def pin() -> str:
        found = call_configuration("door").connector.params.model_dump(by_alias=True)
        secret: str = found["echoPin"].get_secret_value()
        return secret

    def save(**fields: Any) -> Any:
        return send(operator, "save", Bot.objects.get(pk=bot.pk), **fields)

    assert pin() == "canary"
    assert save(s_echoPin="keep").status_code == 204
    assert pin() == "canary"
    assert save(s_echoPin="set", p_echoPin="other").status_code == 204
    assert pin() == "other"
    assert "type the secret" in text(save(s_echoPin="set", p_echoPin=""))
    assert "only the mask" in text(save(s_echoPin="set", p_echoPin="••••••"))
    assert save(s_echoPin="none").status_code == 204
    assert Bot.objects.get(pk=bot.pk).params == {"echoPin": ""}


def test_who_sets_a_secret_must_have_proved_who_they_are(operator: Client, bot: Bot) -> None:
    session = operator.session
    session[CONFIRMED_AT] = 0
    session.save()
    for what in ("review", "save"):
        shown = text(send(operator, what, bot, s_echoPin="set", p_echoPin="other"))
        assert "Confirm who you are first" in shown
    made = operator.post(
        "/bots/-/new/", {"name": "n", "rows": "1", "s.echoPin": "set", "p.echoPin": "x"}
    )
    assert "Confirm who you are first" in text(made)
    assert send(operator, "save", bot, s_echoPin="keep").status_code == 204


# --- raw JSON -------------------------------------------------------------------------------------


def raw(client: Client, what: str, bot: Bot, json: str) -> Any:
    return client.post(f"/bots/{bot.name}/{what}/", {"revision": bot.revision, "json": json})


def test_own_values_can_be_written_as_json(operator: Client, bot: Bot) -> None:
    assert "••••••" in page(operator, "/bots/door/json/")
    answer = raw(operator, "save", bot, '{"echoPin": "••••••", "bargeIn": true}')
    assert answer.headers["HX-Redirect"] == "/bots/door/json/"
    assert Bot.objects.get(pk=bot.pk).params == {"echoPin": bot.params["echoPin"], "bargeIn": True}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{", "is not JSON: "),
        ("[]", "must be an object of wire names and values"),
        ('{"bargein": true}', "is not a parameter; did you mean bargeIn?"),
        ('{"bargeIn": "x"}', "must be true or false"),
        ('{"echoPin": {"$secret": "x"}}', "is encrypted already"),
    ],
)
def test_json_that_is_wrong_is_refused(operator: Client, bot: Bot, written: str, said: str) -> None:
    assert said in text(raw(operator, "review", bot, written))
    assert Bot.objects.get(pk=bot.pk).revision == 1


# --- two people -----------------------------------------------------------------------------------


def test_who_was_slower_chooses_and_loses_nothing(operator: Client, bot: Bot) -> None:
    theirs = {**bot.params, "userNoInputTimeoutMS": 3000, "bargeIn": True}
    bot_update(bot=bot, expected_revision=1, author="bea", message="Faster", params=theirs)
    mine = {
        "display_name": "Door",
        "p_userNoInputTimeoutMS": "9000",
        "p_sttContextPhrases": "x\ny",
        "s_echoPin": "keep",
    }
    shown = text(send(operator, "save", bot, **mine))
    assert "door was changed meanwhile" in shown
    assert "bea has stored revision 2 since" in shown
    assert "both changed it" in shown
    assert 'name="choose.userNoInputTimeoutMS"' in shown
    assert 'name="choose.echoPin"' not in shown
    assert Bot.objects.get(pk=bot.pk).revision == 2
    undecided = text(send(operator, "review", bot, merge="2", **mine))
    assert "choose one" in undecided
    chosen = {**mine, "merge": "2", "choose.userNoInputTimeoutMS": "mine"}
    reviewed = text(send(operator, "review", bot, **chosen))
    assert 'name="merge" value="2"' in reviewed
    assert 'name="choose.userNoInputTimeoutMS" value="mine"' in reviewed
    assert send(operator, "save", bot, **chosen).status_code == 204
    stored = Bot.objects.get(pk=bot.pk)
    assert (stored.revision, stored.display_name) == (3, "Door")
    assert stored.params == {**theirs, "userNoInputTimeoutMS": 9000}


def test_a_merge_that_is_overtaken_again_is_asked_again(operator: Client, bot: Bot) -> None:
    for number, greeting in ((1, "one"), (2, "two")):
        current = Bot.objects.get(pk=bot.pk)
        bot_update(
            bot=current,
            expected_revision=number,
            author="bea",
            params={**current.params, "echoGreeting": greeting},
        )
    shown = text(send(operator, "save", bot, merge="2", p_echoGreeting="mine"))
    assert "Theirs, revision 3" in shown
    assert Bot.objects.get(pk=bot.pk).revision == 3


def test_another_base_that_only_i_chose_survives_the_merge(
    operator: Client, bot: Bot, base: Bot
) -> None:
    echo = base.provider
    assert echo is not None
    bot_update(bot=bot, expected_revision=1, author="bea", display_name="Theirs")
    mine = {"base": "", "provider": "echo", "merge": "2", "json": '{"bargeIn": true}'}
    answer = operator.post("/bots/door/save/", {"revision": 1, **mine})
    assert answer.status_code == 204
    stored = Bot.objects.get(pk=bot.pk)
    assert (stored.base, stored.provider, stored.display_name) == (None, echo, "Theirs")
    assert stored.params == {"bargeIn": True}


def test_a_secret_that_somebody_else_replaced_stays_replaced(operator: Client, bot: Bot) -> None:
    bot_update(
        bot=bot, expected_revision=1, author="bea", params={**bot.params, "echoPin": "theirs"}
    )
    kept = {"p_userNoInputTimeoutMS": "5000", "s_echoPin": "keep", "p_sttContextPhrases": "x\ny"}
    assert "as before" in text(send(operator, "save", bot, **kept))
    forced = {**kept, "merge": "2", "choose.echoPin": "mine"}
    assert send(operator, "save", bot, **forced).status_code == 204
    found = call_configuration("door").connector.params.model_dump(by_alias=True)
    assert found["echoPin"].get_secret_value() == "theirs"


@pytest.mark.parametrize("revision", ["", "x", "-1", "99999999999", "٣"])
def test_a_revision_that_never_was_is_a_conflict(operator: Client, bot: Bot, revision: str) -> None:
    shown = text(send(operator, "save", bot, revision=revision, p_bargeIn="true"))
    assert "was changed meanwhile" in shown
    assert Bot.objects.get(pk=bot.pk).revision == 1


# --- create ---------------------------------------------------------------------------------------


def test_a_bot_is_created_from_a_base(operator: Client, base: Bot) -> None:
    shown = page(operator, "/bots/-/new/?base=retail")
    assert "base retail" in row(shown, "language")
    sent = {"name": "shop", "base": "retail", "rows": "1", "p.bargeIn": "true", "message": "New"}
    answer = operator.post("/bots/-/new/", sent)
    assert answer.headers["HX-Redirect"] == "/bots/shop/"
    made = Bot.objects.get(name="shop")
    assert (made.is_base, made.base, made.params) == (False, base, {"bargeIn": True})
    assert made.revisions.get().message == "New"


def test_a_base_bot_is_created(operator: Client, base: Bot) -> None:
    shown = page(operator, "/bots/-/new/?kind=base")
    assert "New base bot" in shown
    assert "access_mode" not in shown
    assert operator.post("/bots/-/new/?kind=base", {"name": "b"}).status_code == 204
    assert Bot.objects.get(name="b").is_base


def test_a_bot_that_would_not_work_is_not_created(operator: Client, base: Bot) -> None:
    shown = text(operator.post("/bots/-/new/", {"name": "Shop!", "rows": "1", "p.bargeIn": "x"}))
    assert "must be on or off" in shown
    shown = text(operator.post("/bots/-/new/", {"name": "Shop!"}))
    assert "no bot framework is chosen" in shown
    assert "Use lower-case letters" in shown
    assert Bot.objects.count() == 1
    rows = operator.post("/bots/-/new/parameters/", {"base": "retail", "rows": "1"})
    assert 'value="de-DE"' in row(text(rows), "language")


# --- who may dial out -----------------------------------------------------------------------------


def test_clients_that_may_dial_out_are_picked_by_name(operator: Client, bot: Bot) -> None:
    client, _ = api_client_create(name="Reminders <1>", scopes=["actions:dialout"])
    picked = {"p_dialoutClients": ["", client.client_id]}
    assert send(operator, "save", bot, **picked).status_code == 204
    stored = Bot.objects.get(pk=bot.pk)
    assert stored.params["dialoutClients"] == [client.client_id]
    shown = row(page(operator, "/bots/door/"), "dialoutClients")
    assert f'value="{client.client_id}" checked' in shown
    assert "Reminders &lt;1&gt;" in shown
    api_client_create(name="Another", scopes=["actions:dialout"])
    shown = row(page(operator, "/bots/door/"), "dialoutClients")
    assert shown.index("Another") < shown.index("Reminders")
    ApiClient.objects.all().delete()
    shown = row(page(operator, "/bots/door/"), "dialoutClients")
    assert f"deleted client {client.client_id}" in shown
    bot = Bot.objects.get(pk=bot.pk)
    assert send(operator, "save", bot, **picked).status_code == 204
    assert Bot.objects.get(pk=bot.pk).params == stored.params


def test_without_clients_there_is_nobody_to_pick(operator: Client, bot: Bot) -> None:
    ApiClient.objects.all().delete()
    assert "There is no API client yet." in row(page(operator, "/bots/door/"), "dialoutClients")


def test_no_client_at_all_can_be_set_against_the_base(operator: Client, bot: Bot) -> None:
    assert send(operator, "save", bot, p_dialoutClients="").status_code == 204
    assert Bot.objects.get(pk=bot.pk).params["dialoutClients"] == []


def test_what_is_no_list_of_clients_can_still_be_edited(operator: Client, bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(params={"dialoutClients": "all"})
    assert '"all"' in row(page(operator, "/bots/door/"), "dialoutClients").replace("&quot;", '"')
    assert send(operator, "save", bot, p_dialoutClients='["one"]').status_code == 204
    assert Bot.objects.get(pk=bot.pk).params["dialoutClients"] == ["one"]
