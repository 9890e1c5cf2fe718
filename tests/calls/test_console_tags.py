"""How the console writes times, durations and delays."""

from datetime import UTC, datetime, timedelta

import pytest

from calls.models import Call
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
