"""What one browser is told: order, gaps, slowness, and that a snapshot plus frames is the truth."""

import json
from typing import Any

import pytest

from calls.core import watch as watching
from calls.core.publication import Batch, CallNews, Fields, LiveEvent, LiveLine, Publication
from calls.core.watch import Watch
from calls.core.waterfall import TurnTimes

pytestmark = pytest.mark.pure

ROW: Fields = {"id": "a", "bot": "demo", "state": "listening"}


def line(seq: int, **fields: Any) -> LiveLine:
    content = {"offset_ms": seq, "side": "bot", "kind": "speech", "text": f"line {seq}", **fields}
    return LiveLine(seq=seq, **content)


def turn(number: int) -> TurnTimes:
    return TurnTimes(
        turn=number,
        kind="speech",
        caller_stopped_ms=1000,
        end_decided_ms=1500,
        final_text_ms=1500,
        sent_to_bot_ms=1500,
    )


def happened(seq: int) -> LiveEvent:
    return LiveEvent(seq=seq, offset_ms=seq, source="bot", name="config", detail={"to": "bot"})


def news(call_id: str = "a", bot: str = "demo", **fields: Any) -> CallNews:
    return CallNews(id=call_id, bot=bot, **fields)


def batch(number: int, *items: CallNews) -> Batch:
    return Batch(number=number, news=items)


class Everything:
    """Somebody who may see and read every call but those of the bot ``secret``."""

    def covers(self, bot: str) -> bool:
        return bot != "secret"

    def reads_live(self, bot: str, *, is_test: bool) -> bool:
        return True


class Outlines(Everything):
    """Somebody who may read only what is said in test calls."""

    def reads_live(self, bot: str, *, is_test: bool) -> bool:
        return is_test


def opened(*rows: Fields, rights: type[Everything] = Everything) -> Watch:
    """A watch whose browser has its first snapshot."""
    watch = Watch(rights)
    watch.snapshot(rows or (ROW,), 0.0, truncated=False)
    return watch


def read(frames: list[str]) -> list[dict[str, Any]]:
    return [json.loads(text) for text in frames]


class Page:
    """A browser that believes every frame; the reference for the fold of the real page."""

    def __init__(self) -> None:
        self.seq = 0
        self.calls: dict[str, Fields] = {}
        self.lines: dict[str, list[int]] = {}
        self.turns: dict[tuple[str, int], Any] = {}
        self.interim: dict[tuple[str, str], str] = {}

    def take(self, frames: list[str]) -> None:
        for item in read(frames):
            if "seq" in item:
                assert item["seq"] == self.seq + 1
                self.seq = item["seq"]
            getattr(self, f"on_{item['t']}")(item)

    def on_snapshot(self, item: dict[str, Any]) -> None:
        self.calls = {row["id"]: row for row in item["rows"]}

    def on_call(self, item: dict[str, Any]) -> None:
        if item["op"] == "gone":
            self.calls.pop(item["id"], None)
        else:
            self.calls[item["id"]] = self.calls.get(item["id"], {"id": item["id"]}) | item["f"]

    def on_line(self, item: dict[str, Any]) -> None:
        self.lines.setdefault(item["id"], []).append(item["n"])
        self.interim.pop((item["id"], item["side"]), None)

    def on_turn(self, item: dict[str, Any]) -> None:
        key = (item["id"], item["turn"])
        assert key not in self.turns
        self.turns[key] = (item["at_ms"], item["segments"], item["silence_ms"])

    def on_interim(self, item: dict[str, Any]) -> None:
        self.interim[item["id"], item["side"]] = item["text"]


def test_hello_tells_version_and_heartbeat() -> None:
    assert read([Watch(Everything).hello(5)]) == [{"t": "hello", "v": 1, "seq": 0, "hb": 5}]


def test_nothing_goes_out_before_the_first_snapshot() -> None:
    watch = Watch(Everything)
    assert watch.batch("p", batch(1, news(fields={"state": "thinking"})), 0.0) == []
    assert watch.resync("gap") == []
    (frame,) = read(watch.snapshot([ROW], 0.0, truncated=True))
    assert frame == {"t": "snapshot", "seq": 1, "view": "calls", "rows": [ROW], "truncated": True}


def report_state(told: Publication) -> None:
    told.change("a", {"state": "thinking", "turns": 2})


