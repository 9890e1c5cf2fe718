"""Secret parameters of bots and providers: stored encrypted, used plain, never shown."""

import json
from collections.abc import Callable
from functools import partial
from io import StringIO
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.core.checks import Tags, run_checks
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from pytest_django import DjangoAssertNumQueries, Settings

from bots.core.errors import ParameterError
from bots.core.params.resolve import MASK
from bots.models import Bot, BotRevision, Provider
from bots.secrets import is_envelope
from bots.selectors import bot_parameters, call_configuration, unreadable_secrets
from bots.services import (
    bot_create,
    bot_restore,
    bot_update,
    provider_create,
    provider_update,
    rotate_secrets,
    rotation,
)

pytestmark = [pytest.mark.db, pytest.mark.django_db, pytest.mark.usefixtures("plugins")]

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
PIN = "canary-1234"
UNREADABLE = (
    "cannot be decrypted with any of the keys in FIELD_KEYS; give its key back or set it again"
)


@pytest.fixture(autouse=True)
def _keys(settings: Settings) -> None:
    settings.FIELD_KEYS = (OLD,)


@pytest.fixture
def echo(plugins: None, db: None) -> Provider:
    return provider_create(name="echo", kind="bot", plugin="echo")


@pytest.fixture
def base(echo: Provider) -> Bot:
    return bot_create(
        name="base", author="ann", is_base=True, provider=echo, params={"echoPin": PIN}
    )


@pytest.fixture
def bot(base: Bot) -> Bot:
    return bot_create(name="demo", author="ann", base=base)


def update(bot: Bot, **changes: Any) -> Bot:
    current = Bot.objects.get(pk=bot.pk)
    return bot_update(bot=bot, expected_revision=current.revision, author="bea", **changes)


def pin(bot_name: str) -> str:
    """What a call to the bot gets."""
    params: Any = call_configuration(bot_name).connector.params
    return str(params.pin.get_secret_value())


def problems(change: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused, transaction.atomic():
        change()
    assert PIN not in str(refused.value)
    return refused.value.problems


def database_text() -> str:
    """Every parameter in the database, as it lies there."""
    tables = [Bot._meta.db_table, BotRevision._meta.db_table, Provider._meta.db_table]
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(f"SELECT CAST(params AS text) FROM {t}" for t in tables))
        return "\n".join(row[0] for row in cursor.fetchall())


def stored(row: Bot | Provider) -> Any:
    row.refresh_from_db()
    return row.params["echoPin"]


# --- storing and using ----------------------------------------------------------------------------


def test_a_secret_is_encrypted_at_rest_and_plain_in_a_call(bot: Bot, echo: Provider) -> None:
    assert pin("demo") == PIN
    update(bot, params={"echoPin": f"{PIN}-own"})
    assert pin("demo") == f"{PIN}-own"
    provider_update(provider=echo, expected_revision=1, params={"echoPin": f"{PIN}-provider"})
    lone = bot_create(name="lone", author="ann", provider=echo)
    assert pin(lone.name) == f"{PIN}-provider"
    assert PIN not in database_text()
    assert database_text().count("$secret") == 5


def test_a_provider_may_begin_with_a_secret(bot: Bot) -> None:
    second = provider_create(name="second", kind="bot", plugin="echo", params={"echoPin": PIN})
    assert is_envelope(second.params["echoPin"])
    bot_create(name="lone", author="ann", provider=second)
    assert pin("lone") == PIN


def test_what_services_answer_holds_no_plain_secret(bot: Bot, base: Bot) -> None:
    assert is_envelope(base.params["echoPin"])
    after = update(bot, params={"echoPin": PIN})
    assert is_envelope(after.params["echoPin"])


def test_a_secret_is_checked_before_it_is_encrypted(bot: Bot, echo: Provider) -> None:
    wrong: list[Any] = [1234, None, ["x"], {"pin": PIN}]
    for value in wrong:
        found = problems(partial(update, bot, params={"echoPin": value}))
        assert found.keys() == {"echoPin"}
    with pytest.raises(ParameterError, match=r"^echoPin: "):
        provider_update(provider=echo, expected_revision=1, params={"echoPin": 1234})


