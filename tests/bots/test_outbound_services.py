"""Who may dial out with a bot: the list is the bot's own from the first change on."""

import pytest

from bots.core.errors import ParameterError
from bots.models import Bot, Provider
from bots.selectors import bot_parameters
from bots.services import bot_create, bot_delete, bot_update, dialout_allow, dialout_disallow
from tests.bots.conftest import EchoParams

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def base() -> Bot:
    echo = Provider.objects.create(name="echo-1", kind="bot", plugin="echo")
    return bot_create(
        name="base", author="ann", is_base=True, provider=echo, params={"dialoutClients": ["one"]}
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="demo", author="ann", base=base, params={"echoPin": "4711"})


def clients(bot: Bot) -> list[str]:
    found: list[str] = bot_parameters(bot.name).values()["dialoutClients"]
    return found


def test_a_client_comes_to_those_that_are_inherited(bot: Bot, base: Bot) -> None:
    after = dialout_allow(bot, "two", "bob")
    assert clients(bot) == ["one", "two"]
    assert clients(base) == ["one"]
    assert after.revisions.get(number=2).author == "bob"
    assert bot_parameters("demo")[EchoParams].pin.get_secret_value() == "4711"


def test_what_is_so_already_makes_no_revision(bot: Bot) -> None:
    assert dialout_allow(bot, "one", "bob").revision == 1
    assert dialout_disallow(bot, "two", "bob").revision == 1
    assert "dialoutClients" not in Bot.objects.get(pk=bot.pk).params


def test_a_client_that_is_inherited_can_be_refused(bot: Bot, base: Bot) -> None:
    dialout_disallow(bot, "one", "bob")
    assert clients(bot) == []
    assert clients(base) == ["one"]


def test_the_bot_may_have_changed_meanwhile(bot: Bot) -> None:
    bot_update(bot=bot, expected_revision=1, author="cyd", params={"dialoutClients": ["three"]})
    dialout_allow(bot, "two", "bob")
    assert clients(bot) == ["three", "two"]


def test_what_is_no_client_is_refused(bot: Bot) -> None:
    with pytest.raises(ParameterError) as refused:
        dialout_allow(bot, "a b", "bob")
    assert refused.value.problems == {"dialoutClients": "1: must be the client id of an API client"}


def test_a_bot_that_is_gone_is_named(bot: Bot) -> None:
    bot_delete(bot=bot, expected_revision=1, author="ann")
    with pytest.raises(LookupError, match="was deleted"):
        dialout_allow(bot, "two", "bob")
