"""Schemathesis asks every operation for what its description promises, and for what it refuses.

All checks are on. Hypothesis makes the requests; everything happens in this process and one
transaction.
"""

import base64
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections, transaction
from hypothesis import HealthCheck, Phase, given, settings
from limits import RateLimitItemPerMinute
from schemathesis.config import ChecksConfig, SchemathesisConfig
from schemathesis.config._checks import MissingRequiredHeaderConfig, PositiveDataAcceptanceConfig
from schemathesis.generation import GenerationMode

from bots.core.scopes import SCOPES
from bots.rest import throttling
from bots.services import provider_create
from bots.services.clients import api_client_create
from gateway_project.openapi import document
from tests.access.conftest import Things, things
from tests.worlds import World

pytestmark = pytest.mark.once

EXAMPLES = 6
CHECKS = ChecksConfig(
    # What a schema cannot say: that a name exists, that parameters fit together.
    positive_data_acceptance=PositiveDataAcceptanceConfig(
        expected_statuses=["2xx", "304", "401", "403", "404", "409", "412", "422", "503"]
    ),
    missing_required_header=MissingRequiredHeaderConfig(expected_statuses=["401", "428"]),
)


CONFIG = SchemathesisConfig.from_dict({})
CONFIG.projects.default.checks = CHECKS
# Free-form objects may hold it for all that the document says; it is refused (400).
CONFIG.projects.default.generation.update(allow_x00=False)
SCHEMA: Any = schemathesis.openapi.from_dict(document("http://127.0.0.1"), config=CONFIG)
SCHEMA.config.update(base_url="http://127.0.0.1")
OPERATIONS = {
    each.ok().definition.raw["operationId"]: each.ok() for each in SCHEMA.get_all_operations()
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[Any]:
    """The gateway, which leaves the connection of the test alone."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    SCHEMA.app = get_wsgi_application()
    yield SCHEMA.app
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@pytest.fixture
def headers(world: World, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Of a client that may do everything. Wrong proofs are tried more often than anybody may."""
    monkeypatch.setattr(throttling, "FAILURES", RateLimitItemPerMinute(1_000_000))
    client, secret = api_client_create(name="tester", scopes=list(SCOPES), rate_per_second=10_000)
    proof = base64.b64encode(f"{client.client_id}:{secret}".encode()).decode()
    return {"Authorization": f"Basic {proof}"}


@pytest.fixture
def these(world: World) -> Things:
    """A few rows to ask for."""
    found = things(world)
    script = provider_create(name="script", kind="bot", plugin="script")
    provider_create(name="voice", kind="tts", plugin="rehearsal")
    found.bot.provider = script
    found.bot.save()
    pager = found.notice.destination
    pager.notifier, pager.settings = "syslog", {"params": {"syslogHost": "127.0.0.1"}}
    pager.save()
    return found


def aim(case: Any, these: Things) -> None:
    """Have two in three valid requests ask for what there is."""
    rooms = {"/providers/": "voice", "/destinations/": these.notice.destination.name}
    name = next((name for room, name in rooms.items() if room in case.path), these.bot.name)
    real = {
        "name": name,
        "type": these.alarm.type,
        "alarm_id": str(these.alarm.alarm_id),
        "key": these.route.pk,
        "call_id": str(these.call.pk),
        "dialout_id": str(these.dialout.pk),
        "number": 1,
    }
    if case.meta.generation.mode is GenerationMode.POSITIVE:
        for name, value in (case.path_parameters or {}).items():
            if name in real and sum(str(value).encode()) % 3:
                case.path_parameters[name] = real[name]


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_every_operation_does_what_the_document_says(
    name: str, these: Things, headers: dict[str, str], gateway: Any
) -> None:
    for mode in GenerationMode:

        @settings(
            max_examples=EXAMPLES,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(OPERATIONS[name].as_strategy(generation_mode=mode))
        def ask(case: Any) -> None:
            aim(case, these)
            with transaction.atomic():  # what it does is undone
                case.call_and_validate(app=gateway, headers=headers)
                transaction.set_rollback(True)

        ask()
