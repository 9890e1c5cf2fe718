"""The past of bots (bots.history)."""

from typing import Any

import pytest

from bots.core.params.resolve import MASK
from bots.history import bot_at, changes_between, past_page, revision_before, revision_of
from bots.inspection import inspect
from bots.models import Bot, BotRevision, Provider
from bots.services import bot_create, bot_update, provider_create, rotate_secrets

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def bot(plugins: None, db: None) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(name="demo", author="ann", provider=echo, params={"echoGreeting": "Hi"})


def update(bot: Bot, **changes: Any) -> Bot:
    current = Bot.objects.get(pk=bot.pk)
    return bot_update(bot=current, expected_revision=current.revision, author="bea", **changes)


def numbers(bot: Bot, **options: int) -> list[int]:
    return [each.revision.number for each in past_page(bot, **options).entries]


def test_each_revision_tells_what_it_changed(bot: Bot) -> None:
    update(bot, params={"echoGreeting": "Ho", "language": "de-DE"}, display_name="Demo")
    bot.refresh_from_db()
    last, first = past_page(bot).entries
    assert [each.name for each in last.changes.parameters] == ["echoGreeting", "language"]
    assert [(each.name, each.before, each.after) for each in last.changes.settings] == [
        ("display_name", "empty", "Demo")
    ]
    assert [each.name for each in first.changes.parameters] == ["echoGreeting"]
    settings = [each.name for each in first.changes.settings]
    assert settings == ["access_mode", "enabled", "is_base", "provider"]


def test_pages_lead_to_each_other(bot: Bot) -> None:
    for number in range(6):
        update(bot, display_name=str(number))
    bot.refresh_from_db()
    page = past_page(bot, size=3)
    assert numbers(bot, size=3) == [7, 6, 5]
    assert (page.newer, page.older) == (None, 5)
    page = past_page(bot, below=5, size=3)
    assert numbers(bot, below=5, size=3) == [4, 3, 2]
    assert (page.newer, page.older) == (0, 2)
    assert [each.changes.settings[0].after for each in page.entries] == ["2", "1", "0"]
    page = past_page(bot, below=2, size=3)
    assert numbers(bot, below=2, size=3) == [1]
    assert (page.newer, page.older) == (5, None)
    assert numbers(bot, size=7) == [7, 6, 5, 4, 3, 2, 1]
    assert past_page(bot, size=7).older is None
    beyond = past_page(bot, below=1)
    assert (beyond.entries, beyond.older) == ((), None)
    assert past_page(bot, below=1000).newer is None


def test_a_secret_changes_when_it_is_another_one(bot: Bot, settings: Any) -> None:
    update(bot, params={"echoPin": "canary-1"})
    update(bot, params={"echoPin": MASK})
    update(bot, params={"echoPin": "canary-2"})
    settings.FIELD_KEYS = ["Z" * 43 + "=", *settings.FIELD_KEYS]
    rotate_secrets()
    bot.refresh_from_db()
    entries = past_page(bot).entries
    assert [[each.name for each in past.changes.parameters] for past in entries] == [
        ["echoPin"],
        [],
        ["echoGreeting", "echoPin"],
        ["echoGreeting"],
    ]
    assert "canary" not in repr([past.changes for past in entries])
    (found,) = entries[0].changes.parameters
    assert (found.before, found.after) == (MASK, MASK)


def test_secrets_that_no_key_opens_are_told_apart_and_hidden(bot: Bot, settings: Any) -> None:
    update(bot, params={"echoPin": "canary-1"})
    update(bot, params={"echoPin": "canary-2"})
    settings.FIELD_KEYS = ["Z" * 43 + "="]
    bot.refresh_from_db()
    (found,) = past_page(bot).entries[0].changes.parameters
    assert (found.before, found.after) == (MASK, MASK)


def test_the_revision_before_is_the_nearest_that_is_there(bot: Bot) -> None:
    for name in "abc":
        update(bot, display_name=name)
    last = revision_of(bot, 4)
    assert revision_before(last) == revision_of(bot, 3)
    BotRevision.objects.filter(number=3).delete()
    assert revision_before(last) == revision_of(bot, 2)
    assert revision_before(revision_of(bot, 1)) is None
    assert len(changes_between(revision_of(bot, 1), last).settings) == 1
    with pytest.raises(LookupError, match="has no revision 3"):
        revision_of(bot, 3)


def test_a_bot_is_seen_as_it_was(bot: Bot) -> None:
    base = bot_create(name="base", author="ann", is_base=True, params={"language": "it-IT"})
    update(bot, base=base, enabled=False, params={})
    update(bot, base=None, display_name="New")
    then = bot_at(revision_of(bot, 2))
    assert (then.revision, then.enabled, then.display_name) == (2, False, "")
    values = {row.name: row.value for row in inspect(then).rows}
    assert (values["language"], values["echoGreeting"]) == ("it-IT", "Hello")
    assert Bot.objects.get(pk=bot.pk).display_name == "New"


def test_what_a_revision_used_may_be_gone(bot: Bot) -> None:
    other = provider_create(name="other", kind="bot", plugin="other")
    update(bot, provider=other)
    Provider.objects.filter(name="echo").delete()
    with pytest.raises(LookupError, match="echo does not exist any more"):
        bot_at(revision_of(bot, 1))