def report_new_call(told: Publication) -> None:
    told.change("b", {"bot": "demo", "state": "connecting", "caller": "+49"})


def report_line(told: Publication) -> None:
    told.line("a", line(1, delay_ms=640))


def report_turn(told: Publication) -> None:
    told.turn("a", turn(1))


def report_interim(told: Publication) -> None:
    told.interim("a", "caller", "yes")


def report_end(told: Publication) -> None:
    told.end("a", "done", 1.0)


def report_everything(told: Publication) -> None:
    report_state(told)
    report_new_call(told)
    report_interim(told)
    report_line(told)
    report_turn(told)
    report_end(told)


@pytest.mark.parametrize(
    "report",
    [
        report_state,
        report_new_call,
        report_line,
        report_turn,
        report_interim,
        report_end,
        report_everything,
    ],
)
def test_a_snapshot_and_the_frames_after_it_equal_a_new_snapshot(report: Any) -> None:
    told = Publication()
    told.change("a", {"bot": "demo", "state": "connecting"})
    told.take(0.0)

    def rows() -> list[Fields]:
        live = [each for each in told.state().news if each.gone is None]
        return [{"id": each.id, **each.fields} for each in live]

    def new_page() -> tuple[Watch, Page]:
        watch, page = Watch(Everything), Page()
        page.take(watch.snapshot(rows(), 0.0, truncated=False))
        watch.follow("a", 0)
        return watch, page

    watch, page = new_page()
    report(told)
    while (published := told.take(1.0)) is not None:
        page.take(watch.batch("p", published, 1.0))
    later_watch, later = new_page()
    later.take(later_watch.state("p", told.state("a"), 1.0))
    assert page.calls == later.calls
    assert page.lines == later.lines
    assert page.turns == later.turns
    assert page.interim == later.interim


def test_calls_that_may_not_be_seen_leave_no_trace() -> None:
    watch = opened()
    watch.follow("x", 0)
    hidden = news("x", bot="secret", fields={"state": "thinking"}, lines=(line(1),), gone="done")
    assert watch.batch("p", batch(1, hidden), 0.0) == []


def test_a_missed_batch_mutes_the_watch_until_the_next_snapshot() -> None:
    watch = opened()
    watch.batch("p", batch(1, news(fields={"turns": 1})), 0.0)
    frames = watch.batch("p", batch(3, news(fields={"turns": 3})), 0.0)
    assert read(frames) == [{"t": "resync", "why": "gap", "seq": 2}]
    assert watch.batch("p", batch(4, news(fields={"turns": 4})), 0.0) == []
    assert read(watch.snapshot([ROW], 0.0, truncated=False))[0]["seq"] == 3
    assert len(watch.batch("p", batch(5, news(fields={"turns": 5})), 0.0)) == 1


def test_a_heartbeat_reveals_that_the_last_batch_was_missed() -> None:
    watch = opened()
    watch.batch("p", batch(1, news(fields={"turns": 1})), 0.0)
    assert watch.batch("p", batch(1), 0.0) == []
    assert read(watch.batch("p", batch(2), 0.0))[0]["t"] == "resync"


def test_a_batch_that_a_state_answer_has_overtaken_is_ignored() -> None:
    watch = opened()
    watch.state("p", batch(5, news(fields={"turns": 5})), 0.0)
    assert watch.batch("p", batch(5, news(fields={"turns": 4})), 0.0) == []
    assert len(watch.batch("p", batch(6, news(fields={"turns": 6})), 0.0)) == 1


def test_a_publisher_with_an_unknown_past_is_asked_for_its_state() -> None:
    watch = opened()
    watch.batch("new", batch(1, news(fields={"turns": 1})), 0.0)
    assert not watch.wants_state
    assert len(watch.batch("old", batch(7, news(fields={"turns": 1})), 0.0)) == 1
    assert watch.wants_state


def test_lines_are_delivered_in_order_and_once_whatever_their_origin() -> None:
    watch = opened()
    assert watch.follow("a", 1)
    assert watch.lines("a", [line(1), line(4), line(3)], 0.0) == []
    frames = read(watch.lines("a", [line(2)], 0.0))
    assert [frame["n"] for frame in frames] == [2, 3, 4]
    assert watch.lines("a", [line(1), line(2), line(4)], 0.0) == []
    assert watch.missing(0.0) == ([], [])
    assert frames[0] == {
        "t": "line", "seq": 2, "id": "a", "n": 2, "offset_ms": 2, "side": "bot", "kind": "speech",
        "text": "line 2", "full_text": "", "confidence": None, "delay_ms": None,
    }  # fmt: skip


