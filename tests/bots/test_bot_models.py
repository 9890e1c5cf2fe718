"""Rules that the database keeps by itself, whoever writes."""

from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.db.models import ProtectedError
from oauth2_provider.models import AbstractApplication

from bots.models import ApiClient, Bot, BotRevision, Provider, Route

pytestmark = [pytest.mark.db, pytest.mark.django_db]

DIGEST = "0123456789abcdef" * 4


def refused_by_the_database(model: type[Any], **fields: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        model._default_manager.bulk_create([model(**fields)])


@pytest.mark.parametrize("name", ["", "Demo", "-demo", "a b", "demo\n", "dé", "../x"])
def test_a_name_that_does_not_fit_a_url_is_refused(name: str) -> None:
    refused_by_the_database(Bot, name=name)
    refused_by_the_database(Provider, name=name, kind="bot", plugin="echo")


def test_names_are_unique() -> None:
    Bot.objects.create(name="demo")
    refused_by_the_database(Bot, name="demo")
    Provider.objects.create(name="p", kind="bot", plugin="echo")
    refused_by_the_database(Provider, name="p", kind="stt", plugin="ear")


@pytest.mark.parametrize(
    "fields",
    [
        {"kind": "llm", "plugin": "x"},
        {"kind": "bot", "plugin": ""},
        {"kind": "bot", "plugin": "x", "revision": 0},
    ],
)
def test_a_provider_names_a_known_kind_and_a_plugin(fields: dict[str, Any]) -> None:
    refused_by_the_database(Provider, name="p", **fields)


@pytest.mark.parametrize(
    "fields",
    [
        {"revision": 0},
        {"access_mode": "basic"},
        {"access_mode": "token"},
        {"access_mode": "token", "token_digest": "short"},
        {"access_mode": "none", "token_digest": DIGEST},
        {"access_mode": "oauth", "token_digest": DIGEST},
        {"is_base": True, "access_mode": "oauth"},
        {"is_base": True, "access_mode": "token", "token_digest": DIGEST},
    ],
)
def test_access_and_token_of_a_bot_belong_together(fields: dict[str, Any]) -> None:
    refused_by_the_database(Bot, name="demo", **fields)


def test_a_bot_with_a_token_or_with_oauth_is_accepted() -> None:
    Bot.objects.create(name="a", access_mode="token", token_digest=DIGEST)
    Bot.objects.create(name="b", access_mode="oauth")
    Bot.objects.create(name="c", is_base=True)


def test_a_bot_cannot_be_its_own_base() -> None:
    bot = Bot.objects.create(name="demo", is_base=True)
    with pytest.raises(IntegrityError), transaction.atomic():
        Bot.objects.filter(pk=bot.pk).update(base=bot.pk)


def test_what_others_need_cannot_be_deleted() -> None:
    provider = Provider.objects.create(name="p", kind="bot", plugin="echo")
    base = Bot.objects.create(name="base", is_base=True, provider=provider)
    Bot.objects.create(name="demo", base=base)
    for row in (base, provider):
        with pytest.raises(ProtectedError):
            row.delete()


def test_a_revision_number_exists_once_for_each_bot() -> None:
    bot = Bot.objects.create(name="demo")
    other = Bot.objects.create(name="other")
    BotRevision.objects.create(bot=bot, number=1, author="a")
    BotRevision.objects.create(bot=other, number=1, author="a")
    refused_by_the_database(BotRevision, bot=bot, number=1, author="b")
    refused_by_the_database(BotRevision, bot=bot, number=0, author="b")


@pytest.mark.parametrize("pattern", ["", "abc", "+", "**", "12*3", "+1 555", "1\n"])
def test_a_malformed_number_pattern_is_refused(pattern: str) -> None:
    bot = Bot.objects.create(name="demo")
    refused_by_the_database(Route, pattern=pattern, bot=bot)


@pytest.mark.parametrize("pattern", ["+15550100", "0800", "+1555*", "*"])
def test_a_number_pattern_leads_to_one_bot(pattern: str) -> None:
    bot = Bot.objects.create(name="demo")
    Route.objects.create(pattern=pattern, bot=bot)
    refused_by_the_database(Route, pattern=pattern, bot=bot)


def test_an_api_client_is_confidential_and_knows_client_credentials_only() -> None:
    client = ApiClient.objects.create(
        name="dialer",
        client_type=AbstractApplication.CLIENT_PUBLIC,
        authorization_grant_type=AbstractApplication.GRANT_PASSWORD,
        hash_client_secret=False,
    )
    client.refresh_from_db()
    assert client.client_type == "confidential"
    assert client.authorization_grant_type == "client-credentials"
    assert client.client_secret.startswith("api_sha256$")
    for change in ({"client_type": "public"}, {"authorization_grant_type": "password"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiClient.objects.filter(pk=client.pk).update(**change)


def test_rows_are_shown_by_what_people_call_them() -> None:
    bot = Bot.objects.create(name="demo")
    provider = Provider.objects.create(name="p", kind="bot", plugin="echo")
    revision = BotRevision.objects.create(bot=bot, number=3, author="a")
    route = Route.objects.create(pattern="*", bot=bot)
    assert [str(bot), str(provider)] == ["demo", "p"]
    assert str(revision) == f"{bot.pk}@3"
    assert str(route) == f"* -> {bot.pk}"
