"""The first page: figures of this moment and of a period, for whoever may see them."""

import json
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from alarms.core.severity import Severity
from alarms.models import ActiveAlarm
from bots.core.roles import ROLES, Permission
from bots.models import Bot, Provider
from calls.models import Call
from calls.statistics import summarise
from tests.calls.conftest import MakeCall, record_turn
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db

PARTS = ("tiles", "attention", "period")


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["viewer"])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def busy(make_call: MakeCall, bot: str = "demo", *, minutes: int = 12) -> None:
    """Three calls of ``bot`` that ended, one of them badly, and one that goes on."""
    at = now() - timedelta(minutes=minutes)
    for cause in ("", "", "tts:timeout"):
        fields = {"reason_code": "error", "cause": cause} if cause else {}
        ended = at + timedelta(seconds=75)
        record_turn(make_call(started_at=at, ended_at=ended, bot_name=bot, **fields), 1)
    make_call(started_at=now() - timedelta(minutes=2), ended=False, bot_name=bot)


def test_the_tiles_say_how_calls_are_doing_now(client: Client, make_call: MakeCall) -> None:
    busy(make_call)
    make_call(started_at=now(), ended=False, is_test=True)
    for _ in range(2):
        response = client.get("/dashboard/tiles")
        context = response.context
        assert (context["going_on"], context["most_today"] >= 1) == (1, True)
        assert context["per_minute"] == 0.2
        assert (context["hour"].started, context["hour"].failed) == (4, 1)
        assert context["failed_percent"] == 33.3
        assert context["wait_ms"] == pytest.approx(1120, rel=0.02)
        summarise(now())  # from records first, from summaries then: the same figures
    content = " ".join(response.content.decode().split())
    assert '<a id="tile-failed" href="/calls/?range=1h&amp;result=failed">' in content
    assert "33.3 %" in content
    assert "1 of 3 that ended" in content


def test_without_calls_tiles_show_no_figures_that_nobody_has(client: Client) -> None:
    context = client.get("/dashboard/tiles").context
    assert (context["going_on"], context["per_minute"], context["most_today"]) == (0, 0.0, 0)
    assert (context["failed_percent"], context["wait_ms"]) == (None, None)
    content = page(client, "/")
    assert "manage.py testcall demo" in content
    assert 'id="period"' not in content
    assert "No turn in the last hour" in content


@pytest.mark.parametrize("name", ["1h", "24h", "7d"])
def test_the_figures_of_a_period_lead_to_their_calls(
    name: str, client: Client, make_call: MakeCall
) -> None:
    busy(make_call)
    busy(make_call, "retail", minutes=13)
    busy(make_call, "retail", minutes=11)
    summarise(now())
    response = client.get(f"/?range={name}")
    content = " ".join(response.content.decode().split())
    assert f'href="/calls/?range={name}&amp;result=failed&amp;reason=tts%3Atimeout"' in content
    assert f'href="/calls/?range={name}&amp;bot=retail"' in content
    assert [bot.name for bot in response.context["bots"]] == ["retail", "demo"]
    retail = response.context["bots"][0]
    assert (retail.figures.started, retail.failed_percent) == (8, 33.3)
    (cause,) = response.context["causes"]
    assert (cause.name, cause.count, cause.share) == ("tts:timeout", 3, 100)
    total, *stages = response.context["stages"]
    assert (total.is_total, total.late_bar) == (True, 100)
    assert [stage.is_total for stage in stages] == [False] * 6
    assert stages[3].usual_ms == pytest.approx(400, rel=0.02)
    series = response.context["series"]
    assert (sum(series["started"]), sum(series["failed"])) == (12, 3)
    assert len({len(series[key]) for key in ("times", "started", "usual", "late", "most")}) == 1
    assert sum(row.figures.started for row in response.context["rows"]) == 12


