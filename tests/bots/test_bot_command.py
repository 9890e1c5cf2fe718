"""``manage.py bot``."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bots.models import Bot

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def bot(*words: Any) -> str:
    output = StringIO()
    call_command("bot", *words, stdout=output)
    return output.getvalue()


@pytest.fixture
def base() -> Bot:
    return Bot.objects.create(name="retail", is_base=True)


def stored(name: str) -> Bot:
    return Bot.objects.get(name=name)


def test_a_token_is_asked_for_from_the_moment_it_is_printed(base: Bot) -> None:
    Bot.objects.create(name="door", base=base)
    assert bot("token", "door").startswith("vgw_")
    assert stored("door").access_mode == "token"


@pytest.mark.parametrize("mode", ["none", "oauth"])
def test_the_access_mode_can_be_changed_and_forgets_the_token(base: Bot, mode: str) -> None:
    Bot.objects.create(name="door", base=base)
    bot("token", "door")
    bot("access", "door", mode)
    assert (stored("door").access_mode, stored("door").token_digest) == (mode, "")
    assert stored("door").revisions.count() == 2


def test_a_base_bot_takes_no_calls_so_it_asks_for_nothing(base: Bot) -> None:
    with pytest.raises(CommandError, match="a base bot takes no calls"):
        bot("access", "retail", "oauth")


@pytest.mark.parametrize("words", [("token", "nobody"), ("access", "nobody", "none")])
def test_an_unknown_bot_is_named(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError, match="there is no bot named 'nobody'"):
        bot(*words)


def test_bots_are_listed_with_what_they_inherit_from(base: Bot) -> None:
    Bot.objects.create(name="door", base=base)
    assert bot("list").splitlines() == [
        "door  bot  revision 1  enabled  access none  inherits from retail",
        "retail  base bot  revision 1  enabled  access none  inherits from none",
    ]
