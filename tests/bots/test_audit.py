"""The audit log: nothing alters it, who reads what of it, its pages, export and end."""

import csv
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now
from structlog.testing import capture_logs

from bots import journal, tasks
from bots.audit import Actor, acting, current_actor, record
from bots.core.auditing import Action
from bots.models import AuditEvent, Bot, Provider
from bots.people import person
from tests.worlds import World, browser, with_role

pytestmark = [pytest.mark.db, pytest.mark.django_db]


@pytest.fixture
def client(world: World) -> Client:
    return browser(world.people["account-manager"])


def happen(number: int = 1, **fields: Any) -> list[AuditEvent]:
    """That many events, the oldest first; their time is a field that is set by nobody."""
    at = fields.pop("at", None)
    given = {"action": Action.BOT_CHANGED, "kind": "bot", "actor": "olga", **fields}
    events = [AuditEvent.objects.create(**given) for _ in range(number)]
    if at is not None:
        keys = ",".join(str(event.pk) for event in events)
        with connection.cursor() as cursor:
            cursor.execute(f"UPDATE bots_auditevent SET at = %s WHERE id IN ({keys})", [at])
    return events


def shown(client: Client, query: str = "") -> list[AuditEvent]:
    return [row.event for row in client.get(f"/audit/?{query}").context["rows"]]


# --- writing --------------------------------------------------------------------------------------


def test_events_are_never_altered_or_deleted(db: None) -> None:
    event = happen()[0]
    event.title = "another"
    for attempt in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        AuditEvent.objects.filter(pk=event.pk).delete,
        lambda: AuditEvent.objects.update(title="another"),
        lambda: AuditEvent.objects.bulk_update([event], ["title"]),
    ):
        with pytest.raises(TypeError, match="never altered"):
            attempt()
    assert AuditEvent.objects.get().title == ""


def test_who_acts_is_known_inside_and_the_gateway_outside() -> None:
    with acting(Actor(name="olga", address="192.0.2.1")):
        record(Action.BOT_CREATED, kind="bot", target=1, title="x" * 300, message="y" * 900)
        record(Action.BOT_CHANGED, kind="bot", target=1)
    record(Action.BOT_DELETED, kind="bot")
    first, second, last = AuditEvent.objects.order_by("pk")
    assert (first.actor, first.address, last.actor) == ("olga", "192.0.2.1", "gateway")
    assert (len(first.title), len(first.message)) == (200, 500)
    assert first.batch == second.batch != last.batch
    assert current_actor().name == "gateway"


def test_events_expire(settings: Any) -> None:
    settings.AUDIT_DAYS = 30
    happen(at=now() - timedelta(days=31))
    kept = happen(at=now() - timedelta(days=29))
    with capture_logs() as logs:
        tasks.expire_audit_events()
        tasks.expire_audit_events()
    assert list(AuditEvent.objects.all()) == kept
    assert [(line["event"], line["events"]) for line in logs] == [("audit.expired", 1)]


# --- reading --------------------------------------------------------------------------------------


def test_who_reaches_some_bots_reads_of_these_and_their_people(world: World) -> None:
    retail, other = Bot.objects.create(name="retail"), Bot.objects.create(name="other")
    near = with_role("viewer", name="near", bots=[retail])
    far = with_role("viewer", name="far", bots=[other])
    scoped = with_role("account-manager", name="scoped", bots=[retail])
    seen = happen(target=str(retail.pk)) + happen(user=near, kind="call")
    seen += happen(kind="user", target=str(near.pk)) + happen(user=scoped, kind="call")
    happen(target=str(other.pk))
    happen(kind="user", target=str(far.pk))
    happen(user=far, kind="call")
    happen(kind="route", target=str(retail.pk))
    assert set(journal.visible_events(person(scoped))) == set(seen)
    assert journal.visible_events(person(world.admin)).count() == 8
    assert not journal.visible_events(person(world.people["viewer"])).exists()


def test_pages_follow_each_other_both_ways_without_gap(client: Client) -> None:
    events = list(reversed(happen(120)))
    first = client.get("/audit/").context["page"]
    second = client.get(f"/audit/?at={first.older}").context["page"]
    third = client.get(f"/audit/?at={second.older}").context["page"]
    assert first.rows + second.rows + third.rows == events
    assert (first.newer, third.older) == ("", "")
    back = client.get(f"/audit/?at={third.newer}").context["page"]
    assert back.rows == second.rows
    assert client.get(f"/audit/?at={back.newer}").context["page"].newer == ""
    for nonsense in ("before", "after-x", "up-3", "after-0", f"after-{'9' * 30}"):
        assert client.get(f"/audit/?at={nonsense}").status_code == 200


