"""Credentials of providers: set, stored, opened for calls, kept in key vaults, rotated."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from pytest_django.fixtures import Settings

from bots import credentials, secrets
from bots.core import registry
from bots.core.errors import ParameterError
from bots.core.params.resolve import MASK
from bots.core.registry import Plugin
from bots.credentials import State, reference
from bots.models import AuditEvent, Bot, Provider
from bots.selectors import call_configuration, unreadable_secrets
from bots.services import (
    StaleRevision,
    bot_create,
    provider_create,
    provider_delete,
    provider_update,
    rotate_secrets,
)
from bots.vault import FRESH_S, KeyVault, Secret, key_vault, using

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("plugins")]

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()
URL = "https://retail.vault.azure.net/secrets/ear"


class Kept:
    """A client of a vault whose one secret is ``value``; None: the vault is away."""

    def __init__(self) -> None:
        self.value: str | None = "from the vault"
        self.now = 0.0

    def get_secret(self, name: str, version: str | None = None) -> Secret:
        from azure.core.exceptions import ServiceRequestError

        if self.value is None:
            raise ServiceRequestError("away")
        return self


@pytest.fixture
def vault() -> Iterator[Kept]:
    kept = Kept()
    with using(KeyVault(connect=lambda url: kept, clock=lambda: kept.now)):
        yield kept


@pytest.fixture
def ear() -> Plugin:
    return registry.plugin("stt", "ear")


def problems(change: Callable[[], object]) -> dict[str, str]:
    with pytest.raises(ParameterError) as refused:
        change()
    return refused.value.problems


def provider(**values: Any) -> Provider:
    return provider_create(name="ear-1", kind="stt", plugin="ear", credentials=values)


def update(row: Provider, **values: Any) -> Provider:
    return provider_update(provider=row, expected_revision=row.revision, credentials=values)


def key_of(stored: Provider) -> str:
    opened: Any = credentials.opened(registry.plugin("stt", "ear"), stored.credentials)
    return str(opened.key.get_secret_value())


def bot_with(stt: Provider) -> Bot:
    echo = provider_create(name="echo", kind="bot", plugin="echo")
    return bot_create(name="demo", author="anna", provider=echo, stt_provider=stt)


# --- setting --------------------------------------------------------------------------------------


def test_a_credential_is_stored_encrypted_and_opened_for_use() -> None:
    row = provider(earKey="opensesame")
    stored = Provider.objects.get(pk=row.pk).credentials
    assert secrets.is_envelope(stored["earKey"])
    assert "opensesame" not in str(stored)
    assert key_of(row) == "opensesame"


def test_the_mask_keeps_a_credential_and_an_empty_one_removes_it() -> None:
    row = provider(earKey="opensesame")
    kept = update(row, earKey=MASK)
    assert kept.credentials == row.credentials
    assert key_of(kept) == "opensesame"
    gone = update(kept, earKey="")
    assert gone.credentials == {}
    assert key_of(gone) == ""


def test_what_is_not_given_is_removed_and_other_changes_keep_it() -> None:
    row = provider(earKey="opensesame")
    other = provider_update(provider=row, expected_revision=1, params={"earModel": "car"})
    assert key_of(other) == "opensesame"
    assert update(other).credentials == {}
    assert Provider.objects.get().params == {"earModel": "car"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"earKey": 7}, "must be text"),
        ({"earkey": "x"}, "is not a parameter; did you mean earKey?"),
        ({"earKey": reference("https://example.com/secrets/k")}, "must have the form"),
        ({"voiceKey": reference(URL)}, "is not a parameter"),
        ({"earKey": {"$secret": "gAAAA"}}, "is encrypted already"),
    ],
)
def test_what_is_no_credential_is_refused(values: dict[str, Any], said: str) -> None:
    found = problems(lambda: provider(**values))
    assert list(found) == list(values)
    assert said in next(iter(found.values()))
    assert not Provider.objects.exists()


def test_the_mask_of_nothing_is_nothing() -> None:
    assert provider(earKey=MASK).credentials == {}


def test_an_envelope_of_another_provider_is_not_decrypted_for_this_one() -> None:
    stolen = provider(earKey="opensesame").credentials["earKey"]
    thief = provider_create(name="ear-2", kind="stt", plugin="ear")
    assert list(problems(lambda: update(thief, earKey=stolen))) == ["earKey"]


def test_a_plug_in_without_credentials_takes_none() -> None:
    found = problems(
        lambda: provider_create(
            name="echo", kind="bot", plugin="echo", credentials={"echoKey": "x"}
        )
    )
    assert list(found) == ["echoKey"]


def test_a_provider_cannot_take_the_address_of_a_page() -> None:
    found = problems(lambda: provider_create(name="new", kind="stt", plugin="ear"))
    assert list(found) == ["name"]


def test_the_audit_log_only_says_that_a_secret_changed() -> None:
    row = update(provider(earKey="first-secret"), earKey="second-secret")
    update(row, earKey=reference(URL))
    events = list(AuditEvent.objects.filter(kind="provider").order_by("pk"))
    assert [each.action for each in events] == ["provider.created", *["provider.changed"] * 2]
    assert events[0].after == {"kind": "stt", "plugin": "ear", "earKey": MASK}
    assert (events[1].before, events[1].after) == ({"earKey": MASK}, {"earKey": MASK})
    assert events[2].after == {"earKey": {"$vault": URL}}
    assert "-secret" not in str([(each.before, each.after) for each in events])


# --- deleting -------------------------------------------------------------------------------------


def test_a_provider_that_bots_choose_is_not_deleted() -> None:
    row = provider()
    bot_with(row)
    found = problems(lambda: provider_delete(provider=row, expected_revision=1))
    assert found == {"provider": "is used by demo; give them another provider first"}
    assert Provider.objects.filter(pk=row.pk).exists()


def test_an_unused_provider_is_deleted_and_that_is_audited() -> None:
    row = provider()
    with pytest.raises(StaleRevision):
        provider_delete(provider=row, expected_revision=7)
    provider_delete(provider=row, expected_revision=1)
    assert not Provider.objects.exists()
    event = AuditEvent.objects.latest("pk")
    assert (event.action, event.title, event.after) == ("provider.deleted", "ear-1", None)
    with pytest.raises(StaleRevision) as late:
        provider_delete(provider=row, expected_revision=1)
    assert late.value.current == 0


# --- calls ----------------------------------------------------------------------------------------


def called_with() -> str:
    stt = call_configuration("demo").stt
    assert stt is not None
    opened: Any = stt.credentials
    return str(opened.key.get_secret_value())


def test_a_call_gets_the_credentials_of_its_provider() -> None:
    row = provider(earKey="opensesame")
    bot_with(row)
    assert called_with() == "opensesame"
    update(row, earKey="another")
    assert called_with() == "another"


def test_a_call_follows_the_key_vault(vault: Kept) -> None:
    bot_with(provider(earKey=reference(URL)))
    assert called_with() == "from the vault"
    known = call_configuration("demo")
    assert call_configuration("demo") is known
    vault.value = "rotated"
    key_vault().read_again(URL)
    assert called_with() == "rotated"
    vault.value, vault.now = None, FRESH_S * 10.0
    assert called_with() == "rotated"


def test_a_credential_that_cannot_be_read_refuses_the_call(vault: Kept, settings: Settings) -> None:
    vault.value = None
    row = provider(earKey=reference(URL))
    bot_with(row)
    found = problems(lambda: call_configuration("demo"))
    assert found == {
        "earKey": "cannot be read from its key vault: the vault cannot be reached (provider ear-1)"
    }
    update(row, earKey="opensesame")
    settings.FIELD_KEYS = (NEW,)
    assert "cannot be decrypted" in problems(lambda: call_configuration("demo"))["earKey"]


def test_what_an_earlier_plug_in_asked_for_is_kept_without_effect(ear: Plugin) -> None:
    row = provider(earKey="opensesame")
    old = {**row.credentials, "earRegion": "west"}
    opened: Any = credentials.opened(ear, old)
    assert opened.key == SecretStr("opensesame")


def test_a_stored_value_that_the_plug_in_refuses_is_told(ear: Plugin) -> None:
    assert list(problems(lambda: credentials.opened(ear, {"earKey": 7}))) == ["earKey"]


# --- showing --------------------------------------------------------------------------------------


def test_states_are_told_without_asking_a_vault(
    ear: Plugin, vault: Kept, settings: Settings
) -> None:
    echo = registry.plugin("bot", "echo")
    assert credentials.state(echo, {}) is State.NONE_NEEDED
    assert credentials.state(ear, {}) is State.MISSING
    assert credentials.state(ear, {"earKey": reference(URL)}) is State.VAULT
    [shown] = credentials.states(ear, {"earKey": reference(URL)})
    assert (shown.name, shown.url, shown.shown) == ("earKey", URL, "")
    stored = provider(earKey="opensesame").credentials
    assert credentials.state(ear, stored) is State.SET
    settings.FIELD_KEYS = (NEW,)
    assert credentials.state(ear, stored) is State.UNREADABLE


def test_a_vault_that_went_away_is_told_apart_from_one_that_never_was(
    ear: Plugin, vault: Kept
) -> None:
    stored = {"earKey": reference(URL)}
    credentials.opened(ear, stored)
    assert credentials.state(ear, stored) is State.VAULT
    vault.value = None
    with pytest.raises(Exception, match="cannot be reached"):
        key_vault().read_again(URL)
    assert credentials.state(ear, stored) is State.AWAY
    never = {"earKey": reference(URL + "-2")}
    problems(lambda: credentials.opened(ear, never))
    assert credentials.state(ear, never) is State.UNREADABLE


def test_places_of_secrets_are_told_apart() -> None:
    assert credentials.in_vaults({"a": reference(URL), "b": {"$secret": "x"}, "c": "y"}) == [URL]


# --- keys -----------------------------------------------------------------------------------------


def test_a_rotation_takes_credentials_along(settings: Settings) -> None:
    settings.FIELD_KEYS = (OLD,)
    row = provider(earKey="opensesame")
    settings.FIELD_KEYS = (NEW, OLD)
    summary = rotate_secrets()
    assert (summary.reencrypted, summary.unreadable) == (1, [])
    settings.FIELD_KEYS = (NEW,)
    row.refresh_from_db()
    assert key_of(row) == "opensesame"
    assert rotate_secrets().current == 1


def test_a_rotation_leaves_references_alone_and_finds_what_no_plug_in_declares(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.FIELD_KEYS = (OLD,)
    provider(earKey=reference(URL))
    orphan = provider_create(
        name="ear-2", kind="stt", plugin="ear", credentials={"earKey": "opensesame"}
    )
    monkeypatch.delitem(registry._plugins, ("stt", "ear"))
    settings.FIELD_KEYS = (NEW, OLD)
    assert rotate_secrets().reencrypted == 1
    assert Provider.objects.get(name="ear-1").credentials == {"earKey": reference(URL)}
    settings.FIELD_KEYS = (NEW,)
    orphan.refresh_from_db()
    assert secrets.rotated(credentials._catalogue(registry.NoParams), orphan.credentials)[2] == []


def test_what_no_key_opens_is_reported_with_its_place(settings: Settings) -> None:
    settings.FIELD_KEYS = (OLD,)
    provider(earKey="opensesame")
    settings.FIELD_KEYS = (NEW,)
    assert unreadable_secrets() == ["provider ear-1: earKey"]
    assert rotate_secrets().unreadable == ["provider ear-1: earKey"]
