"""``manage.py bot``."""

from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from bots.core.params.resolve import MASK
from bots.models import Bot
from bots.selectors import call_configuration
from bots.services import bot_create, bot_update, provider_create

pytestmark = [pytest.mark.db, pytest.mark.django_db]


def bot(*words: Any, typed: str = "") -> str:
    output = StringIO()
    call_command("bot", *words, stdout=output, stdin=StringIO(typed))
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


@pytest.mark.parametrize(
    ("words", "value"),
    [
        (("userNoInputTimeoutMS", "4000"), 4000),
        (("language", "de-DE"), "de-DE"),
        (("bargeIn", "true"), True),
        (("transferTarget", "15550100"), "15550100"),
        (("transferTarget", '"sip:desk@example.com"'), "sip:desk@example.com"),
    ],
)
def test_a_parameter_is_set_and_inherited_again(
    base: Bot, words: tuple[str, str], value: object
) -> None:
    bot("set", "retail", "voiceName", "Anna")
    assert bot("set", "retail", *words) == "retail is at revision 3\n"
    assert stored("retail").params == {"voiceName": "Anna", words[0]: value}
    bot("unset", "retail", words[0])
    assert stored("retail").params == {"voiceName": "Anna"}
    assert stored("retail").revisions.count() == 3


def test_only_what_the_bot_sets_itself_can_be_unset(base: Bot) -> None:
    with pytest.raises(CommandError, match=r"^retail does not set langauge itself$"):
        bot("unset", "retail", "langauge")
    assert not base.revisions.exists()


def test_a_wrong_or_missing_value_is_refused(base: Bot) -> None:
    with pytest.raises(CommandError, match=r"^userNoInputTimeoutMS: "):
        bot("set", "retail", "userNoInputTimeoutMS", "soon")
    with pytest.raises(CommandError, match=r"^give the value of language$"):
        bot("set", "retail", "language")


@pytest.mark.usefixtures("plugins")
def test_a_secret_is_typed_and_never_shown(base: Bot) -> None:
    with pytest.raises(CommandError, match="leave its value out and type it") as refused:
        bot("set", "retail", "echoPin", "canary-1234")
    assert "canary" not in str(refused.value)
    provider = provider_create(name="echo", kind="bot", plugin="echo")
    bot_update(bot=base, expected_revision=1, author="ann", provider=provider)
    bot("set", "retail", "echoPin", typed="canary-1234\nmore")
    shown = bot("show", "retail") + bot("show", "retail", "--json")
    assert "canary" not in shown
    assert shown.count(MASK) == 2
    made = bot_create(name="door", author="ann", base=stored("retail"))
    params: Any = call_configuration(made.name).connector.params
    assert params.pin.get_secret_value() == "canary-1234"


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