def test_a_configuration_never_shows_its_secrets(bot: Bot) -> None:
    found = call_configuration("demo")
    resolved = bot_parameters("demo")
    assert resolved.values()["echoPin"] == MASK
    assert [value for _, value in resolved.chain("echoPin")] == ["", MASK]
    for text in (repr(found), str(found.connector), repr(resolved.layers)):
        assert PIN not in text
    assert resolved.origin("echoPin").name == "base bot base"


def test_a_bot_can_do_without_the_secret_of_its_base(bot: Bot) -> None:
    update(bot, params={"echoPin": ""})
    assert pin("demo") == ""
    assert bot_parameters("demo").values()["echoPin"] == ""


# --- write-only -----------------------------------------------------------------------------------


def test_the_mask_leaves_a_secret_as_it_is(base: Bot, bot: Bot, echo: Provider) -> None:
    before = base.params["echoPin"]
    update(base, params={"echoPin": MASK, "language": "de-DE"})
    assert stored(base) == before
    update(bot, params={"echoPin": MASK, "language": "de-DE"})
    bot.refresh_from_db()
    assert bot.params == {"language": "de-DE"}
    provider_update(provider=echo, expected_revision=1, params={"echoPin": PIN})
    before = stored(echo)
    provider_update(provider=echo, expected_revision=2, params={"echoPin": MASK})
    assert stored(echo) == before
    assert pin("demo") == PIN


def test_the_mask_is_no_secret_for_a_new_bot_or_provider(base: Bot) -> None:
    new = {"echoPin": MASK}
    refusal = {"echoPin": "is only the mask of a secret; give the secret itself"}
    assert problems(lambda: bot_create(name="x", author="a", base=base, params=new)) == refusal
    made = problems(lambda: provider_create(name="x", kind="bot", plugin="echo", params=new))
    assert made == refusal


def test_nobody_can_use_the_envelope_of_another_bot(base: Bot, bot: Bot, echo: Provider) -> None:
    stolen = {"echoPin": base.params["echoPin"]}
    refusal = {"echoPin": "is encrypted already; give the secret itself"}
    assert problems(lambda: update(bot, params=stolen)) == refusal
    assert problems(lambda: bot_create(name="x", author="a", base=base, params=stolen)) == refusal
    change = problems(lambda: provider_update(provider=echo, expected_revision=1, params=stolen))
    assert change == refusal


def test_a_bot_may_be_given_back_what_it_holds(base: Bot) -> None:
    update(base, params={**base.params, "language": "de-DE"})
    assert pin(bot_create(name="x", author="ann", base=base).name) == PIN


def test_a_revision_brings_its_secret_back(base: Bot, bot: Bot) -> None:
    update(base, params={"echoPin": "another"})
    assert pin("demo") == "another"
    bot_restore(bot=base, number=1, expected_revision=2, author="ann")
    assert pin("demo") == PIN
    update(base, params={})
    bot_restore(bot=base, number=2, expected_revision=4, author="ann")
    assert pin("demo") == "another"


# --- lost keys ------------------------------------------------------------------------------------


def test_a_lost_secret_stops_only_the_bots_that_use_it(
    bot: Bot, echo: Provider, settings: Settings
) -> None:
    settings.FIELD_KEYS = (NEW,)
    call = problems(lambda: call_configuration("demo"))
    assert call == {"echoPin": f"{UNREADABLE} (set by base bot base)"}
    bot_create(name="other", author="ann", provider=echo, params={"echoPin": "fine"})
    assert pin("other") == "fine"
    update(bot, params={"echoPin": "my own"})
    assert pin("demo") == "my own"


def test_a_bot_with_a_lost_secret_can_be_disabled_and_repaired(
    base: Bot, bot: Bot, settings: Settings
) -> None:
    settings.FIELD_KEYS = (NEW,)
    update(bot, enabled=False)
    for kept in (MASK, base.params["echoPin"]):
        found = problems(partial(update, base, params={"echoPin": kept, "language": "de-DE"}))
        assert found["echoPin"] == UNREADABLE
    update(base, params={"echoPin": "new"})
    update(bot, enabled=True)
    assert pin("demo") == "new"


