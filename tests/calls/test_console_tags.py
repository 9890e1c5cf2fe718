"""How the console writes times, durations and delays."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from calls.core.advice import Owner
from calls.core.publication import LiveLine
from calls.core.waterfall import REST, SEGMENTS
from calls.models import Call, CallEvent
from calls.templatetags import calls as tags
from gateway_project.templatetags import console

pytestmark = pytest.mark.pure

NOON = datetime(2026, 11, 21, 12, 0, 5, 123000, tzinfo=UTC)


def test_a_moment_keeps_its_exact_time_beside_readable_utc() -> None:
    assert console.moment(NOON, "ago") == (
        '<time datetime="2026-11-21T12:00:05.123+00:00" data-show="ago">'
        "21 Nov 2026 12:00:05 UTC</time>"
    )


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (-5, "0:00"), (75.9, "1:15"), (3723, "1:02:03")]
)
def test_a_duration_is_cut_to_whole_seconds(seconds: float, shown: str) -> None:
    call = Call(started_at=NOON, ended_at=NOON + timedelta(seconds=seconds))
    assert tags.lasted(call) == shown


def test_an_unended_call_has_lasted_until_this_moment() -> None:
    started_at = datetime.now(UTC) - timedelta(hours=1)
    assert tags.lasted(Call(started_at=started_at)).startswith("1:00:")


@pytest.mark.parametrize(("ms", "shown"), [(0, "0:00.0"), (61_999, "1:01.9")])
def test_a_place_in_a_call_has_tenths(ms: int, shown: str) -> None:
    assert tags.offset(ms) == shown


@pytest.mark.parametrize(
    ("ms", "band", "bar"),
    [(0, "good", 1), (799, "good", 15), (800, "slow", 15), (1500, "late", 28), (9000, "late", 56)],
)
def test_a_delay_has_a_band_and_a_bar_on_a_common_scale(ms: int, band: str, bar: int) -> None:
    assert (tags.band(ms), tags.bar(ms)) == (band, bar)


def test_a_line_knows_which_turn_it_answers() -> None:
    line = LiveLine(seq=1, offset_ms=9_000, side="bot", kind="speech", text="", delay_ms=800)
    assert tags.answers(line) == 8_200
    assert tags.answers(msgspec.structs.replace(line, delay_ms=None)) == 9_000


def test_details_read_as_pairs_and_values_that_are_no_text_as_json() -> None:
    assert (
        tags.pairs({"by": "änna", "on": True, "list": ["ä"]}) == 'by: änna\non: true\nlist: ["ä"]'
    )
    assert tags.pairs({}) == ""


def test_the_roles_that_may_do_something_are_named() -> None:
    assert tags.roles_with("calls.control") == "Supervisor or Administrator"
    with pytest.raises(ValueError, match="nonsense"):
        tags.roles_with("nonsense")


def test_what_a_voice_agent_took_is_a_sentence_of_what_it_told() -> None:
    took = {"tts_ms": 90, "stt_ms": 120, "think_ms": 410}
    said = "of which the agent: recognised 120 ms, thought 410 ms, spoke 90 ms"
    assert tags.agent_took(took) == said
    assert tags.agent_took({"total_ms": 600}) == "of which the agent: 600 ms in all"
    assert [tags.agent_took(nothing) for nothing in (None, {}, {"what": 1})] == ["", "", ""]


def test_codes_are_shown_in_words_and_unknown_ones_as_they_are() -> None:
    for name in (*SEGMENTS, REST, *CallEvent.Source.values, *Owner):
        assert tags.words(name)
    assert tags.words("stt") == "recogniser"
    assert tags.words("anna") == "anna"