def test_lines_of_calls_that_are_not_followed_are_not_delivered() -> None:
    watch = opened()
    watch.follow("a", 0)
    watch.unfollow("a")
    assert watch.lines("a", [line(1)], 0.0) == []


def test_a_turn_is_delivered_once_whatever_its_origin() -> None:
    watch = opened()
    watch.follow("a", 0)
    assert [frame["turn"] for frame in read(watch.turns("a", [turn(2), turn(1)], 0.0))] == [2, 1]
    frames = read(watch.batch("p", batch(1, news(turns=(turn(2), turn(3)))), 0.0))
    assert frames == [{
        "t": "turn", "seq": 4, "id": "a", "turn": 3, "kind": "speech", "at_ms": 1000,
        "segments": [{"name": "endpointing", "start_ms": 0, "ms": 500}],
        "silence_ms": None, "playback_ms": None, "agent": None,
    }]  # fmt: skip
    assert watch.follow("a", 0)
    assert len(watch.turns("a", [turn(3)], 0.0)) == 1


def test_turns_go_only_to_those_who_follow_the_call_and_keep_up() -> None:
    watch = opened()
    assert watch.turns("a", [turn(1)], 0.0) == []
    watch.follow("a", 0)
    watch.resync("slow")
    assert watch.turns("a", [turn(1)], 0.0) == []
    watch.snapshot([ROW], 0.0, truncated=False)
    assert len(watch.turns("a", [turn(1)], 0.0)) == 1


def test_lines_behind_a_gap_are_looked_for_and_shown_in_the_end() -> None:
    watch = opened()
    watch.follow("a", 0)
    watch.follow("b", 0)
    watch.lines("a", [line(3)], 0.0)
    for _ in range(watching.GAP_TRIES):
        assert watch.missing(0.0) == (["a"], [])
    wanted, frames = watch.missing(0.0)
    assert wanted == []
    assert [frame["n"] for frame in read(frames)] == [3]
    assert watch.missing(0.0) == ([], [])


def test_a_filled_gap_has_all_its_tries_again() -> None:
    watch = opened()
    watch.follow("a", 0)
    watch.lines("a", [line(2)], 0.0)
    watch.missing(0.0)
    watch.lines("a", [line(1)], 0.0)
    watch.lines("a", [line(4)], 0.0)
    for _ in range(watching.GAP_TRIES):
        assert watch.missing(0.0) == (["a"], [])


def test_interim_text_goes_only_to_those_who_follow_the_call() -> None:
    watch = opened()
    talking = news(interim={"caller": "yes"})
    assert watch.batch("p", batch(1, talking), 0.0) == []
    watch.follow("a", 0)
    frames = read(watch.batch("p", batch(2, talking), 0.0))
    assert frames == [{"t": "interim", "id": "a", "side": "caller", "text": "yes"}]


def test_the_number_of_followed_calls_is_limited() -> None:
    watch = opened()
    for index in range(watching.SUBSCRIPTIONS):
        assert watch.follow(f"call-{index}", 0)
    assert not watch.follow("one-more", 0)
    assert watch.follow("call-0", 5)


def test_shown_are_live_and_followed_calls() -> None:
    watch = opened()
    watch.follow("f", 0)
    watch.batch("p", batch(1, news("b", fields={"turns": 0}), news("a", gone="done")), 0.0)
    assert watch.shown() == {"b", "f"}


def test_a_browser_with_too_many_frames_gets_one_resync_when_it_has_caught_up() -> None:
    watch = opened()
    sent = 1
    while not watch.muted:
        sent += len(watch.gone(f"call-{sent}", "done", 0.0))
    assert (watch.muted, sent) == ("slow", watching.UNACKED_FRAMES + 1)
    assert watch.gone("more", "done", 0.0) == []
    assert watch.ack(sent - 1, 1.0) == []
    assert read(watch.ack(sent, 2.0)) == [{"t": "resync", "why": "slow", "seq": sent}]