def test_the_log_filters_by_its_address(client: Client) -> None:
    batch = "6b0d2b2e-7c3b-4a9d-9d5e-0d3c3f9a1f10"
    events = {
        "old": happen(at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC), actor="carl")[0],
        "call": happen(kind="call", target="c-1", action=Action.TRANSCRIPT_READ)[0],
        "told": happen(message="Because of the <script>", batch=batch)[0],
    }
    everything = set(events)
    for query, names in (
        ("", everything),
        ("person=carl", {"old"}),
        ("action=call.transcript_read", {"call"}),
        ("kind=call", {"call"}),
        ("kind=call&target=c-1", {"call"}),
        ("kind=call&target=c-2", set()),
        ("range=24h", {"call", "told"}),
        ("since=2026-03-01&until=2026-03-01", {"old"}),
        ("since=2026-03-02", {"call", "told"}),
        ("until=2026-02-28", set()),
        ("q=because+of", {"told"}),
        (f"batch={batch}", {"told"}),
        ("action=fly&kind=moon&range=1y&since=soon&until=9999-12-31&batch=1", everything),
    ):
        assert set(shown(client, query)) == {events[name] for name in names}, query


def test_days_are_those_of_the_readers_zone(client: Client) -> None:
    happen(at=datetime(2026, 3, 1, 23, 30, tzinfo=UTC))
    client.post("/profile/", {"time_zone": "Europe/Berlin"})
    assert len(shown(client, "since=2026-03-02&until=2026-03-02")) == 1
    assert shown(client, "until=2026-03-01") == []
    assert "From day (Europe/Berlin)" in client.get("/audit/").content.decode()


def test_what_changed_is_shown_field_by_field_as_text(client: Client) -> None:
    happen(before={"a": "<b>", "gone": 1}, after={"a": "<i>", "came": False}, title="<u>")
    row = client.get("/audit/").context["rows"][0]
    told = [(each.field, each.before, each.after) for each in row.differences]
    assert told == [("a", "<b>", "<i>"), ("gone", 1, None), ("came", None, False)]
    content = client.get("/audit/").content.decode()
    assert "<del>&lt;b&gt;</del>" in content
    assert "<ins>&lt;i&gt;</ins>" in content
    assert "<ins>False</ins>" in content
    assert "<u>" not in content


def test_events_lead_to_what_they_are_about(client: Client, world: World) -> None:
    bot = Bot.objects.create(name="retail")
    provider = Provider.objects.create(name="ears", kind="vad", plugin="webrtc")
    cases: tuple[tuple[dict[str, Any], str], ...] = (
        ({"kind": "bot", "target": str(bot.pk), "title": "old name"}, "/bots/retail/"),
        ({"kind": "bot", "target": "999"}, ""),
        ({"kind": "bot", "target": "?"}, ""),
        ({"kind": "provider", "target": str(provider.pk)}, "/providers/ears/"),
        ({"kind": "user", "target": str(world.newcomer.pk)}, f"/people/{world.newcomer.pk}/"),
        ({"kind": "call", "target": "not a key"}, ""),
        ({"kind": "export", "target": "1"}, ""),
        ({"kind": "user", "target": ""}, ""),
    )
    for fields, url in cases:
        happen(**fields)
        assert client.get("/audit/").context["rows"][0].url == url, fields


def test_actions_of_another_version_stand_for_themselves(client: Client) -> None:
    happen(action="moon.landed")
    assert "moon.landed" in client.get("/audit/").content.decode()


def test_the_export_holds_what_is_filtered_and_no_formula(client: Client) -> None:
    happen(1_001, title="=1+1", before={"a": 1}, actor="olga")
    happen(actor="carl")
    response = client.get("/audit/export.csv?person=olga&until=9000-01-01&colour=red")
    assert response.headers["content-type"] == "text/csv; charset=utf-8"
    assert response.headers["content-disposition"].startswith('attachment; filename="audit-')
    lines = list(csv.DictReader(b"".join(response).decode().splitlines()))
    assert len(lines) == 1_001
    assert lines[0]["title"] == "'=1+1"
    assert (lines[0]["actor"], lines[0]["before"], lines[0]["after"]) == ("olga", '{"a": 1}', "")
    assert lines[0]["at"].endswith("+00:00")
    exported = AuditEvent.objects.latest("pk")
    chosen = {"person": "olga", "until": "9000-01-01"}
    assert (exported.action, exported.after) == (Action.AUDIT_EXPORTED, chosen)


def test_the_log_makes_the_agreed_number_of_queries(client: Client, repository: Path) -> None:
    for number in range(20):
        bot = Bot.objects.create(name=f"bot-{number}")
        happen(target=str(bot.pk))
    client.get("/audit/")
    with CaptureQueriesContext(connection) as queries:
        assert client.get("/audit/").status_code == 200
    agreed = json.loads((repository / "tests" / "query_counts.json").read_text())
    assert {"audit:list": len(queries)} == {"audit:list": agreed["audit:list"]}
