"""Search among call records: each condition, pages by key, words of transcripts."""

from datetime import UTC, timedelta
from uuid import UUID

import pytest
from django.db import connection

from bots.core.roles import granted
from bots.people import NOBODY, Person
from calls import search
from calls.core.callfilter import CallFilter, parse
from calls.models import Call, CallEvent, TranscriptEntry
from calls.search import CallPage, Cursor, Seen, call_page, every, matching, seen
from calls.selectors import Sight
from tests.calls.conftest import NOON, MakeCall, record_turn

pytestmark = pytest.mark.db

EVERYTHING = Sight(Person(user_id=1, name="all", permissions=granted(["administrator"])))
VIEWER = Sight(Person(user_id=2, name="viewer", permissions=granted(["viewer"])))
SCOPED = Sight(
    Person(
        user_id=3,
        name="scoped",
        permissions=granted(["supervisor"]),
        bots=frozenset({"retail"}),
    )
)
NOTHING = Sight(NOBODY)


CONDITIONS: list[tuple[CallFilter, set[str]]] = [
    (CallFilter(), {"plain", "other", "live", "moved"}),
    (CallFilter(bot="retail"), {"other"}),
    (CallFilter(result="active"), {"live"}),
    (CallFilter(result="failed"), {"other"}),
    (CallFilter(result="transferred"), {"moved"}),
    (CallFilter(result="completed"), {"plain"}),
    (CallFilter(reason="error"), {"other"}),
    (CallFilter(reason="stt:timeout"), {"other"}),
    (CallFilter(direction="outbound"), {"other"}),
    (CallFilter(channel="browser"), {"moved"}),
    (CallFilter(mode="text"), {"moved"}),
    (CallFilter(ended_by="caller"), {"plain", "other"}),
    (CallFilter(tests="only"), {"test"}),
    (CallFilter(tests="shown"), {"plain", "other", "live", "moved", "test"}),
    (CallFilter(since=NOON + timedelta(minutes=1)), {"other", "live", "moved"}),
    (CallFilter(until=NOON + timedelta(minutes=1)), {"plain"}),
    (CallFilter(number="151"), {"plain"}),
    (CallFilter(number="30990"), {"other"}),
    (CallFilter(number="live"), {"live"}),
    (CallFilter(number="liv"), set()),
    (CallFilter(number=str(UUID(int=7))), {"moved"}),
    (CallFilter(longer_s=75), {"moved"}),
    (CallFilter(longer_s=74), {"plain", "other", "moved"}),
    (CallFilter(slower_ms=1499), {"other"}),
    (CallFilter(slower_ms=1500), set()),
    (CallFilter(has=frozenset({"fault"})), {"other"}),
    (CallFilter(has=frozenset({"recording"})), {"plain"}),
    (CallFilter(has=frozenset({"dtmf"})), {"plain"}),
    (CallFilter(has=frozenset({"transfer"})), {"moved", "other"}),
    (CallFilter(has=frozenset({"transfer", "fault"})), {"other"}),
    (CallFilter(bot="demo", direction="outbound"), set()),
]


def ids(calls: list[Call]) -> list[UUID]:
    return [call.pk for call in calls]


def found(sight: Sight, chosen: CallFilter) -> set[str]:
    return set(matching(sight, chosen).calls.values_list("conversation_id", flat=True))


def say(call: Call, text: str, **fields: object) -> None:
    content = {"seq": 1, "offset_ms": 0, "side": "caller", "kind": "speech", "text": text}
    TranscriptEntry.objects.create(call=call, **(content | fields))


