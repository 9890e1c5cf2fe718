"""The pages of a bot and of a provider lead to their active alarms."""

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from alarms import board
from alarms.core.catalogue import (
    BOT_MISCONFIGURED,
    BOT_PROVIDER_ERROR_RATE,
    BOT_PROVIDER_FAILURE,
)
from bots.models import Bot, Provider
from tests.alarms.raising import raised
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db

PAGES = {
    "provider": ("/providers/rasa/", "/providers/rasa/parameters/"),
    "bot": ("/bots/sales/", "/bots/sales/json/"),
}


@pytest.fixture
def named(world: World) -> None:
    rasa = Provider.objects.create(name="rasa", kind="bot", plugin="script")
    Bot.objects.create(name="sales", provider=rasa)


def page(url: str, person: str = "administrator") -> str:
    response = browser(User.objects.get(username=person)).get(url)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def queries(url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        page(url)
    return len(captured)


@pytest.mark.parametrize(
    ("kind", "line"), [("provider", "2 active alarms"), ("bot", "1 active alarm ")]
)
def test_a_line_leads_to_the_alarms_and_costs_no_query(kind: str, line: str, named: None) -> None:
    for url in PAGES[kind]:
        assert 'id="alarms-of"' not in page(url)
    before = [queries(url) for url in PAGES[kind]]
    name = {"provider": "rasa", "bot": "sales"}[kind]
    raised(BOT_PROVIDER_FAILURE, "rasa")
    raised(BOT_PROVIDER_ERROR_RATE, "rasa")
    raised(BOT_PROVIDER_FAILURE, "rasa-2")
    raised(BOT_MISCONFIGURED, "sales")
    board.refresh()
    for url in PAGES[kind]:
        shown = page(url)
        assert line in shown
        assert f'id="alarms-of" href="/alarms/?source={kind}%3A{name}"' in shown
    listed = page(f"/alarms/?source={kind}:{name}")
    assert f'name="source" value="{kind}:{name}"' in listed
    rows = listed[listed.index('id="alarm-rows"') :]
    assert rows.count('name="alarm"') == int(line.split()[0])
    assert "rasa-2" not in rows
    assert [queries(url) for url in PAGES[kind]] == before


def test_who_does_not_see_the_alarm_is_told_of_none(named: None) -> None:
    raised(BOT_PROVIDER_FAILURE, "rasa")
    board.refresh()
    with_role("viewer", name="narrow", bots=[Bot.objects.get()])
    told = {
        name: 'id="alarms-of"' in page("/providers/rasa/", name) for name in ("viewer", "narrow")
    }
    assert told == {"viewer": True, "narrow": False}