def test_a_browser_with_too_many_bytes_is_muted_too() -> None:
    watch = opened()
    watch.gone("a", "x" * watching.UNACKED_BYTES, 0.0)
    assert watch.muted == "slow"


def test_a_browser_is_overdue_without_progress_only() -> None:
    watch = opened()
    watch.gone("a", "done", 0.0)
    limit = watching.UNACKED_SECONDS
    assert not watch.overdue(limit)
    watch.ack(1, limit)
    assert not watch.overdue(limit + 1)
    assert watch.overdue(2 * limit + 1)
    watch.ack(2, 2 * limit + 1)
    assert not watch.overdue(10 * limit)


def test_events_of_a_followed_call_come_in_order_and_once() -> None:
    watch = opened()
    assert watch.follow("a", 0, 1)
    frames = watch.batch("p", batch(1, news(events=(happened(1), happened(2)))), 0.0)
    frames += watch.events("a", [happened(2), happened(4)], 0.0)
    assert watch.missing(0.0) == (["a"], [])
    frames += watch.events("a", [happened(3)], 0.0)
    told = [item for item in read(frames) if item["t"] == "event"]
    assert [item["n"] for item in told] == [2, 3, 4]
    assert [item["seq"] for item in told] == [2, 3, 4]
    assert told[0] | {"seq": 0} == {
        "t": "event", "seq": 0, "id": "a", "n": 2, "offset_ms": 2, "source": "bot",
        "name": "config", "detail": {"to": "bot"},
    }  # fmt: skip
    assert watch.reached("a") == (0, 4)
    assert watch.missing(0.0) == ([], [])


def test_missing_events_are_given_up_like_missing_lines() -> None:
    watch = opened()
    watch.follow("a", 0)
    watch.events("a", [happened(2)], 0.0)
    for _ in range(watching.GAP_TRIES):
        assert watch.missing(0.0) == (["a"], [])
    wanted, frames = watch.missing(0.0)
    assert wanted == []
    assert [item["n"] for item in read(frames)] == [2]


def test_events_of_calls_that_are_not_followed_are_not_told() -> None:
    watch = opened()
    assert watch.batch("p", batch(1, news(events=(happened(1),))), 0.0) == []
    assert watch.events("a", [happened(1)], 0.0) == []
    assert watch.reached("a") == (0, 0)
    assert watch.followed == frozenset()


def test_who_may_not_read_a_call_is_told_no_word_of_it() -> None:
    row = {**ROW, "last_line": "my card number"}
    test = {**ROW, "id": "b", "is_test": True, "last_line": "hello"}
    watch = Watch(Outlines)
    (frame,) = read(watch.snapshot([row, test], 0.0, truncated=False))
    assert frame["rows"] == [ROW, test]
    watch.follow("a", 0)
    watch.follow("b", 0)
    said: dict[str, Any] = {
        "fields": {"last_line": "my card number", "turns": 1},
        "lines": (line(1),),
        "turns": (turn(1),),
        "events": (happened(1),),
        "interim": {"caller": "my card"},
    }
    frames = read(watch.batch("p", batch(1, news(**said)), 0.0))
    assert [(item["t"], item["f"]) for item in frames] == [("call", {"turns": 1, "bot": "demo"})]
    frames = read(watch.batch("p", batch(2, news("b", is_test=True, **said)), 0.0))
    assert [item["t"] for item in frames] == ["call", "line", "turn", "event", "interim"]
    assert frames[0]["f"]["last_line"] == "my card number"


def test_a_last_line_alone_is_no_news_for_who_may_not_read_it() -> None:
    watch = opened(rights=Outlines)
    assert watch.batch("p", batch(1, news(fields={"last_line": "x"})), 0.0) == []


def test_a_muted_watch_tells_nothing_of_a_followed_call() -> None:
    watch = opened()
    watch.follow("a", 0)
    watch.resync("gap")
    said = news(events=(happened(1),), interim={"bot": "x"}, lines=(line(1),))
    assert watch.batch("p", batch(1, said), 0.0) == []
    assert watch.events("a", [happened(1)], 0.0) == []


def test_a_followed_call_that_is_over_is_not_asked_about_again() -> None:
    watch = opened()
    watch.follow("a", 0)
    watch.follow("f", 0)
    watch.gone("f", "done", 0.0)
    assert watch.shown() == {"a"}
    watch.follow("f", 0)
    assert watch.shown() == {"a", "f"}