def test_each_condition_of_the_filter_chooses_calls(make_call: MakeCall) -> None:
    plain = make_call(conversation_id="plain", caller="+4915112345", recordings=["r-1"])
    other = make_call(
        conversation_id="other",
        bot_name="retail",
        reason_code="error",
        cause="stt:timeout",
        direction="outbound",
        callee="+4930990100",
        faults=1,
        silence_max_ms=1500,
    )
    make_call(conversation_id="live", ended=False)
    make_call(
        conversation_id="moved",
        id=UUID(int=7),
        reason_code="transferred",
        ended_by="bot",
        channel="browser",
        mode="text",
        ended_at=NOON + timedelta(hours=1),
    )
    make_call(conversation_id="test", is_test=True, ended=False)
    turn = record_turn(plain, 1)
    turn.kind = "dtmf"
    turn.save()
    record_turn(other, 1)
    CallEvent.objects.create(call=other, seq=1, offset_ms=0, source="bot", name="transfer")
    CallEvent.objects.create(call=plain, seq=1, offset_ms=0, source="bot", name="hangup")
    for chosen, matches in CONDITIONS:
        assert found(EVERYTHING, chosen) == matches, chosen


@pytest.mark.parametrize("indexed", [True, False])
def test_a_person_searches_only_the_calls_of_their_bots(
    indexed: bool, make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "text_is_indexed", lambda: indexed)
    for bot in ("demo", "retail"):
        say(make_call(conversation_id=bot, bot_name=bot), "pay my bill")
    for chosen in (CallFilter(), CallFilter(text="bill")):
        assert found(SCOPED, chosen) == {"retail"}
        assert found(NOTHING, chosen) == set()
    assert found(SCOPED, CallFilter(bot="demo")) == set()


def test_words_are_found_in_what_was_said_by_whoever_may_read_it(make_call: MakeCall) -> None:
    say(make_call(conversation_id="bill"), "I want to PAY my bill")
    say(make_call(conversation_id="percent"), "100% sure_thing")
    say(make_call(conversation_id="event"), "pay later", kind="event", side="system")
    for text, matches in (
        ("pay my", {"bill"}),
        ("Pay", {"bill"}),
        ("0% s", {"percent"}),
        ("sure_t", {"percent"}),
        ("sure%t", set()),
        ("suret", set()),
    ):
        assert found(EVERYTHING, CallFilter(text=text)) == matches, text
        assert found(VIEWER, CallFilter(text=text)) == set()
    assert found(EVERYTHING, CallFilter(text="bill", number="nobody")) == set()


