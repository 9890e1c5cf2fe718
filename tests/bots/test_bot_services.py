"""Changing the configuration: what is refused, what is recorded, who wins a race."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction

from bots import access
from bots.core.errors import ParameterError
from bots.models import MAX_DEPTH, Bot, Provider, Route
from bots.selectors import call_configuration
from bots.services import (
    StaleRevision,
    bot_create,
    bot_restore,
    bot_update,
    mint_voice_token,
    provider_create,
    provider_update,
    route_create,
)

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def echo(plugins: None, db: None) -> Provider:
    return provider_create(name="echo", kind="bot", plugin="echo", params={"echoTone": "cool"})


@pytest.fixture
def base(echo: Provider) -> Bot:
    return bot_create(
        name="base", author="ann", is_base=True, provider=echo, params={"language": "de-DE"}
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="demo", author="ann", base=base, params={"echoGreeting": "Servus"})


def update(bot: Bot, **changes: Any) -> Bot:
    current = Bot.objects.get(pk=bot.pk)
    return bot_update(bot=bot, expected_revision=current.revision, author="bea", **changes)


def problems(change: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused, transaction.atomic():
        change()
    return refused.value.problems


def test_a_new_bot_begins_its_history(bot: Bot, base: Bot) -> None:
    revision = bot.revisions.get()
    assert (revision.number, revision.author, revision.params) == (
        1,
        "ann",
        {"echoGreeting": "Servus"},
    )
    assert revision.settings == {
        "display_name": "",
        "is_base": False,
        "enabled": True,
        "access_mode": "none",
        "base": "base",
        "provider": None,
        "stt_provider": None,
        "tts_provider": None,
        "vad_provider": None,
        "carrier_provider": None,
    }


def test_a_change_is_stored_with_a_revision_that_says_who_and_why(bot: Bot) -> None:
    after = update(bot, message="Louder", params={"echoGreeting": "HELLO"}, display_name="Demo")
    stored = Bot.objects.get(pk=bot.pk)
    assert (stored.revision, stored.params, stored.display_name) == (
        2,
        {"echoGreeting": "HELLO"},
        "Demo",
    )
    assert (after.revision, after.updated_at) == (stored.revision, stored.updated_at)
    assert stored.updated_at > bot.updated_at
    last = bot.revisions.first()
    assert last is not None
    assert (last.number, last.author, last.message) == (2, "bea", "Louder")


def test_a_change_based_on_an_old_revision_is_refused(bot: Bot) -> None:
    bot_update(bot=bot, expected_revision=1, author="bea", enabled=False)
    with pytest.raises(StaleRevision, match="demo is at revision 2, expected 1") as stale:
        bot_update(bot=bot, expected_revision=1, author="cyd", enabled=True)
    assert (stale.value.code, stale.value.current, stale.value.expected) == ("stale-revision", 2, 1)
    assert not Bot.objects.get(pk=bot.pk).enabled
    assert bot.revisions.count() == 2


def test_a_change_to_a_deleted_bot_or_provider_is_refused(bot: Bot) -> None:
    spare = provider_create(name="spare", kind="stt", plugin="ear")
    Provider.objects.filter(pk=spare.pk).delete()
    with pytest.raises(StaleRevision, match="spare was deleted"):
        provider_update(provider=spare, expected_revision=1, params={})
    Bot.objects.filter(pk=bot.pk).delete()
    with pytest.raises(StaleRevision, match="demo was deleted"):
        bot_update(bot=bot, expected_revision=1, author="bea", enabled=False)


def test_every_problem_of_a_new_bot_is_reported_at_once(base: Bot) -> None:
    wrong = {"languages": "x", "bargeIn": "perhaps", "echoTone": "hot", "language": "?"}
    found = problems(lambda: bot_create(name="No Slug", author="ann", base=base, params=wrong))
    assert sorted(found) == ["bargeIn", "echoTone", "language", "languages", "name"]
    assert found["languages"] == "is not a parameter; did you mean language?"
    assert not Bot.objects.filter(base=base).exists()


def test_a_bot_needs_a_bot_framework_and_a_base_bot_does_not() -> None:
    assert list(problems(lambda: bot_create(name="demo", author="ann"))) == ["provider"]
    bot_create(name="template", author="ann", is_base=True)


def test_a_provider_must_be_of_the_right_kind(echo: Provider) -> None:
    found = problems(lambda: bot_create(name="x", author="a", provider=echo, stt_provider=echo))
    assert "stt_provider" in found


def test_a_name_is_taken_once(bot: Bot) -> None:
    assert "name" in problems(lambda: bot_create(name="demo", author="ann", base=bot.base))


def test_parameters_must_be_an_object(bot: Bot) -> None:
    found = problems(lambda: update(bot, params=["language"]))
    assert found == {"params": "must be an object of wire names and values"}


def test_a_base_must_be_a_base_bot(bot: Bot, echo: Provider) -> None:
    found = problems(lambda: bot_create(name="x", author="a", base=bot, provider=echo))
    assert "base" in found


def test_bots_cannot_inherit_from_themselves_in_a_circle(base: Bot) -> None:
    middle = bot_create(name="middle", author="ann", is_base=True, base=base)
    assert problems(lambda: update(base, base=base))["base"].startswith("inherits from itself")
    found = problems(lambda: update(base, base=middle))
    assert found["base"] == ("inherits from itself: base > middle > base; choose another base")


def test_a_chain_of_base_bots_has_a_limit(base: Bot) -> None:
    last = base
    for number in range(2, MAX_DEPTH + 1):
        last = bot_create(name=f"base-{number}", author="ann", is_base=True, base=last)
    deepest = bot_create(name="deepest", author="ann", base=last)
    assert call_configuration("deepest").resolved.origin("language").name == "base bot base"
    root = bot_create(name="root", author="ann", is_base=True)
    found = problems(lambda: update(base, base=root))
    assert found == {"deepest.base": "more than 8 base bots above deepest; shorten the chain"}
    assert deepest.base == last


def test_a_base_bot_is_not_changed_into_something_that_breaks_its_heirs(
    base: Bot, bot: Bot
) -> None:
    second = bot_create(name="second", author="ann", base=base, params={"userNoInputRetries": 5})
    found = problems(lambda: update(base, provider=None))
    assert sorted(found) == ["demo.provider", "second.provider"]
    assert Bot.objects.get(pk=base.pk).revision == 1
    assert second.revision == 1


def test_a_wrong_value_of_a_base_bot_is_told_once_and_not_for_each_heir(
    base: Bot, bot: Bot
) -> None:
    found = problems(lambda: update(base, params={"dtmfCollectMaxDigits": 900}))
    assert found == {"dtmfCollectMaxDigits": "must be between 1 and 100"}


def test_an_heir_that_is_broken_already_does_not_block_its_base(base: Bot, bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(params={"gone": 1})
    assert update(base, params={"language": "fr-FR"}).revision == 2


def test_a_broken_bot_can_still_be_disabled_but_not_enabled(bot: Bot) -> None:
    Bot.objects.filter(pk=bot.pk).update(params={"gone": 1})
    disabled = update(bot, enabled=False)
    assert not disabled.enabled
    assert list(problems(lambda: update(bot, enabled=True))) == ["gone"]


def test_a_base_bot_with_heirs_stays_a_base_bot(base: Bot, bot: Bot) -> None:
    assert problems(lambda: update(base, is_base=False))["is_base"] == (
        "bots inherit from it: demo; change them first"
    )


def test_a_bot_with_routes_does_not_become_a_base_bot(bot: Bot) -> None:
    route_create(pattern="+1555*", bot=bot)
    assert problems(lambda: update(bot, is_base=True))["is_base"] == (
        "routes lead to this bot: +1555*; remove them first"
    )
    Route.objects.all().delete()
    assert update(bot, is_base=True).is_base


def test_routes_lead_to_bots_that_take_calls(base: Bot, bot: Bot) -> None:
    assert list(problems(lambda: route_create(pattern="*", bot=base))) == ["bot"]
    assert list(problems(lambda: route_create(pattern="x", bot=bot))) == ["pattern"]
    route_create(pattern="*", bot=bot, priority=5)
    assert list(problems(lambda: route_create(pattern="*", bot=bot))) == ["pattern"]


def test_values_of_a_provider_that_is_not_used_are_kept_without_effect(bot: Bot) -> None:
    other = provider_create(name="other", kind="bot", plugin="other")
    after = update(bot, provider=other)
    assert after.params == {"echoGreeting": "Servus"}
    assert "echoGreeting" not in call_configuration("demo").resolved.values()
    back = update(bot, provider=None)
    assert call_configuration(back.name).resolved.values()["echoGreeting"] == "Servus"


def test_a_stale_copy_of_a_provider_is_not_what_is_checked(bot: Bot) -> None:
    ear = provider_create(name="ear", kind="stt", plugin="ear", params={"earLimitMS": 900})
    provider_update(provider=ear, expected_revision=1, params={})
    assert ear.params == {"earLimitMS": 900}
    found = problems(lambda: update(bot, stt_provider=ear, params={"earWaitMS": 600}))
    assert list(found) == ["Ear"]
    assert found["Ear"].startswith("earWaitMS must not exceed earLimitMS")


def test_a_revision_can_be_restored(bot: Bot, base: Bot, echo: Provider) -> None:
    update(bot, params={}, base=None, provider=echo, display_name="Changed", enabled=False)
    restored = bot_restore(bot=bot, number=1, expected_revision=2, author="cyd")
    assert (restored.params, restored.base, restored.provider) == (
        {"echoGreeting": "Servus"},
        base,
        None,
    )
    assert (restored.display_name, restored.enabled, restored.revision) == ("", True, 3)
    last = bot.revisions.first()
    assert last is not None
    assert last.message == "Restore revision 1"


def test_a_restored_bot_keeps_the_access_it_has(bot: Bot) -> None:
    mint_voice_token(bot)
    restored = bot_restore(bot=bot, number=1, expected_revision=2, author="cyd")
    assert restored.access_mode == "token"
    assert restored.token_digest


def test_what_cannot_be_restored_is_named(bot: Bot, echo: Provider) -> None:
    with pytest.raises(LookupError, match="bot 'demo' has no revision 9"):
        bot_restore(bot=bot, number=9, expected_revision=1, author="cyd")
    update(bot, base=None, provider=echo)
    Bot.objects.filter(name="base").delete()
    found = problems(lambda: bot_restore(bot=bot, number=1, expected_revision=2, author="cyd"))
    assert found == {"base": "base does not exist any more; create it first"}


def test_a_minted_token_is_shown_once_and_replaces_the_one_before(bot: Bot) -> None:
    first = mint_voice_token(bot, author="ann")
    second = mint_voice_token(bot, author="ann")
    stored = Bot.objects.get(pk=bot.pk)
    assert first.startswith("vgw_")
    assert first != second
    assert access.matches(second, stored.token_digest)
    assert not access.matches(first, stored.token_digest)
    assert (stored.access_mode, stored.revision) == ("token", 3)
    snapshots = str(list(bot.revisions.values()))
    assert second not in snapshots
    assert stored.token_digest not in snapshots


def test_a_base_bot_gets_no_token_and_no_access_mode(base: Bot) -> None:
    assert list(problems(lambda: mint_voice_token(base))) == ["access_mode"]
    assert problems(lambda: update(base, access_mode="oauth")) == {
        "access_mode": "a base bot takes no calls; use none"
    }


def test_mode_token_needs_a_token_and_leaving_it_forgets_the_token(bot: Bot) -> None:
    found = problems(lambda: update(bot, access_mode="token"))
    assert found == {"access_mode": "needs a token first: mint one for this bot"}
    mint_voice_token(bot)
    assert update(bot, access_mode="oauth").token_digest == ""
    assert list(problems(lambda: update(bot, access_mode="token"))) == ["access_mode"]


def test_a_provider_is_checked_against_its_plugin() -> None:
    found = problems(
        lambda: provider_create(
            name="Echo 1", kind="bot", plugin="echo", params={"earModel": "x", "echoTone": "hot"}
        )
    )
    assert sorted(found) == ["earModel", "echoTone", "name"]
    assert list(problems(lambda: provider_create(name="e", kind="stt", plugin="echo"))) == [
        "plugin"
    ]
    unknown: Any = "llm"
    assert list(problems(lambda: provider_create(name="e", kind=unknown, plugin="echo"))) == [
        "kind"
    ]


def test_a_provider_is_changed_by_revision_and_reaches_new_calls(bot: Bot, echo: Provider) -> None:
    assert call_configuration("demo").resolved.values()["echoTone"] == "cool"
    after = provider_update(provider=echo, expected_revision=1, params={"echoTone": "warm"})
    assert after.revision == Provider.objects.get(pk=echo.pk).revision == 2
    assert call_configuration("demo").resolved.values()["echoTone"] == "warm"
    with pytest.raises(StaleRevision, match="echo is at revision 2, expected 1"):
        provider_update(provider=echo, expected_revision=1, params={})
    assert list(
        problems(lambda: provider_update(provider=echo, expected_revision=2, params={"x": 1}))
    ) == ["x"]


def test_a_provider_is_not_changed_into_something_that_breaks_a_bot(bot: Bot) -> None:
    ear = provider_create(name="ear", kind="stt", plugin="ear", params={"earLimitMS": 900})
    update(bot, stt_provider=ear, params={"earWaitMS": 600})
    found = problems(lambda: provider_update(provider=ear, expected_revision=1, params={}))
    assert list(found) == ["demo.Ear"]
    assert found["demo.Ear"].startswith("earWaitMS must not exceed earLimitMS")
    provider_update(provider=ear, expected_revision=1, params={"earLimitMS": 700})


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_exactly_one_wins(bot: Bot) -> None:
    together = threading.Barrier(2, timeout=20)
    outcomes: list[str] = []

    def change(author: str) -> None:
        together.wait()
        try:
            bot_update(bot=bot, expected_revision=1, author=author, display_name=author)
            outcomes.append(author)
        except StaleRevision:
            outcomes.append("stale")
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=(name,)) for name in ("ann", "bea")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert outcomes.count("stale") == 1
    winner = next(name for name in outcomes if name != "stale")
    stored = Bot.objects.get(pk=bot.pk)
    assert (stored.revision, stored.display_name) == (2, winner)
    assert [r.author for r in bot.revisions.all()] == [winner, "ann"]
