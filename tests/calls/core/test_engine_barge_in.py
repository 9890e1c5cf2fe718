"""What the voice side may know of a caller who speaks over a prompt."""

from typing import Any

import pytest

from calls.core import events
from calls.core.engine import Conversation
from calls.core.ports import LegCapabilities
from tests.calls.core.reader import START, configured, says

pytestmark = pytest.mark.pure


@pytest.mark.parametrize(
    ("params", "kept_back"),
    [
        ({"bargeIn": True, "bargeInMinWordCount": 2}, True),
        ({"bargeIn": True, "bargeInMinWordCount": 1}, False),
        ({"bargeIn": False, "bargeInMinWordCount": 2}, False),
    ],
)
def test_speech_is_kept_back_while_it_takes_several_words_to_interrupt(
    params: dict[str, Any], kept_back: bool
) -> None:
    conversation = Conversation(configured(**params), LegCapabilities(audio=True))
    conversation.handle(events.CallArrived(start=START), 0.0)
    conversation.handle(events.BotJoined(), 0.1)
    assert not conversation.keeps_speech_back
    conversation.handle(says("A long story."), 0.2)
    assert conversation.keeps_speech_back == kept_back
    conversation.handle(events.CallerSaid(text="stop it please", final=False), 0.5)
    still: bool = conversation.keeps_speech_back
    assert not still
