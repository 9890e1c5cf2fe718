"""The operators' commands ``apiclient`` and ``bot``."""

import json
from io import StringIO

import pytest
from django.contrib.auth.hashers import check_password
from django.core.management import CommandError, call_command

from bots.core.errors import ParameterError
from bots.models import ApiClient, Bot
from bots.selectors import admit
from bots.services import api_client_create, bot_create, provider_create

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def run(*arguments: str) -> str:
    out = StringIO()
    call_command(*arguments, stdout=out)
    return out.getvalue()


def test_a_created_client_is_printed_once_with_its_secret() -> None:
    printed = run(
        "apiclient", "create", "--name", "sbc", "--scope", "voice:connect", "--scope", "bots:read"
    )
    answer = json.loads(printed)
    stored = ApiClient.objects.get(client_id=answer["client_id"])
    assert check_password(answer["client_secret"], stored.client_secret)
    assert (answer["name"], answer["scopes"]) == ("sbc", ["bots:read", "voice:connect"])
    listed = run("apiclient", "list")
    assert listed == f"{stored.client_id}  sbc  enabled  bots:read voice:connect\n"
    assert answer["client_secret"] not in listed


def test_a_scope_that_does_not_exist_is_answered_by_those_that_do() -> None:
    with pytest.raises(CommandError, match=r"there is no scope voice:call; choose from .*voice:"):
        run("apiclient", "create", "--name", "sbc", "--scope", "voice:call")
    assert not ApiClient.objects.exists()


def test_a_client_needs_a_name_and_a_scope() -> None:
    with pytest.raises(ParameterError, match="say which machine"):
        api_client_create(name="", scopes=["bots:read"])
    with pytest.raises(ParameterError, match="at least one is needed"):
        api_client_create(name="x", scopes=[])


def test_a_client_is_disabled_and_enabled_by_its_id() -> None:
    client, _ = api_client_create(name="sbc", scopes=["bots:read"])
    for action, enabled in (("disable", False), ("enable", True)):
        run("apiclient", action, client.client_id)
        client.refresh_from_db()
        assert client.enabled == enabled
    with pytest.raises(CommandError, match="there is no API client nobody"):
        run("apiclient", "disable", "nobody")


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
