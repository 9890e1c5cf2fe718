"""The effective configuration of a call as it is recorded."""

import pytest

from bots.core.catalogue import of
from bots.core.params.declare import Level
from bots.core.params.resolve import MASK, Layer, Resolved, resolve
from calls.session import snapshots as module
from calls.session.snapshots import Snapshots

pytestmark = pytest.mark.pure


def configured(**values: object) -> Resolved:
    return resolve(of(()), [Layer(Level.BOT, "bot demo", values)])


def test_every_value_has_its_origin_and_secrets_are_masked() -> None:
    made = Snapshots().of("demo", configured(bargeIn=True, sendMetaDataPassword="tops3cret"))
    assert made.values["bargeIn"] == [True, "bot demo"]
    assert made.values["sendMetaDataPassword"] == [MASK, "bot demo"]
    assert made.values["userNoInputRetries"][1] == "default"
    assert len(made.digest) == 64


def test_the_digest_is_that_of_values_and_origins() -> None:
    snapshots = Snapshots()
    same = snapshots.of("one", configured(bargeIn=True)).digest
    assert snapshots.of("two", configured(bargeIn=True)).digest == same
    assert snapshots.of("two", configured(bargeIn=False)).digest != same
    inherited = resolve(of(()), [Layer(Level.BASE_BOT, "base bot b", {"bargeIn": True})])
    assert snapshots.of("two", inherited).digest != same


def test_a_configuration_that_has_not_changed_is_looked_at_once() -> None:
    snapshots, resolved = Snapshots(), configured()
    assert snapshots.of("demo", resolved) is snapshots.of("demo", resolved)
    assert snapshots.of("demo", configured()) is not snapshots.of("demo", resolved)


def test_the_memory_of_snapshots_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_KEPT", 2)
    snapshots, resolved = Snapshots(), configured()
    for number in range(5):
        snapshots.of(f"bot-{number}", resolved)
    assert len(snapshots._made) <= 2
