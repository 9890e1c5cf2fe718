"""Configuration files: what leaves one gateway comes in at another, all of it or nothing."""

from typing import Any

import pytest

from bots.core.configuration_file import MalformedDocument
from bots.core.params.resolve import MASK
from bots.models import AuditEvent, Bot, BotRevision, Provider, Route
from bots.people import Person, person
from bots.selectors import call_configuration
from bots.services import bot_create, bot_update, mint_voice_token, provider_create, route_create
from bots.services.export import configuration_export
from bots.services.import_configuration import Plan, StaleImport, configuration_import
from tests.worlds import with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]


@pytest.fixture
def echo(plugins: None, db: None) -> Provider:
    return provider_create(
        name="echo", kind="bot", plugin="echo", params={"echoTone": "cool", "echoPin": "canary-1"}
    )


@pytest.fixture
def base(echo: Provider) -> Bot:
    ear = provider_create(name="ear", kind="stt", plugin="ear", credentials={"earKey": "canary-2"})
    return bot_create(
        name="retail",
        author="ann",
        is_base=True,
        provider=echo,
        stt_provider=ear,
        params={"language": "de-DE", "echoPin": "canary-3"},
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    made = bot_create(
        name="door",
        author="ann",
        base=base,
        display_name="Tür",
        params={"echoGreeting": "Grüß Gott\nund Servus\n", "earWaitMS": 20},
    )
    route_create(pattern="+1555*", bot=made, note="no")
    return made


def bring(text: str, **options: Any) -> Plan:
    return configuration_import(text, **{"author": "bea", **options})


def emptied() -> None:
    Route.objects.all().delete()
    Bot.objects.filter(is_base=False).delete()
    Bot.objects.all().delete()
    Provider.objects.all().delete()


def told(plan: Plan) -> dict[str, str]:
    return {problem.path: problem.text for problem in plan.problems}


def actions(plan: Plan) -> dict[str, str]:
    return {entry.name: entry.action for entry in plan.entries}


def test_what_was_exported_changes_nothing_where_it_came_from(bot: Bot) -> None:
    text = configuration_export()
    plan = bring(text)
    assert set(actions(plan).values()) == {"same"}
    assert (plan.problems, plan.changes, plan.left_alone) == ((), False, 0)
    assert [entry.secrets for entry in plan.entries] == [()] * 5
    assert BotRevision.objects.count() == 2
    assert not AuditEvent.objects.filter(action="configuration.imported").exists()


def test_no_secret_and_no_token_leaves_in_a_file(bot: Bot) -> None:
    token = mint_voice_token(bot)
    text = configuration_export()
    digest = Bot.objects.get(pk=bot.pk).token_digest
    for hidden in ("canary", "$secret", MASK, token, digest):
        assert hidden not in text
    assert "    secrets:\n    - echoPin\n" in text
    assert "    credentials:\n    - earKey\n" in text


def test_an_empty_gateway_becomes_the_same_but_for_secrets(bot: Bot) -> None:
    text = configuration_export()
    emptied()
    plan = bring(text)
    assert set(actions(plan).values()) == {"create"}
    assert plan.problems == ()
    assert {entry.name: entry.secrets for entry in plan.entries if entry.secrets} == {
        "echo": ("echoPin",),
        "ear": ("earKey",),
        "retail": ("echoPin",),
    }
    configured = call_configuration("door")
    assert configured.resolved.values()["language"] == "de-DE"
    assert configured.resolved.values()["echoGreeting"] == "Grüß Gott\nund Servus\n"
    retail = Bot.objects.get(name="retail")
    bot_update(
        bot=retail, expected_revision=1, author="bea", params={**retail.params, "echoPin": "new"}
    )
    again = bring(configuration_export())
    assert set(actions(again).values()) == {"same"}
    assert Route.objects.get().bot.name == "door"


def test_a_dry_run_tells_what_would_happen_and_stores_nothing(bot: Bot) -> None:
    text = configuration_export().replace("de-DE", "fr-FR").replace("Tür", "Porte")
    events = AuditEvent.objects.count()
    plan = bring(text, dry_run=True)
    by_name = {entry.name: entry for entry in plan.entries if entry.action != "same"}
    assert set(by_name) == {"retail", "door"}
    (parameter,) = by_name["retail"].changes.parameters
    assert (parameter.name, parameter.before, parameter.after) == ("language", "de-DE", "fr-FR")
    (setting,) = by_name["door"].changes.settings
    assert (setting.name, setting.after) == ("display_name", "Porte")
    assert Bot.objects.get(name="retail").params["language"] == "de-DE"
    assert AuditEvent.objects.count() == events
    done = bring(text, expected=plan.stamp)
    assert actions(done) == actions(plan)
    assert Bot.objects.get(name="retail").params["language"] == "fr-FR"


def test_an_import_leaves_revisions_and_events(bot: Bot) -> None:
    text = configuration_export().replace("Tür", "Porte").replace("cool", "warm")
    bring(text, message="From git")
    last = BotRevision.objects.get(bot=bot, number=2)
    assert (last.author, last.message, last.settings["display_name"]) == (
        "bea",
        "From git",
        "Porte",
    )
    assert not BotRevision.objects.filter(bot__name="retail", number=2).exists()
    events = AuditEvent.objects.exclude(message="").filter(action="configuration.imported")
    assert [event.message for event in events] == ["From git: 0 created, 2 changed"]
    changed = AuditEvent.objects.get(action="provider.changed")
    assert (changed.title, changed.before, changed.after) == (
        "echo",
        {"echoTone": "cool"},
        {"echoTone": "warm"},
    )
    assert AuditEvent.objects.filter(action="bot.changed", target="door").count() == 1


def test_what_changed_since_the_dry_run_is_not_overwritten(bot: Bot) -> None:
    text = configuration_export().replace("Tür", "Porte")
    stamp = bring(text, dry_run=True).stamp
    bot_update(bot=bot, expected_revision=1, author="cyd", display_name="Door")
    with pytest.raises(StaleImport):
        bring(text, expected=stamp)
    with pytest.raises(StaleImport):
        bring(text + "\n", expected=bring(text, dry_run=True).stamp)
    assert Bot.objects.get(pk=bot.pk).display_name == "Door"


def test_what_the_file_does_not_name_is_left_alone(bot: Bot) -> None:
    plan = bring("version: 1\nbots:\n  other:\n    is_base: true\n")
    assert (actions(plan), plan.left_alone) == ({"other": "create"}, 5)
    assert set(Bot.objects.values_list("name", flat=True)) == {"retail", "door", "other"}


def test_one_problem_keeps_everything_out(bot: Bot) -> None:
    plan = bring(
        "version: 1\n"
        "providers:\n"
        "  mouth:\n"
        "    kind: tts\n"
        "    plugin: mouth\n"
        "bots:\n"
        "  door:\n"
        "    base: retail\n"
        "    params:\n"
        "      echoGreeting: 5\n"
        "      langauge: x\n"
        "  lost:\n"
        "    base: nowhere\n"
        "    stt_provider: echo\n"
    )
    assert [(problem.path, problem.line) for problem in plan.problems] == [
        ("bots.door.params.langauge", 11),
        ("bots.door.params.echoGreeting", 10),
        ("bots.lost.base", 13),
        ("bots.lost.stt_provider", 14),
    ]
    assert told(plan)["bots.lost.stt_provider"] == "there is no stt provider named echo"
    assert not Provider.objects.filter(name="mouth").exists()
    assert Bot.objects.get(name="door").revision == 1


def test_the_order_within_the_file_does_not_matter() -> None:
    plan = bring(
        "version: 1\n"
        "bots:\n"
        "  leaf:\n"
        "    base: middle\n"
        "  middle:\n"
        "    is_base: true\n"
        "    base: root\n"
        "  root:\n"
        "    is_base: true\n"
        "    provider: echo\n"
        "providers:\n"
        "  echo:\n"
        "    kind: bot\n"
        "    plugin: echo\n"
    )
    assert plan.problems == ()
    assert call_configuration("leaf").connector.provider == "echo"


def test_only_the_end_has_to_work_not_each_step(bot: Bot, base: Bot) -> None:
    """The base's limit falls under what the heir waits, who waits less in the same file."""
    text = configuration_export()
    assert told(bring(text.replace("language: de-DE", "earLimitMS: 10"), dry_run=True)) == {
        "bots.door.Ear": "earWaitMS must not exceed earLimitMS "
        "(set by base bot retail and bot door)"
    }
    both = text.replace("language: de-DE", "earLimitMS: 10").replace(
        "earWaitMS: 20", "earWaitMS: 5"
    )
    assert bring(both).problems == ()


def test_an_heir_that_the_file_does_not_name_must_go_on_working(bot: Bot) -> None:
    text = "version: 1\nbots:\n  retail:\n    is_base: true\n"
    plan = bring(text)
    assert told(plan) == {
        "bots.door.provider": "no bot framework is chosen, here or in a base bot; choose one"
    }


def test_bots_that_inherit_from_each_other_are_refused() -> None:
    plan = bring(
        "version: 1\nbots:\n  one: {is_base: true, base: two}\n  two: {is_base: true, base: one}\n"
    )
    assert set(told(plan)) == {"bots.one.base", "bots.two.base"}


def test_a_stored_circle_is_refused(base: Bot) -> None:
    bot_create(name="upper", author="ann", is_base=True)
    upper = "  upper: {is_base: true, base: retail}\n"
    retail = "  retail: {is_base: true, base: upper}\n"
    plan = bring(f"version: 1\nbots:\n{upper}{retail}")
    assert "inherits from itself" in told(plan)["bots.upper.base"]


def test_a_bot_with_routes_does_not_become_a_base_bot(bot: Bot) -> None:
    plan = bring("version: 1\nbots:\n  door: {is_base: true, base: retail}\n")
    assert "routes lead to this bot: +1555*" in told(plan)["bots.door.is_base"]


def test_a_route_ends_at_a_bot_that_takes_calls(bot: Bot) -> None:
    plan = bring("version: 1\nroutes:\n- {pattern: '+1', bot: retail}\n- {bot: nobody}\n")
    assert set(told(plan)) == {"routes.0.bot", "routes.1.bot"}


def test_a_route_is_known_by_its_conditions(bot: Bot) -> None:
    plan = bring("version: 1\nroutes:\n- {pattern: +1555*, bot: door, priority: 7, note: 'no'}\n")
    assert actions(plan) == {"+1555*": "change"}
    assert Route.objects.get().priority == 7
    assert AuditEvent.objects.filter(action="route.changed").count() == 1


def test_a_provider_keeps_its_kind_and_its_credentials(bot: Bot) -> None:
    plan = bring("version: 1\nproviders:\n  ear: {kind: tts, plugin: mouth}\n")
    assert set(told(plan)) == {"providers.ear.plugin"}
    bring("version: 1\nproviders:\n  ear: {kind: stt, plugin: ear, params: {earModel: x}}\n")
    ear = Provider.objects.get(name="ear")
    assert (set(ear.credentials), ear.params, ear.revision) == ({"earKey"}, {"earModel": "x"}, 2)


def test_a_plug_in_that_is_not_there_is_named() -> None:
    plan = bring("version: 1\nproviders:\n  far: {kind: stt, plugin: far}\n")
    assert "no stt plug-in named 'far'" in told(plan)["providers.far.plugin"]


def test_a_secret_may_be_given_but_not_its_mask(bot: Bot) -> None:
    text = "version: 1\nbots:\n  retail: {is_base: true, provider: echo, stt_provider: ear"
    plan = bring(text + ", params: {language: de-DE, echoPin: canary-9}}\n")
    assert plan.problems == ()
    (entry,) = plan.entries
    (found,) = entry.changes.parameters
    assert (found.name, found.before, found.after, found.secret) == ("echoPin", MASK, MASK, True)
    params: Any = call_configuration("door").connector.params
    assert params.pin.get_secret_value() == "canary-9"
    assert "canary" not in str(Bot.objects.get(name="retail").params)
    plan = bring(text + ", params: {echoPin: {$secret: abc}}}\n")
    assert "is encrypted already" in told(plan)["bots.retail.params.echoPin"]


def test_a_secret_that_the_file_does_not_name_is_removed(bot: Bot, base: Bot) -> None:
    text = configuration_export(names=["door"]).replace("    secrets:\n    - echoPin\n", "")
    plan = bring(text)
    assert actions(plan)["retail"] == "change"
    assert "echoPin" not in Bot.objects.get(pk=base.pk).params


def test_a_bot_that_wants_a_token_lets_nobody_in_until_one_is_minted(bot: Bot) -> None:
    mint_voice_token(bot)
    text = configuration_export()
    digest = Bot.objects.get(pk=bot.pk).token_digest
    assert not any(entry.needs_token for entry in bring(text).entries)
    assert Bot.objects.get(pk=bot.pk).token_digest == digest
    emptied()
    plan = bring(text)
    assert [entry.name for entry in plan.entries if entry.needs_token] == ["door"]
    made = Bot.objects.get(name="door")
    assert (made.access_mode, len(made.token_digest)) == ("token", 64)
    assert made.token_digest != digest
    bring(text.replace("access_mode: token", "access_mode: none"))
    assert Bot.objects.get(name="door").token_digest == ""


def test_nobody_can_guess_the_token_of_an_imported_bot(echo: Provider) -> None:
    bots = "".join(f"  bot-{n}: {{provider: echo, access_mode: token}}\n" for n in range(2))
    assert bring(f"version: 1\nbots:\n{bots}").problems == ()
    assert len(set(Bot.objects.values_list("token_digest", flat=True))) == 2


def test_a_base_bot_asks_callers_for_nothing() -> None:
    plan = bring("version: 1\nbots:\n  b: {is_base: true, access_mode: oauth}\n")
    assert told(plan) == {"bots.b.access_mode": "a base bot takes no calls; use none"}


@pytest.mark.parametrize("text", ["version: 2\n", "bots: [", "version: 1\nbots: {Demo: {}}\n"])
def test_what_is_no_configuration_is_refused(text: str) -> None:
    with pytest.raises(MalformedDocument):
        bring(text)


def scoped(bot: Bot) -> Person:
    return person(with_role("operator", name="narrow", bots=[bot]))


def test_who_reaches_some_bots_exports_only_what_they_see(bot: Bot) -> None:
    bot_create(name="other", author="ann", base=bot.base, params={"language": "it-IT"})
    text = configuration_export(who=scoped(bot))
    assert "other" not in text
    assert "door" in text
    assert "retail" in text
    with pytest.raises(LookupError):
        configuration_export(who=scoped_again(), names=["other"])


def scoped_again() -> Person:
    return person(with_role("operator", name="narrower", bots=[]))


def test_who_reaches_some_bots_changes_only_those(bot: Bot) -> None:
    other = bot_create(name="other", author="ann", base=bot.base)
    who = scoped(bot)
    text = configuration_export()
    assert bring(configuration_export(who=who), who=who).problems == ()
    plan = bring(text.replace("Tür", "Porte"), who=who)
    assert told(plan) == {"bots.other": "is not among the bots that you may change"}
    mine = configuration_export(who=who)
    assert bring(mine.replace("Tür", "Porte"), who=who).problems == ()
    shared = bring(mine.replace("de-DE", "fr-FR").replace("cool", "warm"), who=who)
    assert set(told(shared)) == {"bots.retail", "providers.echo"}
    created = bring("version: 1\nbots:\n  fresh: {base: retail}\n", who=who)
    assert told(created) == {"bots.fresh": "is not among the bots that you may change"}
    two = f"version: 1\nroutes:\n- {{bot: {other.name}}}\n- {{bot: door, host: h}}\n"
    routes = bring(two, who=who)
    assert set(told(routes)) == {"routes.0.bot", "routes.1"}
    assert Route.objects.count() == 1


def test_who_may_only_read_changes_nothing(bot: Bot) -> None:
    viewer = person(with_role("viewer"))
    plan = bring(configuration_export().replace("Tür", "Porte"), who=viewer)
    assert set(told(plan)) == {"bots.door"}
    new = (
        "version: 1\nproviders:\n  mouth: {kind: tts, plugin: mouth}\nbots:\n  x: {is_base: true}\n"
    )
    assert set(told(bring(new, who=viewer))) == {"providers.mouth", "bots.x"}


def test_an_export_is_an_event(bot: Bot) -> None:
    configuration_export(names=["door"])
    event = AuditEvent.objects.get(action="configuration.exported")
    assert (event.title, event.message) == ("door", "2 bots, 2 providers, 1 routes")


def test_chosen_bots_bring_what_they_need(bot: Bot) -> None:
    bot_create(name="other", author="ann", is_base=True)
    provider_create(name="mouth", kind="tts", plugin="mouth")
    whole, part = configuration_export(), configuration_export(names=["door"])
    for name in ("other", "mouth"):
        assert name in whole
        assert name not in part
    for name in ("door", "retail", "echo", "ear", "+1555*"):
        assert name in part
