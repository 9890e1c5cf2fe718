"""What a call uses, and how often that costs a query."""

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.params.sections.speech import Speech
from bots.models import Bot, Provider
from bots.selectors import bot_parameters, call_configuration
from bots.services import (
    bot_create,
    bot_update,
    provider_create,
    provider_update,
)

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def base(plugins: None, db: None) -> Bot:
    return bot_create(
        name="base",
        author="ann",
        is_base=True,
        provider=provider_create(name="echo-1", kind="bot", plugin="echo"),
        stt_provider=provider_create(
            name="ear-1", kind="stt", plugin="ear", params={"earModel": "studio", "voiceName": "p"}
        ),
        params={"language": "de-DE"},
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="demo", author="ann", base=base, params={"echoGreeting": "Servus"})


def change(bot: Bot, **changes: Any) -> Bot:
    current = Bot.objects.get(pk=bot.pk)
    return bot_update(bot=bot, expected_revision=current.revision, author="bea", **changes)


# --- configuration --------------------------------------------------------------------------------


def test_a_call_uses_what_its_bot_has_and_inherits(bot: Bot) -> None:
    found = call_configuration("demo")
    assert (found.bot_id, found.bot, found.revision) == (bot.pk, "demo", 1)
    assert found.resolved[Speech].language == "de-DE"
    assert found.resolved.origin("language").name == "base bot base"
    assert found.resolved.origin("echoGreeting").name == "bot demo"
    assert found.resolved.origin("voiceName").name == "provider ear-1"
    assert (found.connector.plugin, found.connector.provider) == ("echo", "echo-1")
    assert found.connector.params.model_dump(by_alias=True)["echoGreeting"] == "Servus"
    assert found.stt is not None
    assert found.stt.params.model_dump(by_alias=True)["earModel"] == "studio"
    assert type(found.stt.credentials) is registry.plugin("stt", "ear").credentials
    assert found.tts is None
    assert (found.vad.plugin, found.vad.provider) == ("webrtc", "")


def test_a_plugin_can_be_built_from_what_is_configured(bot: Bot) -> None:
    found = call_configuration("demo").connector
    built = registry.plugin(found.kind, found.plugin).factory(found.params, found.credentials)
    assert built.params is found.params


def test_the_nearest_choice_of_a_provider_counts(base: Bot, bot: Bot) -> None:
    mouth = provider_create(name="mouth-1", kind="tts", plugin="mouth")
    vad = provider_create(name="vad-1", kind="vad", plugin="webrtc")
    other = provider_create(name="other-1", kind="bot", plugin="other")
    change(base, tts_provider=mouth)
    change(bot, provider=other, vad_provider=vad)
    found = call_configuration("demo")
    assert (found.connector.plugin, found.vad.provider) == ("other", "vad-1")
    assert found.tts is not None
    assert found.tts.provider == "mouth-1"


def test_a_call_costs_one_query_and_two_after_a_change(
    base: Bot, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    # A name that no other test has used, so that the process does not know it yet.
    bot = bot_create(name=f"bot-{uuid.uuid4().hex}", author="ann", base=base)
    with django_assert_num_queries(1):
        first = call_configuration(bot.name)
    with django_assert_num_queries(1):
        assert call_configuration(bot.name) is first
    change(base, params={})
    with django_assert_num_queries(2):
        assert call_configuration(bot.name) is not first


def test_a_change_anywhere_in_the_lineage_reaches_the_next_call(base: Bot, bot: Bot) -> None:
    first = call_configuration("demo")
    change(base, params={"language": "fr-FR"})
    second = call_configuration("demo")
    assert second.resolved[Speech].language == "fr-FR"
    assert first.resolved[Speech].language == "de-DE"
    provider = Provider.objects.get(name="ear-1")
    provider_update(provider=provider, expected_revision=1, params={"earModel": "car"})
    assert call_configuration("demo").resolved.values()["earModel"] == "car"
    change(bot, params={})
    assert call_configuration("demo").resolved.values()["echoGreeting"] == "Hello"


def test_a_row_of_the_same_number_from_a_backup_is_told_apart(bot: Bot) -> None:
    assert call_configuration("demo").resolved.values()["echoGreeting"] == "Servus"
    Bot.objects.filter(pk=bot.pk).update(
        params={"echoGreeting": "Restored"}, updated_at=timezone.now() - timedelta(days=1)
    )
    assert call_configuration("demo").resolved.values()["echoGreeting"] == "Restored"


def test_a_bot_that_takes_no_calls_has_no_configuration(base: Bot, bot: Bot) -> None:
    call_configuration("demo")
    change(bot, enabled=False)
    for name in ("demo", "base", "nobody", "", "demo\x00"):
        with pytest.raises(LookupError):
            call_configuration(name)


def test_every_problem_of_a_broken_configuration_is_named(bot: Bot) -> None:
    Provider.objects.filter(name="ear-1").update(plugin="vanished")
    Bot.objects.filter(pk=bot.pk).update(params={"echoTone": "hot", "nope": 1})
    with pytest.raises(ParameterError) as refused:
        call_configuration("demo")
    assert sorted(refused.value.problems) == ["echoTone", "nope", "stt_provider"]
    assert "no stt plug-in named 'vanished'; known: ear" in refused.value.problems["stt_provider"]


def test_a_circle_in_the_database_is_a_problem_and_no_endless_loop(base: Bot, bot: Bot) -> None:
    middle = bot_create(name="middle", author="ann", is_base=True, base=base)
    Bot.objects.filter(pk=base.pk).update(base=middle)
    with pytest.raises(ParameterError, match="base: inherits from itself"):
        call_configuration("demo")


def test_a_base_that_is_no_base_bot_in_the_database_is_a_problem(base: Bot, bot: Bot) -> None:
    Bot.objects.filter(pk=base.pk).update(is_base=False)
    with pytest.raises(ParameterError, match="base: what it inherits from is not a base bot"):
        call_configuration("demo")


def test_parameters_of_any_bot_can_be_looked_at(base: Bot, bot: Bot) -> None:
    assert bot_parameters("base").values()["language"] == "de-DE"
    change(bot, enabled=False)
    assert bot_parameters("demo").origin("echoGreeting").name == "bot demo"
    with pytest.raises(LookupError, match="no bot named 'nobody'"):
        bot_parameters("nobody")
