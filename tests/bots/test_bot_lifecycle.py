"""Cloning, pausing and deleting bots, many at once, and what is recorded of it."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bots.core import figures
from bots.core.errors import ParameterError
from bots.core.figures import BotFigures
from bots.models import AuditEvent, Bot, Provider
from bots.selectors import call_configuration
from bots.services import (
    StaleRevision,
    bot_clone,
    bot_create,
    bot_delete,
    bot_pause,
    bot_update,
    bot_usage,
    bots_pause,
    bots_set,
    mint_voice_token,
    provider_create,
    route_create,
)
from bots.services.bulk import INHERIT
from tests.worlds import with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def echo(plugins: None, db: None) -> Provider:
    return provider_create(name="echo", kind="bot", plugin="echo")


@pytest.fixture
def base(echo: Provider) -> Bot:
    return bot_create(
        name="base",
        author="ann",
        is_base=True,
        provider=echo,
        params={"language": "de-DE", "echoPin": "geheim"},
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="demo", author="ann", base=base, params={"echoGreeting": "Servus"})


def problems(change: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        change()
    return refused.value.problems


def delete(bot: Bot) -> None:
    bot_delete(bot=bot, expected_revision=bot.revision, author="bea", message="Not needed")


def revisions(*bots: Bot) -> dict[str, int]:
    return {bot.name: bot.revision for bot in bots}


# --- clone ----------------------------------------------------------------------------------------


def test_a_clone_does_the_same_and_inherits_from_the_same(bot: Bot, base: Bot) -> None:
    clone = bot_clone(bot=bot, name="demo-2", display_name="Second", author="bea")
    assert (clone.base, clone.params, clone.display_name) == (
        base,
        {"echoGreeting": "Servus"},
        "Second",
    )
    first = clone.revisions.get()
    assert (first.number, first.author, first.message) == (1, "bea", "Clone demo")


def test_a_clone_can_stand_alone_with_the_secrets_it_inherited(bot: Bot, echo: Provider) -> None:
    clone = bot_clone(bot=bot, name="alone", author="bea", standalone=True)
    assert (clone.base, clone.provider) == (None, echo)
    assert sorted(clone.params) == ["echoGreeting", "echoPin", "language"]
    found = call_configuration("alone").connector.params.model_dump(by_alias=True)
    assert found["echoPin"].get_secret_value() == "geheim"


def test_a_clone_of_a_base_keeps_its_secrets_and_is_a_base(base: Bot) -> None:
    clone = bot_clone(bot=base, name="base-2", author="bea")
    assert clone.is_base
    assert clone.params == base.params


def test_a_token_is_not_cloned_and_does_not_leave_the_door_open(bot: Bot) -> None:
    mint_voice_token(bot)
    clone = bot_clone(bot=bot, name="demo-2", author="bea")
    assert (clone.access_mode, clone.token_digest) == ("oauth", "")


def test_a_clone_needs_a_name_of_its_own_and_something_to_clone(bot: Bot) -> None:
    assert list(problems(lambda: bot_clone(bot=bot, name="demo", author="bea"))) == ["name"]
    Bot.objects.filter(pk=bot.pk).delete()
    with pytest.raises(LookupError, match="was deleted"):
        bot_clone(bot=bot, name="demo-2", author="bea")


# --- pause and delete -----------------------------------------------------------------------------


def test_a_paused_bot_takes_no_calls_until_it_is_resumed(bot: Bot) -> None:
    paused = bot_pause(bot=bot, enabled=False, expected_revision=1, author="bea")
    with pytest.raises(LookupError):
        call_configuration("demo")
    bot_pause(bot=paused, enabled=True, expected_revision=2, author="bea")
    assert call_configuration("demo").revision == 3
    messages = bot.revisions.values_list("message", flat=True)
    assert list(messages) == ["Resume", "Pause", ""]


def test_a_bot_that_nothing_uses_is_deleted_with_its_revisions(bot: Bot) -> None:
    delete(bot)
    assert not Bot.objects.filter(name="demo").exists()
    event = AuditEvent.objects.get(action="bot.deleted")
    assert (event.actor, event.target, event.message) == ("bea", "demo", "Not needed")
    assert event.before is not None
    assert event.before["echoGreeting"] == "Servus"
    assert event.after is None


def test_a_bot_in_use_is_not_deleted_and_what_uses_it_is_named(
    bot: Bot, base: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_sources", [lambda: {"demo": BotFigures(live=2)}])
    route = route_create(pattern="+15550100", bot=bot)
    with_role("operator", name="otto", bots=[bot])
    usage = bot_usage(bot)
    assert usage.routes == ((route.pk, "+15550100"),)
    assert (usage.members, usage.live, usage.heirs) == (("otto",), 2, ())
    assert sorted(problems(lambda: delete(bot))) == ["live", "members", "routes"]
    assert problems(lambda: delete(base)) == {
        "heirs": "bots inherit from it: demo; change them first"
    }
    monkeypatch.setattr(figures, "_sources", [lambda: {"demo": BotFigures(live=1)}])
    assert bot_usage(bot).problems()["live"].startswith("a call is going on")


def test_a_bot_that_changed_meanwhile_is_not_deleted(bot: Bot) -> None:
    bot_update(bot=bot, expected_revision=1, author="ann", display_name="Demo")
    with pytest.raises(StaleRevision, match="is at revision 2"):
        delete(bot)
    current = Bot.objects.get(pk=bot.pk)
    delete(current)
    with pytest.raises(StaleRevision, match="was deleted"):
        bot_delete(bot=bot, expected_revision=2, author="bea")


# --- many at once ---------------------------------------------------------------------------------


def test_many_bots_are_paused_at_once(bot: Bot, base: Bot) -> None:
    other = bot_create(name="other", author="ann", base=base, enabled=False)
    done = bots_pause(
        bots=[bot, other], revisions=revisions(bot, other), enabled=False, author="bea"
    )
    assert [each.name for each in done] == ["demo"]
    assert not Bot.objects.get(name="demo").enabled
    assert Bot.objects.get(name="other").revision == 1


def test_one_parameter_is_set_or_inherited_by_many(bot: Bot, base: Bot) -> None:
    other = bot_create(name="other", author="ann", base=base, params={"language": "fr-FR"})

    def change(value: Any, **own: Any) -> list[str]:
        bots = list(Bot.objects.filter(name__in=["demo", "other"]))
        done = bots_set(
            bots=bots, revisions=revisions(*bots), name="language", value=value, author="b", **own
        )
        return [each.name for each in done]

    assert change("fr-FR", message="One tongue") == ["demo"]
    assert Bot.objects.get(name="demo").params == {"echoGreeting": "Servus", "language": "fr-FR"}
    assert change(INHERIT) == ["demo", "other"]
    assert Bot.objects.get(pk=other.pk).params == {}
    last = bot.revisions.get(number=2)
    assert last.message == "One tongue"


def test_when_one_of_many_is_refused_none_is_changed_and_all_problems_are_told(
    bot: Bot, base: Bot
) -> None:
    other = bot_create(name="other", author="ann", base=base)
    both: Mapping[str, int] = revisions(bot, other)
    found = problems(
        lambda: bots_set(
            bots=[bot, other], revisions=both, name="echoTone", value="hot", author="bea"
        )
    )
    assert sorted(found) == ["demo.echoTone", "other.echoTone"]
    stale = {**both, "other": 7}
    with pytest.raises(StaleRevision):
        bots_set(bots=[bot, other], revisions=stale, name="echoTone", value="cool", author="bea")
    assert Bot.objects.get(name="demo").revision == 1
    assert not AuditEvent.objects.filter(action="bot.changed").exists()


# --- the audit log --------------------------------------------------------------------------------


def test_what_differs_is_recorded_and_secrets_are_masked(bot: Bot, base: Bot) -> None:
    bot_update(
        bot=bot,
        expected_revision=1,
        author="bea",
        message="Why",
        base=None,
        provider=base.provider,
        params={"echoPin": "canary"},
    )
    event = AuditEvent.objects.get(action="bot.changed")
    assert (event.kind, event.target, event.actor, event.message) == ("bot", "demo", "bea", "Why")
    assert event.before == {"base": "base", "provider": None, "echoGreeting": "Servus"}
    assert event.after == {"base": None, "provider": "echo", "echoPin": "••••••"}


def test_a_refused_change_leaves_no_trace(bot: Bot) -> None:
    before = AuditEvent.objects.count()
    found = problems(
        lambda: bot_update(
            bot=bot, expected_revision=1, author="bea", message="x" * 201, display_name="D"
        )
    )
    assert list(found) == ["message"]
    assert list(problems(lambda: bot_create(name="n", author="b", message="x" * 201))) == [
        "message"
    ]
    problems(lambda: bot_update(bot=bot, expected_revision=1, author="b", params={"x": 1}))
    assert AuditEvent.objects.count() == before


def test_minting_and_creating_have_their_own_events(bot: Bot) -> None:
    created = AuditEvent.objects.get(action="bot.created", target="demo")
    assert created.before is None
    assert created.after is not None
    assert created.after["base"] == "base"
    token = mint_voice_token(bot, author="bea")
    minted = AuditEvent.objects.get(action="bot.token_minted")
    assert minted.after == {"access_mode": "token"}
    assert token not in str(list(AuditEvent.objects.values()))
