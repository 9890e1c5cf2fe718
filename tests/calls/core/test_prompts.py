"""The prompt queue: order, what plays, what barge-in drops."""

import pytest

from bots.core import activities
from calls.core.prompts import MAX_WAITING, Action, Prompt, PromptQueue

pytestmark = pytest.mark.pure

HANG_UP = Action(activities.event("hangup"))
CONFIG = Action(activities.event("config"))


def everything(queue: PromptQueue) -> list[Prompt | Action]:
    """What comes out of ``queue`` while nothing plays."""
    found = []
    while (item := queue.next()) is not None:
        found.append(item)
    return found


def test_items_come_out_in_the_order_they_were_added() -> None:
    queue = PromptQueue()
    items: list[Prompt | Action] = [Prompt("one"), CONFIG, Prompt("two"), HANG_UP]
    for item in items:
        queue.add(item)

    assert everything(queue) == items


def test_nothing_comes_out_while_a_prompt_plays() -> None:
    queue = PromptQueue()
    queue.add(Prompt("two"))
    queue.play("one", interruptible=True)

    assert queue.next() is None
    queue.done()
    assert queue.next() == Prompt("two")


def test_utterance_numbers_rise_from_one_and_never_repeat() -> None:
    queue = PromptQueue()
    numbers = []
    for text in ("one", "two", "three"):
        numbers.append(queue.play(text, interruptible=False).utterance)
        queue.done()

    assert numbers == [1, 2, 3]


def test_only_the_playing_utterance_is_current() -> None:
    queue = PromptQueue()
    assert queue.current(1) is None
    queue.play("one", interruptible=True)
    queue.done()
    playing = queue.play("two", interruptible=True)

    assert queue.current(1) is None
    assert queue.current(2) is playing


def test_a_purge_drops_prompts_and_keeps_actions_in_order() -> None:
    queue = PromptQueue()
    queue.add(Prompt("one"))
    queue.add(CONFIG)
    queue.add(Prompt("two"))
    queue.add(HANG_UP)
    queue.purge()

    assert everything(queue) == [CONFIG, HANG_UP]


def test_a_purge_leaves_the_playing_prompt_to_its_own_end() -> None:
    queue = PromptQueue()
    playing = queue.play("one", interruptible=True)
    queue.purge()

    assert queue.playing is playing


def test_clearing_drops_actions_too() -> None:
    queue = PromptQueue()
    queue.add(Prompt("one"))
    queue.add(HANG_UP)
    queue.clear()

    assert queue.idle


def test_the_queue_is_idle_only_when_nothing_plays_and_nothing_waits() -> None:
    queue = PromptQueue()
    seen = [queue.idle]
    queue.add(CONFIG)
    seen.append(queue.idle)
    queue.next()
    seen.append(queue.idle)
    queue.play("one", interruptible=True)
    seen.append(queue.idle)

    assert seen == [True, False, True, False]


def test_the_queue_is_full_at_its_bound() -> None:
    queue = PromptQueue()
    for number in range(MAX_WAITING - 1):
        queue.add(Prompt(str(number)))
    before = queue.full
    queue.add(HANG_UP)

    assert (before, queue.full) == (False, True)
