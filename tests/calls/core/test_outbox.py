"""The commands of one event, in order."""

import pytest

from calls.core import commands
from calls.core.outbox import Outbox

pytestmark = pytest.mark.pure


def test_commands_are_taken_once_in_the_order_they_were_emitted() -> None:
    out = Outbox()
    out.emit(commands.OpenBot())
    out.emit(commands.AcceptCall())

    assert out.take() == [commands.OpenBot(), commands.AcceptCall()]
    assert out.take() == []


def test_a_state_that_is_shown_is_not_shown_again() -> None:
    out = Outbox()
    out.show("listening")
    out.show("listening")
    out.take()
    out.show("listening")
    out.show("thinking")
    out.show("listening")

    assert out.take() == [commands.ShowState("thinking"), commands.ShowState("listening")]


def test_notes_and_the_callers_words_become_transcript_lines() -> None:
    out = Outbox()
    out.note(1.0, "Transfer to tel:+15550100")
    out.caller(2.0, "speech", "yes", 0.5)
    out.caller(3.0, "dtmf", "42")
    out.operator(4.0, "event", "anna to the bot: no")

    line = commands.RecordLine
    assert out.take() == [
        line(at=1.0, side="system", kind="event", text="Transfer to tel:+15550100"),
        line(at=2.0, side="caller", kind="speech", text="yes", confidence=0.5),
        line(at=3.0, side="caller", kind="dtmf", text="42"),
        line(at=4.0, side="operator", kind="event", text="anna to the bot: no"),
    ]
