"""A call of an hour goes through the engine as a call of a minute does."""

import pytest

from benchmarks.engine import HOUR_S, hour
from calls.core import commands

pytestmark = pytest.mark.pure


def test_every_turn_of_an_hour_is_answered_told_and_recorded() -> None:
    done = hour()

    (finish,) = [c for c in done.commands if isinstance(c, commands.Finish)]
    turns = [c for c in done.commands if isinstance(c, commands.RecordTurn)]
    asked = [c for c in done.commands if isinstance(c, commands.Play) and "there" in c.text]
    assert finish is done.commands[-1]
    assert (finish.reason_code, finish.at >= HOUR_S) == ("client-disconnected", True)
    assert [turn.turn for turn in turns] == list(range(1, finish.turns + 1))
    assert all(turn.playback_ended_at is not None for turn in turns[:-1])
    assert finish.turns > 300
    assert len(asked) == finish.turns // 5