def test_lost_secrets_are_named_with_their_places(
    bot: Bot, echo: Provider, settings: Settings
) -> None:
    provider_update(provider=echo, expected_revision=1, params={"echoPin": PIN})
    assert unreadable_secrets() == []
    settings.FIELD_KEYS = (NEW,)
    assert unreadable_secrets() == ["bot base: echoPin", "provider echo: echoPin"]
    found = run_checks(tags=[Tags.database], databases=["default"])
    assert [(m.id, m.msg) for m in found if m.id == "bots.W002"] == [
        (
            "bots.W002",
            f"The secret {place} cannot be decrypted with any of the keys in FIELD_KEYS.",
        )
        for place in unreadable_secrets()
    ]


def test_the_check_asks_the_database_only_when_it_may(
    bot: Bot, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.FIELD_KEYS = (NEW,)
    with django_assert_num_queries(0):
        assert not [message for message in run_checks() if message.id == "bots.W002"]


def test_before_the_first_migration_there_is_nothing_to_check() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {Bot._meta.db_table} RENAME TO elsewhere")
    found = run_checks(tags=[Tags.database], databases=["default"])
    assert not [message for message in found if message.id == "bots.W002"]


# --- rotation -------------------------------------------------------------------------------------


def rotate() -> dict[str, Any]:
    output = StringIO()
    call_command("secrets", "rotate", stdout=output)
    answer: dict[str, Any] = json.loads(output.getvalue())
    return answer


def test_after_a_rotation_the_old_key_is_not_needed(
    base: Bot, bot: Bot, echo: Provider, settings: Settings
) -> None:
    provider_update(provider=echo, expected_revision=1, params={"echoPin": PIN})
    update(base, params={"echoPin": "another"})
    settings.FIELD_KEYS = (NEW, OLD)
    update(bot, params={"echoPin": "mine"})
    # Under the old key: base, its two revisions and the provider; bot and its revision are new.
    assert rotate() == {"reencrypted": 4, "encrypted": 0, "current": 2, "unreadable": []}
    assert rotate() == {"reencrypted": 0, "encrypted": 0, "current": 6, "unreadable": []}
    settings.FIELD_KEYS = (NEW,)
    assert (pin("demo"), unreadable_secrets()) == ("mine", [])
    bot_restore(bot=base, number=1, expected_revision=2, author="ann")
    bot_restore(bot=bot, number=1, expected_revision=2, author="ann")
    assert pin("demo") == PIN


def test_a_rotation_changes_neither_revision_nor_time(
    bot: Bot, base: Bot, settings: Settings
) -> None:
    found = call_configuration("demo")
    settings.FIELD_KEYS = (NEW, OLD)
    rotate()
    after = Bot.objects.get(pk=base.pk)
    assert after.params != base.params
    assert (after.revision, after.updated_at) == (base.revision, base.updated_at)
    assert call_configuration("demo") is found


def test_a_rotation_takes_all_rows_a_few_at_a_time(
    echo: Provider, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        bot_create(name=f"b-{number}", author="ann", provider=echo, params={"echoPin": PIN})
    settings.FIELD_KEYS = (NEW, OLD)
    monkeypatch.setattr(rotation, "BATCH", 2)
    assert rotate_secrets().reencrypted == 10
    assert rotate_secrets().current == 10


def test_a_rotation_encrypts_what_was_stored_before_it_was_a_secret(base: Bot) -> None:
    Bot.objects.filter(pk=base.pk).update(params={"echoPin": PIN})
    assert bot_parameters("base").values()["echoPin"] == MASK
    assert rotate()["encrypted"] == 1
    assert PIN not in database_text()


def test_a_rotation_that_meets_lost_secrets_moves_the_others_and_fails(
    base: Bot, echo: Provider, settings: Settings
) -> None:
    settings.FIELD_KEYS = (NEW,)
    bot_create(name="lone", author="ann", provider=echo, params={"echoPin": PIN})
    output = StringIO()
    with pytest.raises(CommandError, match=r"^secrets that no key of FIELD_KEYS decrypts: 2$"):
        call_command("secrets", "rotate", stdout=output)
    assert json.loads(output.getvalue()) == {
        "reencrypted": 0,
        "encrypted": 0,
        "current": 2,
        "unreadable": ["bot base revision 1: echoPin", "bot base: echoPin"],
    }
