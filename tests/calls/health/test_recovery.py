"""Providers with an alarm are asked whether they work again; nobody else is."""

import pytest

from alarms.core import catalogue
from alarms.desk import Desk
from bots.models import Provider
from bots.services.probing import FAILURES, provider_test
from calls.health import recovery
from calls.health.recovery import ask_failing_providers
from tests import plugins as _plugins  # noqa: F401 - registers the test plug-ins
from tests.calls.health.conftest import Told, at_once

pytestmark = [pytest.mark.db, pytest.mark.django_db(transaction=True)]
KIND = catalogue.TTS_PROVIDER_FAILURE


@pytest.fixture
def told(transactional_db: None, own_desk: Desk) -> Told:
    at_once()
    own_desk.flush()
    return Told(own_desk)


def rehearsing(failure: str) -> Provider:
    params = {"rehearsalTtsPlugin": "tones", "rehearsalTtsFault": failure}
    row, _made = Provider.objects.update_or_create(
        name="voice", defaults={"kind": "tts", "plugin": "rehearsal", "params": params}
    )
    return row


def test_an_alarm_clears_without_a_call_when_the_provider_works_again(
    told: Told, own_desk: Desk
) -> None:
    rehearsing("authentication")
    own_desk.failed(KIND, "voice", "authentication", certain=True)
    own_desk.failed(KIND, "deleted", "authentication", certain=True)
    assert told.active(KIND).keys() == {"provider:voice", "provider:deleted"}
    ask_failing_providers()
    assert told.active(KIND).keys() == {"provider:voice", "provider:deleted"}
    rehearsing("none")
    ask_failing_providers()
    assert told.active(KIND).keys() == {"provider:deleted"}


def test_without_an_alarm_nobody_is_asked(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsing("authentication")
    monkeypatch.delattr(recovery, "_ask")
    ask_failing_providers()
    assert told.active(KIND) == {}


def test_a_test_by_a_person_clears_it_too(told: Told, own_desk: Desk) -> None:
    provider = rehearsing("none")
    own_desk.failed(KIND, "voice", "timeout", certain=True)
    assert told.active(KIND)
    assert provider_test(provider=provider).ok
    assert told.active(KIND) == {}


def test_people_who_test_raise_no_alarm(told: Told) -> None:
    assert not provider_test(provider=rehearsing("authentication")).ok
    assert told.active(KIND) == {}


def test_the_kinds_of_providers_have_the_alarms_of_calls() -> None:
    assert {service: kind.name for service, kind in recovery.KINDS.items()} == FAILURES
