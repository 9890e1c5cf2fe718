"""Each type of alarm is raised by its real cause, and over when that is mended."""

from collections.abc import Callable, Iterator
from importlib import import_module

import pytest
from django.conf import settings

from alarms.core import catalogue
from alarms.core.declare import AlarmType
from bots import net
from tests.calls.health.causes import CAUSES, FORGOTTEN, Steps
from tests.calls.health.conftest import Told

pytestmark = pytest.mark.db

IN_CALLS = {
    catalogue.BOT_PROVIDER_FAILURE: "test_a_bot_that_fails_is_told_and_one_that_answers_clears_it",
    catalogue.STT_PROVIDER_FAILURE: "test_a_recogniser_that_refuses_the_key_is_told_and_clears",
    catalogue.TTS_PROVIDER_FAILURE: "test_a_synthesiser_that_refuses_the_key_is_told_and_clears",
    catalogue.CHANNEL_AUTHENTICATION: "test_refused_tokens_are_told_and_forgotten",
}
"""What only a whole call causes, and by which test of `tests.calls.health.test_calls_tell`."""
ELSEWHERE = {catalogue.DESTINATION_FAILING}
"""The courier of alarms tells of its destinations; its own tests have it."""


@pytest.fixture
def reaching_loopback() -> Iterator[None]:
    """As `loopback`, for causes that run loops of their own."""
    net.configure(("127.0.0.0/8",))
    yield
    net.configure(settings.OUTBOUND_ALLOW)


@pytest.mark.parametrize(
    ("kind", "steps"),
    [
        pytest.param(kind, each, id=f"{kind.name}-{each.__name__}")
        for kind, causes in CAUSES.items()
        for each in causes
    ],
)
def test_an_alarm_comes_with_its_cause_and_goes_with_it(
    kind: AlarmType,
    steps: Callable[[pytest.MonkeyPatch], Steps],
    told: Told,
    reaching_loopback: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert told.active(kind) == {}
    for source in steps(monkeypatch):
        if source == FORGOTTEN:
            told.forget(kind)
        else:
            assert told.active(kind).keys() == {source}
    assert told.active(kind) == {}


def test_every_type_has_a_cause() -> None:
    assert {*CAUSES, *IN_CALLS, *ELSEWHERE} == {*catalogue.CATALOGUE.values()}
    calls = import_module("tests.calls.health.test_calls_tell")
    assert all(hasattr(calls, name) for name in IN_CALLS.values())
