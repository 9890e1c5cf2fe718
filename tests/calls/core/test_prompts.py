"""The prompt queue: order, what plays, what barge-in drops."""

from typing import Any

import pytest

from bots.core import activities
from bots.core.activities import Activity, Json
from calls.core.prompts import MAX_WAITING, Action, Prompt, PromptQueue

pytestmark = pytest.mark.pure

HANG_UP = Action(activities.event("hangup"))
CONFIG = Action(activities.event("config"))


def setting(**params: Json) -> Activity:
    """A message of the bot that sets something."""
    return activities.message("Hello.", **params)


def everything(queue: PromptQueue) -> list[Prompt | Action]:
    """What comes out of ``queue`` while nothing plays."""
    found = []
    while (item := queue.next()) is not None:
        found.append(item)
    return found


def test_items_come_out_in_the_order_they_were_added() -> None:
    queue = PromptQueue()
    items: list[Prompt | Action] = [Prompt(text="one"), CONFIG, Prompt(text="two"), HANG_UP]
    for item in items:
        queue.add(item)

    assert everything(queue) == items


def test_nothing_comes_out_while_a_prompt_plays() -> None:
    queue = PromptQueue()
    queue.add(Prompt(text="two"))
    queue.play("one", interruptible=True, by_bot=True)

    assert queue.next() is None
    queue.done()
    assert queue.next() == Prompt(text="two")


def test_utterance_numbers_rise_from_one_and_never_repeat() -> None:
    queue = PromptQueue()
    numbers = []
    for text in ("one", "two", "three"):
        numbers.append(queue.play(text, interruptible=False, by_bot=True).utterance)
        queue.done()

    assert numbers == [1, 2, 3]


def test_only_the_playing_utterance_is_current() -> None:
    queue = PromptQueue()
    assert queue.current(1) is None
    queue.play("one", interruptible=True, by_bot=True)
    queue.done()
    playing = queue.play("two", interruptible=True, by_bot=True)

    assert queue.current(1) is None
    assert queue.current(2) is playing


def test_a_purge_drops_prompts_and_keeps_actions_in_order() -> None:
    queue = PromptQueue()
    queue.add(Prompt(text="one"))
    queue.add(CONFIG)
    queue.add(Prompt(text="two"))
    queue.add(HANG_UP)
    queue.purge()

    assert everything(queue) == [CONFIG, HANG_UP]


def test_a_purge_keeps_what_a_dropped_message_sets_for_the_call() -> None:
    queue = PromptQueue()
    spoken = {"language": "de-DE"}
    settings = {"sendDTMF": True}
    message = activities.message("two", session_params=settings, activity_params=spoken)
    queue.add(Prompt(text="one"))
    queue.add(Prompt(text="two", activity=message))
    queue.add(Prompt(text="three", activity=activities.message("three", activity_params=spoken)))
    queue.purge()

    assert everything(queue) == [Action(activities.event("config", session_params=settings))]


@pytest.mark.parametrize(
    ("item", "sets"),
    [
        (Prompt(text="Hello."), False),
        (Prompt(text="Hello.", activity=setting(activity_params={"language": "de-DE"})), False),
        (Prompt(text="Hello.", activity=setting(session_params={"language": "de-DE"})), True),
        (Prompt(text="Hello.", activity=setting(session_params={"bargeIn": True})), False),
        (Action(activities.event("config", activity_params={"language": "de-DE"})), True),
        (Action(activities.event("config", session_params={"language": "de-DE"})), True),
        (Action(activities.event("transfer", activity_params={"language": "de-DE"})), False),
    ],
)
def test_the_queue_knows_which_parameters_will_be_set_for_the_call(
    item: Prompt | Action, sets: bool
) -> None:
    queue = PromptQueue()
    queue.add(CONFIG)
    queue.add(item)

    assert queue.sets(frozenset({"language", "voiceName"})) is sets


def test_what_is_added_first_comes_before_everything_that_waits() -> None:
    queue = PromptQueue()
    queue.add(CONFIG)
    queue.add_first(Prompt(text="Welcome."))

    assert everything(queue) == [Prompt(text="Welcome."), CONFIG]


