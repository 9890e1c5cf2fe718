"""The pages that call a bot: who sees which bots, what they say before a call, what they allow."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from bots.models import Bot, Provider, Route
from bots.services.demo import seed_demo
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db


@pytest.fixture
def demo(db: None) -> Bot:
    seed_demo()
    return Bot.objects.get(name="demo")


def test_only_the_page_of_a_call_may_use_the_microphone(world: World, demo: Bot) -> None:
    person = browser(world.people["operator"])
    page = person.get(reverse("calls:testcall", args=["demo"]))
    assert "microphone=(self)" in page["Permissions-Policy"]
    assert "camera=()" in page["Permissions-Policy"]
    assert "microphone=()" in person.get(reverse("calls:testcalls"))["Permissions-Policy"]


@pytest.mark.parametrize(
    ("role", "status"),
    [
        ("viewer", 403),
        ("operator", 200),
        ("supervisor", 403),
        ("call-data-manager", 403),
        ("account-manager", 403),
        ("administrator", 200),
    ],
)
def test_who_may_place_test_calls_sees_the_pages(
    world: World, demo: Bot, role: str, status: int
) -> None:
    person = browser(world.people[role])
    assert person.get(reverse("calls:testcalls")).status_code == status
    assert person.get(reverse("calls:testcall", args=["demo"])).status_code == status


def test_strangers_are_asked_to_sign_in(world: World) -> None:
    answer = browser(world.stranger).get(reverse("calls:testcalls"))
    assert answer.url == "/login/?next=/test/"  # type: ignore[attr-defined]  # a redirect has one


def test_bots_beyond_a_persons_reach_and_base_bots_are_not_there(world: World, demo: Bot) -> None:
    other = Bot.objects.create(name="other")
    person = browser(with_role("operator", name="bound", bots=[other]))
    listed = person.get(reverse("calls:testcalls")).content.decode()
    assert "/test/other/" in listed
    assert "/test/demo" not in listed
    for bot in ("demo", "demo-base", "nobody"):
        assert person.get(reverse("calls:testcall", args=[bot])).status_code == 404


def test_a_bot_that_cannot_take_calls_says_why(world: World, demo: Bot) -> None:
    person = browser(world.people["operator"])
    address = reverse("calls:testcall", args=["demo"])
    Bot.objects.update(enabled=False)
    page = person.get(address)
    assert "paused" in page.context["problem"]
    Bot.objects.update(enabled=True, revision=7, params={"userNoInputTimeoutMS": "no number"})
    page = person.get(address)
    assert "not valid" in page.context["problem"]
    assert b'id="place"' in page.content


def test_a_bot_without_speech_opens_with_the_text_chat(world: World, demo: Bot) -> None:
    person = browser(world.people["operator"])
    address = reverse("calls:testcall", args=["demo"])
    assert person.get(address).context["tab"] == "call"
    assert person.get(address, {"tab": "nonsense"}).context["tab"] == "call"
    Bot.objects.update(stt_provider=None, revision=7)
    assert person.get(address).context["tab"] == "chat"
    page = person.get(address, {"tab": "call"})
    assert "no speech services" in page.content.decode()


def test_a_bot_with_a_voice_of_its_own_takes_no_text_chat(world: World, demo: Bot) -> None:
    agent = Provider.objects.create(name="agent", kind="bot", plugin="deepgram-agent")
    Bot.objects.create(name="voiced", provider=agent)
    person = browser(world.people["operator"])
    address = reverse("calls:testcall", args=["voiced"])
    assert person.get(address).context["tab"] == "call"
    assert person.get(address).context["usable"]
    chat = person.get(address, {"tab": "chat"})
    assert "no chat with it in writing" in chat.content.decode()
    assert not chat.context["usable"]
    assert person.get(reverse("calls:testcall", args=["demo"]), {"tab": "chat"}).context["usable"]


def test_a_dialled_number_leads_where_the_routes_lead(world: World, demo: Bot) -> None:
    Route.objects.create(pattern="+1555*", bot=demo)
    person = browser(world.people["operator"])
    answer = person.get(reverse("calls:testcalls"), {"number": "+15550100"})
    assert answer.url == "/test/demo/?number=%2B15550100"  # type: ignore[attr-defined]
    page = person.get(answer.url)  # type: ignore[attr-defined]
    assert 'value="+15550100"' in page.content.decode()
    lost = person.get(reverse("calls:testcalls"), {"number": "+4930"})
    assert "No route" in lost.content.decode()


def test_a_number_of_a_bot_beyond_reach_leads_nowhere(world: World, demo: Bot) -> None:
    Route.objects.create(pattern="*", bot=demo)
    other = Bot.objects.create(name="other")
    person = browser(with_role("operator", name="bound", bots=[other]))
    answer = person.get(reverse("calls:testcalls"), {"number": "+15550100"})
    assert "No route" in answer.content.decode()


def test_the_list_of_bots_makes_the_agreed_number_of_queries(
    world: World, demo: Bot, repository: Path
) -> None:
    Bot.objects.bulk_create(Bot(name=f"bot-{n}") for n in range(30))
    person = browser(world.people["operator"])
    with CaptureQueriesContext(connection) as queries:
        person.get(reverse("calls:testcalls"))
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert len(queries) == agreed["calls:testcalls"]


def test_nobody_to_call_is_said_with_what_to_do(world: World) -> None:
    page = browser(world.people["operator"]).get(reverse("calls:testcalls"))
    assert "No bot to call" in page.content.decode()
