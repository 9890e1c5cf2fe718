"""The state of the gateway by the API."""

import tomllib
import uuid
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.test import override_settings
from django.utils.timezone import now

from bots.models import Bot, Provider
from calls.models import ServiceFault, TrafficSummary
from tests.calls.api.conftest import MakeApi
from tests.calls.conftest import MakeCall

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("scope", ["calls:read", "bots:read", "alarms:read"])
def test_load_and_parts_are_told(make_api: MakeApi, make_call: MakeCall, scope: str) -> None:
    make_call(ended=False)
    make_call()
    shown = make_api(scope).get("/system").json()
    assert shown == {
        "version": settings.VERSION,
        "liveCalls": 1,
        "queuedDialouts": 0,
        "dialoutsUnderWay": 0,
        "liveEvents": True,
        "process": {"calls": 0, "mostCalls": settings.MAX_CALLS, "draining": False},
    }


def test_calls_beyond_the_reach_of_a_client_are_not_counted(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    make_call(ended=False)
    api = make_api("calls:read", bots=[Bot.objects.create(name="other", is_base=True)])
    assert api.get("/system").json()["liveCalls"] == 0


def test_a_channel_layer_that_is_away_is_told(make_api: MakeApi) -> None:
    nowhere = f"unix://{settings.VAR_DIR}/no-such-{uuid.uuid4().hex[:8]}.sock"
    backend = "channels_redis.pubsub.RedisPubSubChannelLayer"
    layers = {"default": {"BACKEND": backend, "CONFIG": {"hosts": [nowhere]}}}
    with override_settings(CHANNEL_LAYERS=layers):
        assert make_api("bots:read").get("/system").json()["liveEvents"] is False


def test_what_needs_attention_is_listed_for_whoever_reads_alarms(
    make_api: MakeApi, make_call: MakeCall
) -> None:
    Provider.objects.create(name="azure", kind="stt", plugin="tones")
    call = make_call()
    TrafficSummary.objects.create(start=now(), seconds=300, bot_name="demo")
    ServiceFault.objects.create(
        at=now() - timedelta(minutes=1), call=call, service="stt", provider="azure",
        fault="timeout", detail="",
    )  # fmt: skip
    listed = make_api("alarms:read").get("/system/attention").json()["items"]
    (matter,) = (each for each in listed if "azure" in each["title"])
    assert matter["severity"] == "major"
    assert matter["url"] == f"{settings.PUBLIC_URL}/providers/azure/"


def test_other_scopes_see_nothing_of_it(make_api: MakeApi) -> None:
    api = make_api("calls:read", "bots:read", "calls:control", "actions:dialout")
    assert api.get("/system/attention").status_code == 403
    assert make_api("actions:dialout", name="dialer").get("/system").status_code == 403


def test_the_version_is_that_of_the_package(repository: Path) -> None:
    package = tomllib.loads((repository / "pyproject.toml").read_text())["project"]
    assert package["version"] == settings.VERSION