def test_without_an_index_only_the_latest_calls_are_searched_and_it_is_said(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SEARCHED_CALLS", 2)
    monkeypatch.setattr(search, "text_is_indexed", lambda: False)
    chosen = CallFilter(text="bill")
    for name in ("oldest", "middle"):
        say(make_call(conversation_id=name), "bill")
    assert not matching(EVERYTHING, chosen).is_cut
    assert found(EVERYTHING, chosen) == {"oldest", "middle"}
    say(make_call(conversation_id="latest"), "bill")
    assert found(EVERYTHING, chosen) == {"middle", "latest"}
    assert matching(EVERYTHING, chosen).is_cut
    assert not matching(EVERYTHING, CallFilter()).is_cut
    assert not matching(EVERYTHING, CallFilter(text="bill", number="nobody")).is_cut


def test_with_an_index_every_call_is_searched(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SEARCHED_CALLS", 1)
    monkeypatch.setattr(search, "text_is_indexed", lambda: True)
    for name in ("older", "newer"):
        say(make_call(conversation_id=name), "bill")
    chosen = CallFilter(text="bill")
    assert found(EVERYTHING, chosen) == {"older", "newer"}
    assert not matching(EVERYTHING, chosen).is_cut
    monkeypatch.setattr(search, "RARE_LINES", 1)
    assert found(EVERYTHING, chosen) == {"newer"}, "said often"
    assert matching(EVERYTHING, chosen).is_cut


def test_the_index_of_words_is_where_the_database_can_have_one(db: None) -> None:
    assert search.text_is_indexed.__wrapped__() == (connection.vendor == "postgresql")


def page(sight: Sight, *, size: int, cursor: Cursor | None = None) -> CallPage:
    return call_page(matching(sight, CallFilter()).calls, size=size, cursor=cursor)


def test_pages_lead_through_all_calls_forth_and_back_without_loss(make_call: MakeCall) -> None:
    # Three calls of one moment: only the id tells them apart.
    for minute in (0, 1, 1, 1, 2, 3, 4):
        make_call(started_at=NOON + timedelta(minutes=minute))
    everything = ids(list(Call.objects.order_by("-started_at", "id")))
    pages: list[CallPage] = []
    cursor = None
    while not pages or cursor is not None:
        pages.append(page(EVERYTHING, size=3, cursor=cursor))
        cursor = pages[-1].older
    assert [each for one in pages for each in ids(one.calls)] == everything
    assert [(one.first, one.last) for one in pages] == [(1, 3), (4, 6), (7, 7)]
    assert pages[0].newer is None
    back = pages[-1]
    rows = []
    while back.newer is not None:
        back = page(EVERYTHING, size=3, cursor=back.newer)
        rows.append((back.first, back.last))
    assert rows == [(4, 6), (1, 3)]
    assert ids(back.calls) == everything[:3]
    assert back.older is not None


def test_a_page_beyond_the_last_call_is_empty(make_call: MakeCall) -> None:
    call = make_call()
    empty = page(EVERYTHING, size=3, cursor=Cursor(call.started_at, call.pk))
    assert (empty.calls, empty.newer, empty.older, empty.total) == ([], None, None, 1)


def test_many_calls_are_counted_up_to_a_limit(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "COUNT_LIMIT", 2)
    make_call()
    make_call()
    assert not page(EVERYTHING, size=1).total_is_capped
    make_call()
    make_call()
    one = page(EVERYTHING, size=1)
    assert (one.total, one.total_is_capped) == (3, True)


def test_every_call_is_read_once_in_batches(
    make_call: MakeCall, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "BATCH", 2)
    for minute in (0, 1, 1, 1, 2):
        make_call(started_at=NOON + timedelta(minutes=minute))
    batches = list(every(matching(EVERYTHING, CallFilter()).calls))
    assert [len(batch) for batch in batches] == [2, 2, 1]
    everything = ids(list(Call.objects.order_by("-started_at", "id")))
    assert [each for batch in batches for each in ids(batch)] == everything


@pytest.mark.parametrize("backwards", [True, False])
def test_a_cursor_is_read_as_it_was_written(backwards: bool) -> None:
    cursor = Cursor(NOON, UUID(int=7), backwards=backwards, row=26)
    assert Cursor.parse(str(cursor)) == cursor


@pytest.mark.parametrize(
    "text",
    [
        "",
        "after",
        f"sideways~2026-11-21T12:00:00+00:00~{UUID(int=1)}~1",
        "after~noon~x~1",
        f"after~2026-11-21T12:00:00~{UUID(int=1)}~1",
        f"after~0001-01-01T00:00:00+14:00~{UUID(int=1)}~1",
        f"after~9999-12-31T23:59:59-14:00~{UUID(int=1)}~1",
        "after~2026-11-21T12:00:00+00:00~x~1",
        f"after~2026-11-21T12:00:00+00:00~{UUID(int=1)}~first",
    ],
)
def test_a_broken_cursor_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - several libraries speak here
        Cursor.parse(text)


def test_places_and_periods_are_kept_in_a_zone_that_every_database_knows() -> None:
    place = Cursor.parse(f"after~2026-11-21T12:00:00-23:59~{UUID(int=1)}~1").started_at
    since = parse({"from": ["2026-11-21T12:00:00-23:59"]}, NOON, UTC).since
    assert since is not None
    assert place.isoformat() == since.isoformat() == "2026-11-22T11:59:00+00:00"


def test_the_row_of_a_cursor_is_never_absurd() -> None:
    place = f"after~2026-11-21T12:00:00+00:00~{UUID(int=1)}"
    assert [Cursor.parse(f"{place}~{row}").row for row in ("-5", "9" * 30)] == [1, 1]


def test_the_filter_offers_what_the_latest_calls_show(make_call: MakeCall) -> None:
    make_call(ended=False)
    make_call(bot_name="retail", reason_code="error", cause="stt:timeout")
    make_call(bot_name="retail")
    assert seen(EVERYTHING) == Seen(
        bots=["demo", "retail"],
        reasons=["client-disconnected", "error", "stt:timeout"],
        channels=["audiocodes"],
    )
    assert seen(SCOPED).bots == ["retail"]
    assert seen(NOTHING) == Seen([], [], [])
