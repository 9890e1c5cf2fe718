"""The page of live calls as a browser without scripts sees it."""

import json
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from calls.models import TranscriptEntry
from tests.calls.conftest import MakeCall
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db


def test_live_calls_are_listed_before_any_script_runs(world: World, make_call: MakeCall) -> None:
    call = make_call(ended=False, caller="+4915112345", bot_name="billing")
    make_call(caller="+4999")
    TranscriptEntry.objects.create(
        call=call, seq=1, offset_ms=0, side="bot", kind="speech", text="<b>Hello</b>", delay_ms=1720
    )
    content = browser(world.people["supervisor"]).get("/live/").content.decode()
    assert f'href="/calls/{call.pk}/"' in content
    assert "&lt;b&gt;Hello&lt;/b&gt;" in content
    assert "+4999" not in content
    assert 'data-band="late"' in content
    assert "The last line is empty for you" not in content


@pytest.mark.parametrize(
    ("role", "is_test", "reads"),
    [("viewer", False, False), ("viewer", True, False), ("operator", True, True)],
)
def test_the_last_line_is_only_for_who_may_read_it(
    role: str, is_test: bool, reads: bool, world: World, make_call: MakeCall
) -> None:
    call = make_call(ended=False, is_test=is_test)
    TranscriptEntry.objects.create(
        call=call, seq=1, offset_ms=0, side="bot", kind="speech", text="secret word"
    )
    content = browser(world.people[role]).get("/live/").content.decode()
    assert ("secret word" in content) == reads
    assert "The last line is empty for you" in content


def test_the_filter_offers_the_bots_that_a_person_reaches(
    world: World, make_call: MakeCall
) -> None:
    make_call(ended=False)
    member = with_role("supervisor", name="nobodys", bots=[])
    assert list(browser(member).get("/live/").context["bots"]) == []


def test_without_calls_the_page_teaches_how_to_make_the_first(world: World) -> None:
    content = browser(world.people["supervisor"]).get("/live/").content.decode()
    assert 'manage.py testcall demo --say "I want to pay my bill"' in content
    assert "ws://testserver/voice/audiocodes/demo" in content


def test_behind_tls_the_voice_address_is_wss(world: World) -> None:
    page = browser(world.people["supervisor"]).get("/live/", secure=True)
    assert "wss://testserver/voice/audiocodes/demo" in page.content.decode()


def test_the_page_can_only_be_read_and_only_by_who_may_see_live_calls(world: World) -> None:
    assert browser(world.people["supervisor"]).post("/live/").status_code == 405
    assert browser(world.people["call-data-manager"]).get("/live/").status_code == 403
    assert browser(world.stranger).get("/live/").headers["location"] == "/login/?next=/live/"


def test_the_list_makes_the_agreed_number_of_queries(
    world: World, make_call: MakeCall, repository: Path
) -> None:
    for _ in range(12):
        make_call(ended=False)
    client = browser(world.people["supervisor"])
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/live/").status_code == 200
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert len(queries) == agreed["calls:live"]
