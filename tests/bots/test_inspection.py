"""Looking into bots (bots.inspection)."""

from typing import Any

import msgspec
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from pydantic import SecretStr

from bots.core import registry
from bots.core.params.declare import Later
from bots.core.params.resolve import MASK
from bots.inspection import Inspection, Row, inspect, only_differing, pairs
from bots.models import Bot
from bots.selectors import call_configuration
from bots.services import bot_create, provider_create

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def bot(plugins: None, db: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo", params={"echoTone": "cool"})
    ear = provider_create(name="ear", kind="stt", plugin="ear")
    base = bot_create(
        name="retail",
        author="ann",
        is_base=True,
        provider=echo,
        stt_provider=ear,
        params={"language": "de-DE", "echoPin": "canary-1", "earWaitMS": 20},
    )
    return bot_create(name="demo", author="ann", base=base, params={"language": "fr-FR"})


def rows(found: Inspection) -> dict[str, Row]:
    return {row.name: row for row in found.rows}


def chain(row: Row) -> list[tuple[str, str, str]]:
    return [(source.place, source.name, source.text) for source in row.chain]


def test_every_parameter_tells_where_its_value_comes_from(bot: Bot) -> None:
    found = inspect(bot)
    assert [each.name for each in found.line] == ["retail", "demo"]
    assert [each.name for each in found.providers] == ["echo", "ear"]
    by_name = rows(found)
    assert chain(by_name["language"]) == [
        ("default", "", "en-US"),
        ("base", "retail", "de-DE"),
        ("bot", "demo", "fr-FR"),
    ]
    assert chain(by_name["echoTone"])[1:] == [("provider", "echo", "cool")]
    assert chain(by_name["echoGreeting"]) == [("default", "", "Hello")]
    assert not by_name["echoGreeting"].is_set
    assert by_name["earWaitMS"].source.name == "retail"
    assert found.problems == {}
    assert "otherMood" not in by_name


def test_a_default_of_a_plugin_says_whose_it_is_and_is_set_by_nobody(bot: Bot) -> None:
    echo = registry.plugin("bot", "echo")
    defaults = {"bargeIn": True, "language": "it-IT"}
    registry._plugins["bot", "echo"] = msgspec.structs.replace(echo, defaults=defaults)
    by_name = rows(inspect(bot))
    assert chain(by_name["bargeIn"]) == [("default", "", "off"), ("default", "echo", "on")]
    assert (by_name["bargeIn"].value, by_name["bargeIn"].is_set) == (True, False)
    assert chain(by_name["language"])[1:3] == [
        ("default", "echo", "it-IT"),
        ("base", "retail", "de-DE"),
    ]
    assert call_configuration("demo").resolved.origin("bargeIn").name == "default of echo"


def test_a_secret_is_seen_by_nobody(bot: Bot) -> None:
    pin = rows(inspect(bot))["echoPin"]
    assert isinstance(pin.value, SecretStr)
    assert (pin.text, chain(pin)) == (
        MASK,
        [("default", "", "empty"), ("base", "retail", MASK)],
    )
    assert pin.whole == ""
    assert "canary" not in repr(pin)


def test_long_values_have_a_whole(bot: Bot) -> None:
    bot.params = {"welcomeMessage": "Hello and welcome " * 10, "language": "x"}
    by_name = rows(inspect(bot))
    assert by_name["welcomeMessage"].whole == "Hello and welcome " * 10
    assert by_name["language"].whole == ""


def test_what_does_not_act_yet_is_marked(bot: Bot) -> None:
    by_name = rows(inspect(bot))
    assert by_name["ringbackUntilConnected"].later == Later.SIP
    assert by_name["numberRegion"].later == ""


def test_a_broken_bot_is_shown_as_far_as_it_goes(bot: Bot) -> None:
    bot.params = {"bargeIn": "maybe", "bargeInOnDTMF": True, "language": "fr-FR", "wrong": 1}
    found = inspect(bot)
    assert set(found.problems) == {"bargeIn", "wrong"}
    by_name = rows(found)
    assert "must be true or false" in by_name["bargeIn"].problem
    assert by_name["bargeIn"].text == "maybe"
    assert (by_name["bargeInOnDTMF"].text, by_name["bargeInOnDTMF"].problem) == ("on", "")
    assert by_name["language"].text == "fr-FR"
    assert by_name["earWaitMS"].value == 20


def test_a_rule_between_parameters_breaks_its_section_only(bot: Bot) -> None:
    bot.params = {"earLimitMS": 10}
    found = inspect(bot)
    assert set(found.problems) == {"Ear"}
    by_name = rows(found)
    assert (by_name["earWaitMS"].value, by_name["earLimitMS"].value) == (20, 10)
    assert by_name["earModel"].text == "phone"
    assert by_name["echoTone"].text == "cool"


def test_secrets_of_a_broken_section_stay_hidden(bot: Bot, settings: Any) -> None:
    settings.FIELD_KEYS = ["Z" * 43 + "="]
    found = inspect(bot)
    assert set(found.problems) == {"echoPin"}
    assert rows(found)["echoPin"].text == MASK


def test_without_a_provider_only_the_problem_and_what_all_bots_have_is_shown(plugins: None) -> None:
    alone = Bot.objects.create(name="alone")
    found = inspect(alone)
    assert set(found.problems) == {"provider"}
    assert "language" in rows(found)


def test_a_circle_of_bases_is_told(bot: Bot) -> None:
    base = bot.base
    assert base is not None
    other = Bot.objects.create(name="other", is_base=True, base=base)
    Bot.objects.filter(pk=base.pk).update(base=other)
    found = inspect(Bot.objects.get(pk=bot.pk))
    assert set(found.problems) == {"base"}
    assert (found.groups, found.line) == ((), (Bot.objects.get(pk=bot.pk),))


def test_two_bots_differ_in_what_calls_would_see(bot: Bot) -> None:
    other = provider_create(name="other", kind="bot", plugin="other")
    second = bot_create(
        name="second", author="ann", base=bot.base, provider=other, params={"language": "de-DE"}
    )
    assert bot.base is not None
    differing = only_differing(pairs(inspect(bot), inspect(second)))
    found = {pair.name: (pair.left, pair.right) for group in differing for pair in group.rows}
    assert set(found) == {"language", "echoGreeting", "echoTone", "echoPin", "otherMood"}
    left, right = found["otherMood"]
    assert left is None
    assert right is not None
    everything = pairs(inspect(bot), inspect(second))
    assert sum(len(group.rows) for group in everything) > 100
    same = pairs(inspect(bot), inspect(bot.base))
    assert [pair.name for group in only_differing(same) for pair in group.rows] == ["language"]


def test_looking_costs_one_query_however_many_bases(bot: Bot) -> None:
    again = Bot.objects.select_related("provider", "stt_provider", "tts_provider", "vad_provider")
    stored = again.get(pk=bot.pk)
    with CaptureQueriesContext(connection) as queries:
        inspect(stored)
    assert len(queries) == 1
