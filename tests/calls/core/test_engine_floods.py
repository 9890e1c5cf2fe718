"""A bot that talks without end: it is stopped, and what it may still do is take it back."""

import pytest

from bots.core import activities
from bots.core.errors import Fault
from calls.core import commands, events
from calls.core.commands import Command
from calls.core.engine import Conversation
from calls.core.ports import LegCapabilities
from calls.core.prompts import MAX_WAITING
from tests.calls.core.reader import START, configured, says

pytestmark = pytest.mark.pure


def flooded() -> Conversation:
    """A conversation whose queue is full behind the first prompt."""
    conversation = Conversation(configured(), LegCapabilities(audio=True))
    conversation.handle(events.CallArrived(start=START), 0.0)
    conversation.handle(events.BotJoined(), 0.1)
    for number in range(MAX_WAITING + 1):
        produced = conversation.handle(says(f"Prompt {number}."), 0.2)
        assert not [c for c in produced if isinstance(c, commands.ReportFault)]
    return conversation


def of(kind: type[Command], produced: list[Command]) -> list[Command]:
    return [command for command in produced if isinstance(command, kind)]


def test_one_prompt_too_many_is_a_failure_of_the_bot() -> None:
    conversation = flooded()
    produced = conversation.handle(says("One more."), 0.3)
    stopped = events.PlaybackDone(utterance=1, heard_ms=50, total_ms=900, interrupted=True)

    (report,) = of(commands.ReportFault, produced)
    assert isinstance(report, commands.ReportFault)
    assert (report.service, report.fault) == ("bot", Fault.PROTOCOL)
    assert of(commands.StopPlayback, produced) == [commands.StopPlayback(1)]
    assert of(commands.HangUp, conversation.handle(stopped, 0.4))


def test_a_bot_that_floods_a_call_that_is_being_moved_is_blamed_once() -> None:
    conversation = Conversation(configured(), LegCapabilities(audio=True))
    params = {"transferTarget": "tel:+15550111", "transferNotifications": True}
    for happened in (
        events.CallArrived(start=START),
        events.BotJoined(),
        events.BotSpoke(activities.event("transfer", activity_params=params)),
    ):
        conversation.handle(happened, 0.1)

    produced = [c for _ in range(MAX_WAITING + 50) for c in conversation.handle(says("Hm."), 0.2)]

    assert len(of(commands.ReportFault, produced)) == 1


def test_a_bot_with_a_full_queue_may_take_its_prompts_back() -> None:
    conversation = flooded()
    produced = conversation.handle(events.BotSpoke(activities.event("abortPrompts")), 0.3)

    assert produced[0] == commands.StopPlayback(1)
    assert not of(commands.HangUp, conversation.handle(says("Let me start again."), 0.4))
