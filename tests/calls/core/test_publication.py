"""What one process tells about its calls: merging, numbering, dropping, forgetting."""

import pytest

from calls.core import publication
from calls.core.publication import CallNews, LiveEvent, LiveLine, Publication
from calls.core.waterfall import TurnTimes

pytestmark = pytest.mark.pure


def line(seq: int, side: str = "bot", **fields: object) -> LiveLine:
    content = {"offset_ms": seq * 1000, "kind": "speech", "text": f"line {seq}", **fields}
    return LiveLine(seq=seq, side=side, **content)  # type: ignore[arg-type]  # as the tests write


def turn(number: int) -> TurnTimes:
    return TurnTimes(
        turn=number,
        kind="speech",
        caller_stopped_ms=0,
        end_decided_ms=1,
        final_text_ms=2,
        sent_to_bot_ms=3,
    )


def happened(seq: int) -> LiveEvent:
    return LiveEvent(seq=seq, offset_ms=seq, source="bot", name="config")


def started(*call_ids: str) -> Publication:
    """A publication that has told that the calls began."""
    told = Publication()
    for call_id in call_ids:
        told.change(call_id, {"bot": "demo", "state": "connecting"})
    told.take(0.0)
    return told


def test_news_about_one_call_is_merged_into_one_item() -> None:
    told = started("a")
    told.change("a", {"state": "thinking"})
    told.line("a", line(1))
    told.change("a", {"state": "bot speaking", "turns": 1})
    batch = told.take(1.0)
    assert batch is not None
    fields = {"state": "bot speaking", "turns": 1, "last_line": "line 1", "last_side": "bot"}
    assert batch.news == (CallNews(id="a", bot="demo", fields=fields, lines=(line(1),)),)
    assert told.take(2.0) is None
    assert not told.waiting


def test_batches_are_numbered_without_gaps() -> None:
    told = Publication()
    numbers = []
    for index in range(3):
        told.change("a", {"bot": "demo", "turns": index})
        batch = told.take(float(index))
        assert batch is not None
        numbers.append(batch.number)
    assert numbers == [1, 2, 3]


def test_one_batch_holds_a_limited_number_of_calls() -> None:
    told = Publication()
    for index in range(publication.BATCH_CALLS + 1):
        told.change(f"call-{index}", {"bot": "demo"})
    first, second = told.take(0.0), told.take(0.0)
    assert first is not None
    assert second is not None
    assert (len(first.news), len(second.news)) == (publication.BATCH_CALLS, 1)


def test_a_line_tells_the_reply_delay_and_a_short_last_line() -> None:
    told = started("a")
    told.line("a", line(1, text="x" * 200, delay_ms=640))
    batch = told.take(1.0)
    assert batch is not None
    fields = batch.news[0].fields
    assert fields == {"last_line": "x" * 80, "last_side": "bot", "delay_ms": 640}


def test_an_event_line_is_no_last_line() -> None:
    told = started("a")
    told.line("a", line(1, side="system", kind="event"))
    batch = told.take(1.0)
    assert batch is not None
    assert batch.news[0].fields == {}


def test_interim_text_is_told_at_most_five_times_a_second_and_the_latest_wins() -> None:
    told = started("a")
    told.interim("a", "caller", "I")
    first = told.take(10.0)
    told.interim("a", "caller", "I want")
    told.interim("a", "caller", "I want to")
    assert told.take(10.1) is None
    assert told.waiting
    second = told.take(10.25)
    assert first is not None
    assert second is not None
    assert first.news[0].interim == {"caller": "I"}
    assert second.news[0].interim == {"caller": "I want to"}


def test_other_news_does_not_wait_for_interim_text() -> None:
    told = started("a")
    told.interim("a", "caller", "I")
    told.take(10.0)
    told.interim("a", "caller", "I want")
    told.change("a", {"turns": 2})
    batch = told.take(10.1)
    assert batch is not None
    assert batch.news == (CallNews(id="a", bot="demo", fields={"turns": 2}),)


def test_a_final_line_takes_the_place_of_interim_text_of_its_side_only() -> None:
    told = started("a")
    told.interim("a", "caller", "I want")
    told.interim("a", "bot", "Welc")
    told.line("a", line(1, side="caller"))
    batch = told.take(1.0)
    assert batch is not None
    assert batch.news[0].interim == {"bot": "Welc"}
    assert told.state("a").news[0].interim == {"bot": "Welc"}


def test_empty_interim_text_is_told_and_not_kept() -> None:
    told = started("a")
    told.interim("a", "caller", "I want")
    told.interim("a", "caller", "")
    batch = told.take(1.0)
    assert batch is not None
    assert batch.news[0].interim == {"caller": ""}
    assert told.state("a").news[0].interim == {}


def test_the_end_of_a_call_takes_its_interim_text_along() -> None:
    told = started("a")
    told.interim("a", "caller", "I want")
    told.end("a", "The caller hung up", 1.0)
    told.interim("a", "caller", "late")
    batch = told.take(1.0)
    assert batch is not None
    assert batch.news == (CallNews(id="a", bot="demo", gone="The caller hung up"),)


