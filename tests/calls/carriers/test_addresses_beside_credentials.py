"""Where a carrier's credentials are sent is said beside them, not by the bots that use it."""

import pytest
from django.test import Client

from bots.core.errors import ParameterError
from bots.models import Bot, Provider
from bots.services import bot_create, bot_update, provider_create
from tests.worlds import World, browser

pytestmark = [pytest.mark.db, pytest.mark.django_db]

ADDRESSES = ("dialoutUrl", "dialoutTokenUrl")


@pytest.fixture
def carrier(db: None) -> Provider:
    return provider_create(
        name="hub",
        kind="carrier",
        plugin="audiocodes",
        params=dict.fromkeys(ADDRESSES, "https://hub.example/"),
        credentials={"dialoutClientId": "us", "dialoutClientSecret": "between us"},
    )


@pytest.fixture
def dialer(carrier: Provider) -> Bot:
    script = provider_create(name="script", kind="bot", plugin="script")
    return bot_create(name="dialer", author="t", provider=script, carrier_provider=carrier)


@pytest.fixture
def operator(world: World) -> Client:
    return browser(world.people["operator"])


def test_no_bot_sends_the_credentials_of_a_carrier_elsewhere(dialer: Bot) -> None:
    with pytest.raises(ParameterError) as refused:
        bot_update(
            bot=dialer,
            expected_revision=dialer.revision,
            author="t",
            params=dict.fromkeys(ADDRESSES, "https://evil.example/"),
        )
    assert refused.value.problems.keys() == set(ADDRESSES)


def test_only_the_page_of_the_provider_asks_for_its_addresses(
    operator: Client, dialer: Bot
) -> None:
    of_bot = operator.get("/bots/dialer/").content.decode()
    of_provider = operator.get("/providers/hub/parameters/").content.decode()
    assert "p.carrierBot" in of_bot
    for name in ADDRESSES:
        assert f"p.{name}" not in of_bot
        assert f"p.{name}" in of_provider


def test_what_no_bot_may_set_is_not_set_in_bulk(operator: Client, dialer: Bot) -> None:
    offered = operator.get("/bots/-/bulk/?bot=dialer").content.decode()
    assert "carrierBot" in offered
    assert "dialoutUrl" not in offered
    asked = operator.get("/bots/-/bulk/?bot=dialer&parameter=dialoutUrl")
    assert asked.status_code == 200
    assert asked.context["row"] is None