def test_a_person_sees_the_figures_of_their_bots(world: World, make_call: MakeCall) -> None:
    retail, billing = (Bot.objects.create(name=name) for name in ("retail", "billing"))
    for bot in ("retail", "other"):
        busy(make_call, bot)
    scoped = browser(with_role("viewer", name="one", bots=[retail]))
    both = browser(with_role("viewer", name="two", bots=[retail, billing]))
    nothing = browser(with_role("viewer", name="three", bots=[billing]))
    for _ in range(2):
        for client in (scoped, both):
            context = client.get("/").context
            assert (context["going_on"], context["hour"].started) == (1, 4)
            assert [bot.name for bot in context["bots"]] == ["retail"]
            assert sum(context["series"]["started"]) == 4
        assert scoped.get("/").context["series"]["most"] != []
        assert both.get("/").context["series"]["most"] == []
        assert nothing.get("/").context["hour"].started == 0
        assert nothing.get("/").context["empty"]
        summarise(now())


def test_who_may_see_no_calls_gets_a_plain_start_page(world: World, make_call: MakeCall) -> None:
    busy(make_call)
    manager = browser(world.people["account-manager"])
    content = page(manager, "/")
    assert "Your role does not include calls" in content
    assert 'id="tiles"' not in content
    assert 'class="button" href="/people/"' in content
    for part in PARTS:
        page(manager, f"/dashboard/{part}", 403)
    page(browser(world.newcomer), "/", 403)
    assert browser(world.stranger).get("/").headers["location"] == "/login/?next=/"


def test_a_call_data_manager_sees_figures_but_no_live_calls(
    world: World, make_call: MakeCall
) -> None:
    busy(make_call)
    content = page(browser(world.people["call-data-manager"]), "/")
    assert "Calls now" not in content
    assert "Failed, last hour" in content


def test_live_calls_alone_are_no_figures_of_the_past(
    world: World, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    watcher = msgspec.structs.replace(ROLES["viewer"], grants=frozenset({Permission.SEE_LIVE}))
    monkeypatch.setitem(ROLES, "viewer", watcher)
    busy(make_call)
    client = browser(world.people["viewer"])
    content = page(client, "/")
    assert "Calls now" in content
    assert "Failed, last hour" not in content
    page(client, "/dashboard/period", 404)
    assert "Providers" not in page(client, "/dashboard/attention")


def test_active_alarms_are_counted_by_severity_and_listed(client: Client) -> None:
    assert "Nothing is wrong" in page(client, "/dashboard/tiles")
    at = now()
    for number, severity in enumerate((Severity.CRITICAL, Severity.MINOR, Severity.MINOR)):
        ActiveAlarm.objects.create(
            type="botMisconfigured", source=f"bot:b{number}", severity=severity, text="No way",
            raised_at=at, changed_at=at, last_at=at,
        )  # fmt: skip
    response = client.get("/dashboard/tiles")
    assert response.context["severities"] == [(Severity.CRITICAL, 1), (Severity.MINOR, 2)]
    assert 'href="/alarms/"' in response.content.decode()
    listed = page(client, "/dashboard/attention")
    assert listed.count("A bot takes no calls") == 3
    assert 'data-severity="critical"' in listed


def test_parts_are_fetched_again_one_by_one(client: Client, make_call: MakeCall) -> None:
    busy(make_call)
    Provider.objects.create(name="script", kind="bot", plugin="script")
    for part, shows in zip(PARTS, ("Calls now", "Needs attention", "Busiest bots"), strict=True):
        content = page(client, f"/dashboard/{part}?range=24h&zone=Europe/Berlin")
        assert shows in content
        assert "<html" not in content
        assert "no-store" in client.get(f"/dashboard/{part}").headers["cache-control"]
    page(client, "/dashboard/secrets", 404)
    assert client.post("/").status_code == 405


def test_texts_of_bots_are_shown_as_text(client: Client, make_call: MakeCall) -> None:
    hostile = "</script><img src=x>"
    make_call(started_at=now(), ended_at=now(), reason_code="error", cause=hostile)
    assert "<img src=x" not in page(client, "/")


def test_the_page_makes_the_agreed_number_of_queries(
    client: Client, make_call: MakeCall, repository: Path
) -> None:
    def queries(url: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client, url)
        return len(captured)

    busy(make_call)
    summarise(now())
    few = [queries(url) for url in ("/", "/dashboard/tiles", "/dashboard/period")]
    for bot in ("a", "b", "c"):
        busy(make_call, bot)
    summarise(now())
    assert [queries(url) for url in ("/", "/dashboard/tiles", "/dashboard/period")] == few
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert few[0] == agreed["calls:dashboard"]
    assert Call.objects.count() == 16
