"""The operators' commands ``apiclient`` and ``bot``."""

import json
from io import StringIO

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command

from bots import access
from bots.access import admit
from bots.models import ApiClient, Bot
from bots.services import api_client_create, bot_create, provider_create

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_a_created_client_is_printed_once_with_its_secrets() -> None:
    printed = run(
        *("apiclient", "create", "--name", "sbc", "--owner", "ann", "--network", "192.0.2.7/24"),
        *("--scope", "voice:connect", "--scope", "bots:read"),
    )
    answer = json.loads(printed)
    stored = ApiClient.objects.get(client_id=answer["client_id"])
    assert check_password(answer["client_secret"], stored.client_secret)
    assert answer["notification_secret"].startswith("whsec_")
    assert (answer["name"], answer["scopes"]) == ("sbc", ["bots:read", "voice:connect"])
    assert (answer["allowed_networks"], answer["bots"]) == (["192.0.2.0/24"], "all")
    listed = run("apiclient", "list")
    (only,) = json.loads(listed)
    assert (only["client_id"], only["enabled"]) == (stored.client_id, True)
    assert answer["client_secret"] not in listed
    assert answer["notification_secret"] not in listed


def test_a_scope_that_does_not_exist_is_answered_by_those_that_do() -> None:
    with pytest.raises(CommandError, match=r"There is no scope voice:call; choose from .*voice:"):
        run("apiclient", "create", "--name", "sbc", "--scope", "voice:call")
    assert not ApiClient.objects.exists()


def test_a_client_is_disabled_and_enabled_by_its_id() -> None:
    client, _ = api_client_create(name="sbc", scopes=["bots:read"])
    for action, enabled in (("disable", False), ("enable", True)):
        assert json.loads(run("apiclient", action, client.client_id))["enabled"] == enabled
        client.refresh_from_db()
        assert client.enabled == enabled
    with pytest.raises(CommandError, match="there is no API client nobody"):
        run("apiclient", "disable", "nobody")


def test_a_secret_is_rotated_and_a_token_minted_shown_and_revoked() -> None:
    client, old = api_client_create(name="sbc", scopes=["bots:read", "calls:read"])
    rotated = json.loads(run("apiclient", "rotate", client.client_id, "--overlap-hours", "1"))
    assert access.client_with(client.client_id, rotated["client_secret"]) == client
    assert access.client_with(client.client_id, old) == client
    minted = json.loads(
        run("apiclient", "mint", client.client_id, "--name", "nightly", "--days", "30")
    )
    assert access.token_grants(minted["token"], "calls:read", bot="retail")
    shown = run("apiclient", "show", client.client_id)
    assert minted["token"] not in shown
    (token,) = json.loads(shown)["tokens"]
    assert (token["id"], token["name"]) == (minted["id"], "nightly")
    assert token["author"].endswith("command line)")
    run("apiclient", "revoke", client.client_id, str(minted["id"]))
    assert not access.token_grants(minted["token"], "calls:read", bot="retail")
    with pytest.raises(CommandError, match="no such token"):
        run("apiclient", "revoke", client.client_id, str(minted["id"]))


@pytest.fixture
def demo(plugins: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    base = bot_create(
        name="base", author="ann", is_base=True, provider=echo, params={"bargeIn": True}
    )
    return bot_create(name="demo", author="ann", base=base, params={"echoGreeting": "x" * 100})


def test_bots_are_listed_with_what_they_inherit_from(demo: Bot) -> None:
    assert run("bot", "list").splitlines() == [
        "base  base bot  revision 1  enabled  access none  inherits from none",
        "demo  bot  revision 1  enabled  access none  inherits from base",
    ]
    Bot.objects.filter(pk=demo.pk).update(enabled=False)
    assert "revision 1  disabled" in run("bot", "list")


def test_a_bot_is_shown_with_the_origin_of_every_value(demo: Bot) -> None:
    lines = {line.split()[0]: line for line in run("bot", "show", "demo").splitlines()}
    assert lines["bargeIn"].endswith("  true  (base bot base)")
    assert lines["language"].endswith('  "en-US"  (default)')
    assert lines["echoGreeting"].endswith("…  (bot demo)")
    shown = json.loads(run("bot", "show", "demo", "--json"))
    assert shown["echoGreeting"] == {"value": "x" * 100, "origin": "bot demo"}
    assert set(shown) == set(lines)


def test_a_bot_that_is_missing_or_broken_is_explained(demo: Bot) -> None:
    with pytest.raises(CommandError, match="there is no bot named 'nobody'"):
        run("bot", "show", "nobody")
    Bot.objects.filter(pk=demo.pk).update(params={"bargein": True})
    with pytest.raises(CommandError, match=r"bargein: is not a parameter; did you mean bargeIn\?"):
        run("bot", "show", "demo")


def test_a_minted_token_opens_the_bot(demo: Bot) -> None:
    token = run("bot", "token", "demo").strip()
    assert admit("demo", f"Bearer {token}").status == 200
    assert admit("demo", None).status == 401
    last = demo.revisions.first()
    assert last is not None
    assert last.author.endswith("command line)")


def test_no_token_is_minted_for_what_takes_no_calls(demo: Bot) -> None:
    with pytest.raises(CommandError, match="base takes no calls"):
        run("bot", "token", "base")
    with pytest.raises(CommandError, match="there is no bot named 'nobody'"):
        run("bot", "token", "nobody")
