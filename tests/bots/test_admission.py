"""Who may connect a call to a bot."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from oauth2_provider.models import AccessToken, set_token_value
from pytest_django import DjangoAssertNumQueries

from bots import access
from bots.access import admit
from bots.models import ApiClient, Bot
from bots.services import (
    api_client_create,
    api_client_update,
    bot_create,
    bot_update,
    mint_voice_token,
    provider_create,
)

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def base(plugins: None, db: None) -> Bot:
    provider = provider_create(name="echo-1", kind="bot", plugin="echo")
    return bot_create(name="base", author="ann", is_base=True, provider=provider)


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="demo", author="ann", base=base)


def change(bot: Bot, **changes: Any) -> Bot:
    bot.refresh_from_db()
    return bot_update(bot=bot, author="ann", expected_revision=bot.revision, **changes)


def voice_token(client: ApiClient, scope: str = "voice:connect", **changes: Any) -> str:
    raw = access.new_token()
    fields = {"expires": timezone.now() + timedelta(hours=1), **changes}
    token = AccessToken(application=client, scope=scope, **fields)
    set_token_value(token, raw)
    token.save()
    return f"Bearer {raw}"


@pytest.mark.parametrize("name", ["nobody", "base", "d" * 300])
def test_what_takes_no_calls_is_not_found(bot: Bot, name: str) -> None:
    assert admit(name, None).status == 404


@pytest.mark.parametrize("name", ["", "Demo", "demo\x00", "demo\n", "../demo"])
def test_what_can_be_no_name_never_reaches_the_database(
    bot: Bot, name: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(0):
        assert admit(name, None).status == 404


def test_a_disabled_bot_is_not_told_apart_from_none(bot: Bot) -> None:
    change(bot, enabled=False)
    assert admit("demo", None) == admit("nobody", None)


@pytest.mark.parametrize("header", [None, "", "Bearer whatever", "Basic eDp5"])
def test_an_open_bot_takes_everybody(bot: Bot, header: str | None) -> None:
    assert admit("demo", header).status == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_permanent_token_opens_its_bot(
    bot: Bot, scheme: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token = mint_voice_token(bot)
    with django_assert_num_queries(1):
        assert admit("demo", f"{scheme} {token}").status == 200


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer vgw_wrong",
        "Basic {token}",
        "{token}",
        "Bearer \udcff",
    ],
)
def test_anything_but_the_token_is_refused(bot: Bot, header: str | None) -> None:
    token = mint_voice_token(bot)
    given = header.format(token=token) if header else header
    refused = admit("demo", given)
    assert refused.status == 401
    assert token not in refused.reason


def test_the_digest_of_a_token_and_the_token_of_another_bot_open_nothing(
    base: Bot, bot: Bot
) -> None:
    other = bot_create(name="other", author="ann", base=base)
    mine, foreign = mint_voice_token(bot), mint_voice_token(other)
    assert admit("demo", f"Bearer {access.digest(mine)}").status == 401
    assert admit("demo", f"Bearer {foreign}").status == 401
    assert admit("demo", f"Bearer {mine}").status == 200


def test_an_oauth_token_with_the_voice_scope_opens_the_bot(bot: Bot) -> None:
    change(bot, access_mode="oauth")
    client, _ = api_client_create(name="sbc", scopes=["voice:connect"])
    assert admit("demo", voice_token(client)).status == 200
    assert admit("demo", voice_token(client, "bots:read voice:connect")).status == 200


def test_an_oauth_token_that_is_expired_narrow_or_bound_elsewhere_is_refused(bot: Bot) -> None:
    change(bot, access_mode="oauth")
    client, _ = api_client_create(name="sbc", scopes=["voice:connect", "bots:read"])
    past = timezone.now() - timedelta(seconds=1)
    for header in (
        None,
        "Bearer unknown",
        voice_token(client, "bots:read"),
        voice_token(client, expires=past),
        voice_token(client, resource=["https://elsewhere.example/"]),
    ):
        assert admit("demo", header).status == 401


def test_the_tokens_of_a_disabled_client_open_nothing(bot: Bot) -> None:
    change(bot, access_mode="oauth")
    client, _ = api_client_create(name="sbc", scopes=["voice:connect"])
    header = voice_token(client)
    ApiClient.objects.filter(pk=client.pk).update(enabled=False)
    assert admit("demo", header).status == 401
    ApiClient.objects.filter(pk=client.pk).update(enabled=True)
    assert admit("demo", header).status == 200
    api_client_update(client, scopes=["bots:read"])
    assert admit("demo", header).status == 401


def test_a_permanent_token_of_the_bot_is_no_oauth_token(bot: Bot) -> None:
    token = mint_voice_token(bot)
    change(bot, access_mode="oauth")
    assert admit("demo", f"Bearer {token}").status == 401