def test_only_prompts_count_as_more_to_say() -> None:
    queue = PromptQueue()
    queue.add(CONFIG)
    before = queue.prompts_wait
    queue.add(Prompt(text="one"))

    assert (before, queue.prompts_wait) == (False, True)


def test_a_prompt_is_the_bots_unless_the_gateway_brought_it() -> None:
    greeting = activities.message("Hello.")

    assert Prompt(text="Hello.", activity=greeting).by_bot
    assert not Prompt(text="Are you there?").by_bot
    assert not Prompt(text="Hello.", activity=greeting, configured=True).by_bot
    assert not Prompt(text="Hello.", activity=greeting, act=1).by_bot


def test_a_purge_leaves_the_playing_prompt_to_its_own_end() -> None:
    queue = PromptQueue()
    playing = queue.play("one", interruptible=True, by_bot=True)
    queue.purge()

    assert queue.playing is playing


def test_clearing_drops_actions_too() -> None:
    queue = PromptQueue()
    queue.add(Prompt(text="one"))
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
    queue.play("one", interruptible=True, by_bot=True)
    seen.append(queue.idle)

    assert seen == [True, False, True, False]


def test_the_queue_is_full_at_its_bound() -> None:
    queue = PromptQueue()
    for number in range(MAX_WAITING - 1):
        queue.add(Prompt(text=str(number)))
    before = queue.full
    queue.add(HANG_UP)

    assert (before, queue.full) == (False, True)


def test_supervisors_lines_go_before_everything_else_in_their_own_order() -> None:
    queue = PromptQueue()
    lines = [Prompt(text="first", act=1), Prompt(text="second", act=2)]
    for item in (Prompt(text="the bot"), HANG_UP):
        queue.add(item)
    for line in lines:
        queue.add_act(line)

    assert everything(queue) == [*lines, Prompt(text="the bot"), HANG_UP]


def test_a_supervisors_line_is_held_until_it_has_ended_and_then_told_once() -> None:
    queue = PromptQueue()
    queue.add_act(Prompt(text="first", act=1))
    assert (queue.holds(1), queue.holds(2)) == (True, False)

    queue.next()
    line = queue.play("first", interruptible=True, by_bot=False, act=1)
    assert queue.holds(1)
    queue.done()
    queue.play("the bot", interruptible=True, by_bot=True)
    queue.done()

    assert not queue.holds(1)
    assert queue.take_acts() == [line]
    assert queue.take_acts() == []


# --- the bot's own voice --------------------------------------------------------------------------


def stream(number: int, text: str = "", **fields: Any) -> Prompt:
    """A play stream that waits."""
    return Prompt(stream=number, text=text, activity=activities.message(text, **fields))


def test_a_stream_that_is_dropped_is_told_once() -> None:
    queue = PromptQueue()
    for item in (
        stream(1),
        Prompt(text="two"),
        CONFIG,
        stream(3, activity_params={"bargeIn": True}),
    ):
        queue.add(item)
    queue.purge()
    assert queue.take_dropped() == [1, 3]
    assert everything(queue) == [CONFIG]

    queue.add(stream(4))
    queue.clear()
    assert queue.take_dropped() == [4]
    assert queue.take_dropped() == []


def test_a_stream_that_came_out_is_not_dropped() -> None:
    queue = PromptQueue()
    queue.add(stream(1))
    assert everything(queue) == [stream(1)]
    queue.purge()
    assert queue.take_dropped() == []


def test_the_words_of_a_stream_may_become_known_later() -> None:
    queue = PromptQueue()
    playing = queue.play("one", interruptible=True, by_bot=True, stream=1)
    for item in (Prompt(text="file"), HANG_UP, stream(2), stream(3, "three")):
        queue.add(item)

    assert queue.text_known(1, "one and all") is playing
    assert playing.text == "one and all"
    assert queue.text_known(2, "two") is None
    assert queue.text_known(9, "nine") is None
    queue.done()
    texts = [item.text for item in everything(queue) if isinstance(item, Prompt)]
    assert texts == ["file", "two", "three"]
