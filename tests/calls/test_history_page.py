"""The page of the call history as a browser without scripts sees it."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from bots.core.auditing import Action
from bots.models import AuditEvent, Bot
from calls.columns import COLUMNS
from calls.models import Call, SavedView, TranscriptEntry
from calls.views.history import VIEWS_AT_MOST
from tests.calls.conftest import MakeCall
from tests.worlds import World, browser, with_role

pytestmark = pytest.mark.db


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["supervisor"])


def page(client: Client, url: str, status: int = 200) -> str:
    response = client.get(url)
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def say(call: Call, text: str) -> None:
    TranscriptEntry.objects.create(
        call=call, seq=1, offset_ms=0, side="caller", kind="speech", text=text
    )


def chips(client: Client, query: str) -> dict[str, str]:
    """What the page says is chosen, each with the address without it."""
    return {chip.words: chip.query for chip in client.get(f"/calls/?{query}").context["chips"]}


def test_the_history_filters_by_its_address(client: Client, make_call: MakeCall) -> None:
    recent = now() - timedelta(minutes=5)
    make_call(caller="+491", bot_name="retail", started_at=recent, cause="user-no-input")
    make_call(caller="+492", started_at=now() - timedelta(days=2), is_test=True)
    make_call(caller="+493", started_at=now() - timedelta(days=40))
    for query, shown in (
        ("", {"+491", "+493"}),
        ("test=shown", {"+491", "+492", "+493"}),
        ("bot=retail", {"+491"}),
        ("reason=user-no-input", {"+491"}),
        ("range=1h", {"+491"}),
        ("range=7d&test=only", {"+492"}),
        ("number=%2B493", {"+493"}),
        ("result=active", set()),
        ("direction=up&range=never", {"+491", "+493"}),
        ("at=nonsense&size=7", {"+491", "+493"}),
    ):
        content = page(client, f"/calls/?{query}")
        seen = {number for number in ("+491", "+492", "+493") if f">{number}</span>" in content}
        assert seen == shown, query


def test_what_is_chosen_is_shown_as_chips_that_drop_it(client: Client) -> None:
    query = "range=today&zone=Europe/Berlin&has=fault&has=dtmf&slower=1500&test=only&at=x&size=50"
    found = chips(client, query)
    assert list(found) == [
        "Started: Today",
        "A wait over (ms): 1500",
        "With: Faults",
        "With: Keys pressed",
        "Test calls: Only these",
    ]
    assert found["With: Faults"] == (
        "range=today&zone=Europe%2FBerlin&has=dtmf&slower=1500&test=only&size=50"
    )
    assert "range=" not in found["Started: Today"]
    assert list(chips(client, "range=custom&from=2026-11-20T10:00")) == ["From 2026-11-20 10:00"]
    assert "Test calls hidden" in page(client, "/calls/")
    assert "Test calls hidden" not in page(client, "/calls/?test=shown")


def test_what_is_not_understood_is_said_and_not_applied(
    client: Client, make_call: MakeCall
) -> None:
    make_call(caller="+491")
    content = page(client, "/calls/?longer=soon&q=ab")
    assert "Not understood and not applied: longer, q." in content
    assert "at least 3 letters" in content
    assert "+491" in content
    assert chips(client, "longer=soon") == {}


def test_a_filter_that_matches_nothing_says_so_and_keeps_its_values(
    client: Client, make_call: MakeCall
) -> None:
    make_call()
    content = page(client, "/calls/?bot=gone&reason=lost")
    assert "No call matches" in content
    assert '<option value="gone" selected>' in content
    assert '<option value="lost" selected>' in content


def test_without_any_call_the_page_teaches_how_to_make_the_first(client: Client) -> None:
    assert "manage.py testcall demo" in page(client, "/calls/")


def test_the_fields_of_a_period_show_it_in_the_readers_zone(client: Client) -> None:
    content = page(client, "/calls/?range=custom&from=2026-11-20T10:00Z&zone=Europe/Berlin")
    assert 'name="from" value="2026-11-20T11:00"' in content
    assert 'name="to" value=""' in content


def test_pages_are_linked_counted_and_keep_the_filter(client: Client, make_call: MakeCall) -> None:
    for _ in range(30):
        make_call()
    first = client.get("/calls/?bot=demo&size=25")
    assert len(first.context["page"].calls) == 25
    assert "1–25 of 30" in page(client, "/calls/?bot=demo&size=25")  # noqa: RUF001
    assert "bot=demo" in first.context["older_query"]
    second = client.get(f"/calls/?{first.context['older_query']}")
    assert len(second.context["page"].calls) == 5
    back = client.get(f"/calls/?{second.context['newer_query']}")
    assert back.context["page"].calls == first.context["page"].calls
    assert len(client.get("/calls/?size=50").context["page"].calls) == 30


def test_the_columns_are_chosen_by_the_address(client: Client, make_call: MakeCall) -> None:
    call = make_call(silence_max_ms=1720, silence_median_ms=None, recordings=["r"], faults=3)
    usual = page(client, "/calls/")
    assert 'data-band="late"> 1,720 ms' in usual
    assert call.conversation_id not in usual
    chosen = client.get("/calls/?columns=conversation,faults,nonsense").context["columns"]
    assert [column.name for column in chosen] == ["started", "faults", "conversation"]
    everything = page(client, "/calls/?columns=" + ",".join(column.name for column in COLUMNS))
    for value in (call.conversation_id, f"{call.pk}</td>", "web-1", ">caller</td>", ">3</td>"):
        assert value in everything
    several = client.get("/calls/?columns=started&columns=id").context["columns"]
    assert [column.name for column in several] == ["started", "id"]


# --- words of transcripts -------------------------------------------------------------------------


def test_a_search_for_words_is_audited_once(client: Client, make_call: MakeCall) -> None:
    say(make_call(caller="+491"), "pay my bill")
    make_call(caller="+492")
    for query in ("q=my+bill", "q=my+bill&columns=id", "q=my+bill&size=50", "q=other"):
        content = page(client, f"/calls/?{query}")
    assert "+491" not in content
    events = AuditEvent.objects.filter(action=Action.TRANSCRIPTS_SEARCHED).order_by("id")
    assert [event.after for event in events] == [{"text": "my bill"}, {"text": "other"}]
    assert events[0].actor == "supervisor"


def test_who_may_not_read_transcripts_cannot_search_them(world: World, make_call: MakeCall) -> None:
    say(make_call(), "pay my bill")
    viewer = browser(world.people["viewer"])
    page(viewer, "/calls/?q=bill", 403)
    assert "disabled" in page(viewer, "/calls/").partition('id="id_q"')[2].partition(">")[0]
    assert not AuditEvent.objects.filter(action=Action.TRANSCRIPTS_SEARCHED).exists()


# --- views ----------------------------------------------------------------------------------------


def test_a_person_keeps_views_of_their_own(world: World, client: Client) -> None:
    query = "bot=retail&has=fault&has=dtmf&columns=id&at=x&csrfmiddlewaretoken=y&zone=UTC"
    for name in ("  Slow   retail ", "Slow retail"):
        response = client.post("/calls/views", {"name": name, "query": query})
    kept = "bot=retail&has=fault&has=dtmf&columns=id&zone=UTC"
    assert response.headers["location"] == f"/calls/?{kept}"
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("Slow retail", kept)
    content = page(client, "/calls/")
    assert "Slow retail" in content
    assert "was saved" in content
    other = browser(world.people["viewer"])
    assert "Slow retail" not in page(other, "/calls/")
    assert other.post(f"/calls/views/{view.pk}/delete").status_code == 404
    assert client.post(f"/calls/views/{view.pk}/delete", {"query": "bot=a"}).status_code == 302
    assert not SavedView.objects.exists()


def test_views_have_a_name_and_are_not_without_number(world: World, client: Client) -> None:
    user = world.people["supervisor"]
    assert client.post("/calls/views", {"query": "bot=a"}).status_code == 302
    assert "Give the view a name" in page(client, "/calls/")
    SavedView.objects.bulk_create(
        SavedView(user=user, name=f"view {number}") for number in range(VIEWS_AT_MOST)
    )
    client.post("/calls/views", {"name": "one more"})
    assert "Remove one first" in page(client, "/calls/")
    client.post("/calls/views", {"name": "view 1", "query": "bot=a"})
    assert SavedView.objects.get(name="view 1").query == "bot=a"
    assert SavedView.objects.count() == VIEWS_AT_MOST


# --- people ---------------------------------------------------------------------------------------


def test_who_sees_what(world: World, make_call: MakeCall) -> None:
    retail = Bot.objects.create(name="retail")
    make_call(caller="+491", bot_name="retail")
    make_call(caller="+492", bot_name="other")
    scoped = page(browser(with_role("viewer", name="scoped", bots=[retail])), "/calls/?bot=other")
    assert "+49" not in scoped.partition("<tbody>")[2]
    page(browser(world.people["account-manager"]), "/calls/", 403)
    assert browser(world.stranger).get("/calls/").headers["location"] == "/login/?next=/calls/"
    assert browser(world.admin).post("/calls/").status_code == 405


def test_only_who_may_export_gets_the_form(world: World, make_call: MakeCall) -> None:
    make_call()
    manager = page(browser(world.people["call-data-manager"]), "/calls/?bot=demo")
    assert 'action="/calls/export"' in manager
    assert 'name="query" value="bot=demo"' in manager
    viewer = page(browser(world.people["viewer"]), "/calls/")
    assert 'action="/calls/export"' not in viewer
    assert "Exporting calls is for call-data managers" in viewer


def test_texts_of_callers_are_shown_as_text(client: Client, make_call: MakeCall) -> None:
    hostile = "<img src=x onerror=alert(1)>"
    make_call(caller=hostile, callee=hostile, reason=hostile, conversation_id=hostile)
    columns = ",".join(column.name for column in COLUMNS)
    content = page(client, f"/calls/?columns={columns}&q={hostile}&bot={hostile}")
    assert "<img src=x" not in content
    assert "<img src=x" not in page(client, f"/calls/?columns={columns}")


@pytest.mark.parametrize("query", ["", "range=7d&result=failed&has=fault&has=dtmf", "q=bill"])
def test_the_page_makes_the_agreed_number_of_queries(
    query: str, client: Client, make_call: MakeCall, repository: Path
) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            page(client, f"/calls/?{query}")
        return len(captured)

    make_call(id=UUID(int=1))
    queries()  # the search is audited, the session begins
    few = queries()
    for _ in range(20):
        make_call()
    assert queries() == few
    agreed: dict[str, Any] = json.loads((repository / "tests" / "query_counts.json").read_text())
    if not query:
        assert few == agreed["calls:history"]
