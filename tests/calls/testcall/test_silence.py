"""Where a call was silent."""

import pytest

from calls.testcall.ledger import Quiet
from calls.testcall.silence import silences
from tests.fakes.ac_bot import tone

pytestmark = pytest.mark.pure


def quiet(ms: int) -> bytes:
    return bytes(32 * ms)


def test_a_silence_is_where_neither_side_can_be_heard() -> None:
    said = quiet(500) + tone(1000) + quiet(3500)
    heard = quiet(3000) + tone(400) + quiet(1600)
    assert silences(said, heard, 0.5) == [
        Quiet(began_at=2.0, seconds=1.5),
        Quiet(began_at=3.9, seconds=1.6),
    ]


def test_pauses_of_less_than_a_second_are_none() -> None:
    said = tone(100) + quiet(980) + tone(100) + quiet(1000)
    assert silences(said, quiet(2180), 0.0) == [Quiet(began_at=1.18, seconds=1.0)]


def test_a_hum_nobody_hears_is_silence() -> None:
    hum = b"\x20\x00" * 16000
    assert silences(hum, quiet(1000), 0.0) == [Quiet(began_at=0.0, seconds=1.0)]


def test_nothing_recorded_is_no_silence() -> None:
    assert silences(b"", b"", 0.0) == []