def test_a_call_ends_once() -> None:
    told = started("a")
    told.end("a", "first", 1.0)
    told.end("a", "second", 1.0)
    assert told.state("a").news[0].gone == "first"


def test_reports_about_a_call_that_never_began_are_ignored() -> None:
    told = Publication()
    told.line("a", line(1))
    told.turn("a", turn(1))
    told.interim("a", "caller", "I")
    told.end("a", "gone", 0.0)
    assert told.take(0.0) is None
    assert told.state().news == ()


def test_a_turn_is_told_once_and_kept() -> None:
    told = started("a")
    told.turn("a", turn(1))
    assert told.waiting
    batch = told.take(1.0)
    assert batch is not None
    assert batch.news == (CallNews(id="a", bot="demo", turns=(turn(1),)),)
    assert told.take(2.0) is None
    assert told.state("a").news[0].turns == (turn(1),)


def test_beyond_the_limit_the_oldest_turns_go_and_a_number_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publication, "RECENT_TURNS", 2)
    told = started("a")
    for number in (1, 2):
        told.turn("a", turn(number))
    assert told.number == 1
    told.turn("a", turn(3))
    batch = told.take(1.0)
    assert batch is not None
    assert ([each.turn for each in batch.news[0].turns], batch.number) == ([2, 3], 3)


def test_the_state_of_all_calls_has_no_lines_and_that_of_one_call_has_them() -> None:
    told = started("a", "b")
    told.line("a", line(1))
    told.turn("a", turn(1))
    told.interim("a", "caller", "yes")
    everything = {news.id: news for news in told.state().news}
    assert everything.keys() == {"a", "b"}
    assert (everything["a"].lines, everything["a"].turns) == ((), ())
    assert everything["a"].fields["state"] == "connecting"
    (one,) = told.state("a").news
    assert (one.lines, one.turns, one.interim) == ((line(1),), (turn(1),), {"caller": "yes"})
    assert told.state("unknown").news == ()


def test_the_state_is_numbered_like_the_last_batch() -> None:
    told = started("a")
    assert told.state().number == told.number == 1


def test_an_ended_call_can_be_asked_for_until_its_grace_is_over() -> None:
    told = started("a")
    told.end("a", "done", 100.0)
    told.take(100.0)
    told.take(100.0 + publication.ENDED_GRACE - 0.1)
    assert told.state("a").news[0].gone == "done"
    told.take(100.0 + publication.ENDED_GRACE)
    assert told.state("a").news == ()


def test_forgetting_untold_news_skips_a_number() -> None:
    told = started("a")
    told.line("a", line(1))
    told.end("a", "done", 100.0)
    told.forget(100.0 + publication.ENDED_GRACE)
    assert (told.number, told.dropped_lines) == (2, 1)
    assert not told.waiting


def test_beyond_the_limit_the_oldest_lines_go_and_a_number_is_skipped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(publication, "LINE_LIMIT", 3)
    told = started("a", "b")
    for seq in (1, 2, 3):
        told.line("a", line(seq))
    told.line("b", line(1))
    batch = told.take(1.0)
    assert batch is not None
    assert [each.seq for each in batch.news[0].lines] == [2, 3]
    assert [each.seq for each in batch.news[1].lines] == [1]
    assert (told.dropped_lines, batch.number) == (1, 3)
    told.line("a", line(4))
    told.line("a", line(5))
    assert told.dropped_lines == 1


def test_old_interim_text_is_dropped_and_counted_while_lines_stay() -> None:
    told = started("a", "b")
    told.interim("a", "caller", "I")
    told.line("b", line(1))
    told.interim("b", "caller", "yes")
    told.drop_interim()
    batch = told.take(1.0)
    assert batch is not None
    assert [(news.id, news.interim) for news in batch.news] == [("b", {})]
    assert told.dropped_interim == 2


def test_events_are_told_in_order_and_kept_for_those_who_join_later() -> None:
    told = started("a")
    told.event("a", happened(1))
    told.event("a", happened(2))
    told.event("unknown", happened(1))
    batch = told.take(1.0)
    assert batch is not None
    assert batch.news == (CallNews(id="a", bot="demo", events=(happened(1), happened(2))),)
    assert told.state("a").news[0].events == (happened(1), happened(2))
    assert told.state().news[0].events == ()


def test_a_flood_of_events_drops_the_oldest_and_skips_numbers() -> None:
    told = started("a")
    before = told.number
    for seq in range(1, publication.RECENT_EVENTS + 4):
        told.event("a", happened(seq))
    batch = told.take(1.0)
    assert batch is not None
    assert batch.number == before + 4
    assert [event.seq for event in batch.news[0].events][0::199] == [4, 203]
    assert len(told.state("a").news[0].events) == publication.RECENT_EVENTS


def test_news_says_whether_the_call_is_a_test() -> None:
    told = started("a")
    told.change("a", {"is_test": True})
    told.take(1.0)
    told.line("a", line(1))
    batch = told.take(2.0)
    assert batch is not None
    assert batch.news[0].is_test
    assert told.state().news[0].is_test
