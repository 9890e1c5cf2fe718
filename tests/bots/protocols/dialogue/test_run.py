"""One conversation along a dialogue."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bots.core.activities import Activity, event, message
from bots.core.errors import Fault
from bots.core.ports import BotConversation
from bots.protocols.dialogue import Deed, Dialogue, DialogueRun, Fail, Leave, Pause

pytestmark = pytest.mark.pure

START = event("start", parameters={"caller": "+15550123"})
ANONYMOUS = event("start")

PIZZERIA: dict[str, Any] = {
    "states": {
        "start": {"say": "Welcome.", "goto": "menu"},
        "menu": {
            "say": ["Pizza or pasta?", "Or press one or two."],
            "answers": [
                {"phrases": ["pizza"], "digits": "1", "say": "One pizza.", "goto": "more"},
                {"phrases": ["pasta"], "digits": "2", "say": "One pasta.", "goto": "more"},
                {"phrases": ["what is fresh"], "say": "The fish."},
            ],
            "noInput": {
                "say": "Hello?",
                "retries": 1,
                "then": {"say": "Call again.", "hangup": "silent"},
            },
            "noMatch": {"say": "We only have those two.", "retries": 1, "then": {"goto": "cook"}},
        },
        "more": {"say": "Anything else?", "answers": [{"phrases": ["yes"], "goto": "menu"}]},
        "cook": {
            "say": "The cook will help.",
            "activityParams": {"bargeIn": False},
            "sessionParams": {"language": "it-IT"},
            "transfer": {"target": "tel:+15550100", "reason": "lost"},
        },
        "end": {"say": "Goodbye.", "hangup": True},
    },
    "answers": [
        {"phrases": ["repeat"], "digits": "*", "repeat": True},
        {"phrases": ["again please"], "say": "Sure.", "repeat": True},
        {"phrases": ["goodbye"], "goto": "end"},
        {"phrases": ["boss"], "transfer": {"target": "sip:boss@example.com"}},
    ],
    "noMatch": {"say": "Pardon?", "repeat": True},
}


def run_of(data: dict[str, Any] = PIZZERIA, caller: str = "+15550123") -> DialogueRun:
    conversation = BotConversation(
        conversation_id="c1", bot="pizzeria", language="en-US", caller=caller
    )
    return DialogueRun(Dialogue.parse(data), conversation)


def begun() -> DialogueRun:
    run = run_of()
    run.receive(START)
    return run


def said(found: list[Deed]) -> list[str | None]:
    """The text of each message, the name of each event."""
    return [deed.text or deed.name for deed in found if isinstance(deed, Activity)]


def one_state(**state: Any) -> DialogueRun:
    run = run_of({"states": {"start": {"say": "Yes?", **state}}})
    run.receive(START)
    return run


def reply(
    say: str, heard: Activity, caller: str = "", start: Activity = ANONYMOUS
) -> list[str | None]:
    """What a bot that answers everything with ``say`` says to ``heard``."""
    data = {
        "states": {"start": {"say": "Yes?", "answers": [{"phrases": ["x"], "hangup": True}]}},
        "noMatch": {"say": say},
    }
    run = run_of(data, caller)
    run.receive(start)
    return said(run.receive(heard))


def test_the_start_is_greeted_with_settings_then_every_line_up_to_the_first_question() -> None:
    assert run_of().receive(START) == [
        event("config", session_params={"sendDTMF": True, "userNoInputSendEvent": True}),
        message("Welcome."),
        message("Pizza or pasta?"),
        message("Or press one or two."),
    ]


def test_a_dialogue_without_settings_sends_none() -> None:
    assert run_of({"states": {"start": {"say": "Bye.", "hangup": "done"}}}).receive(START) == [
        message("Bye."),
        event("hangup", activity_params={"hangupReason": "done"}),
    ]


def test_a_first_message_begins_the_conversation_like_the_start_event() -> None:
    assert run_of().receive(message("hello")) == run_of().receive(START)


def test_other_events_before_the_start_are_ignored() -> None:
    run = run_of()
    assert run.receive(event("DTMF", value="1")) == []
    assert run.receive(event("noUserInput", value=1)) == []
    assert said(run.receive(START))[1] == "Welcome."


def test_words_are_answered_and_lead_on() -> None:
    run = begun()
    assert said(run.receive(message("a pizza please"))) == ["One pizza.", "Anything else?"]
    assert said(run.receive(message("yes")))[0] == "Pizza or pasta?"


def test_an_answer_that_leads_nowhere_stays_in_its_state() -> None:
    run = begun()
    assert said(run.receive(message("what is fresh"))) == ["The fish."]
    assert said(run.receive(message("pasta")))[0] == "One pasta."


@pytest.mark.parametrize("name", ["DTMF", "dtmf"])
def test_a_key_is_answered_however_the_event_is_spelled(name: str) -> None:
    assert said(begun().receive(event(name, value="2")))[0] == "One pasta."


def test_an_answer_of_another_state_is_not_understood() -> None:
    run = begun()
    run.receive(message("pizza"))
    assert said(run.receive(message("pasta"))) == ["Pardon?", "One pizza.", "Anything else?"]


def test_what_was_said_last_is_repeated_with_the_answer_that_led_there() -> None:
    run = begun()
    run.receive(message("pizza"))
    twice = ["One pizza.", "Anything else?"]
    assert said(run.receive(message("repeat"))) == twice
    assert said(run.receive(message("again please"))) == ["Sure.", *twice]
    assert said(run.receive(event("DTMF", value="*"))) == twice


def test_a_reprompt_is_not_repeated() -> None:
    run = begun()
    run.receive(message("burger"))
    assert said(run.receive(message("repeat")))[:2] == ["Welcome.", "Pizza or pasta?"]


def test_words_that_match_nothing_are_asked_again_and_then_something_else_follows() -> None:
    run = begun()
    assert said(run.receive(message("burger"))) == ["We only have those two."]
    assert run.receive(event("DTMF", value="9")) == [
        event("config", session_params={"language": "it-IT"}),
        message("The cook will help.", activity_params={"bargeIn": False}),
        event(
            "transfer",
            activity_params={"transferTarget": "tel:+15550100", "handoverReason": "lost"},
        ),
    ]


def test_being_understood_in_between_starts_the_count_again() -> None:
    run = begun()
    for _ in range(3):
        assert said(run.receive(message("burger"))) == ["We only have those two."]
        assert said(run.receive(message("what is fresh"))) == ["The fish."]


def test_empty_words_match_nothing() -> None:
    assert said(begun().receive(message(""))) == ["We only have those two."]
    assert said(begun().receive(Activity(type="message"))) == ["We only have those two."]


def test_silence_is_asked_again_and_then_the_call_is_ended() -> None:
    run = begun()
    assert said(run.receive(event("noUserInput", value=1))) == ["Hello?"]
    assert run.receive(event("noUserInput", value=2)) == [
        message("Call again."),
        event("hangup", activity_params={"hangupReason": "silent"}),
    ]


def test_words_in_between_start_the_count_of_silences_again() -> None:
    run = begun()
    for heard in ("burger", "what is fresh", "burger"):
        assert said(run.receive(event("noUserInput"))) == ["Hello?"]
        run.receive(message(heard))


def test_without_words_for_silence_the_last_words_are_repeated_for_ever() -> None:
    run = one_state(answers=[{"phrases": ["yes"], "hangup": True}])
    for _ in range(5):
        assert said(run.receive(event("noUserInput"))) == ["Yes?"]


def test_a_reprompt_that_leads_back_starts_its_count_again() -> None:
    run = one_state(
        answers=[{"phrases": ["yes"], "hangup": True}],
        noInput={"say": "Hello?", "retries": 1, "then": {"say": "So.", "goto": "start"}},
    )
    for _ in range(3):
        assert said(run.receive(event("noUserInput"))) == ["Hello?"]
        assert said(run.receive(event("noUserInput"))) == ["So.", "Yes?"]


@pytest.mark.parametrize("words", ["goodbye", "boss"])
def test_nothing_follows_a_hang_up_or_a_transfer(words: str) -> None:
    run = begun()
    before = run.over
    assert run.receive(message(words))
    assert (before, run.over) == (False, True)
    assert run.receive(message("pizza")) == []


def test_a_hang_up_or_transfer_without_a_reason_gives_none() -> None:
    assert begun().receive(message("goodbye"))[-1] == event("hangup")
    assert begun().receive(message("boss")) == [
        event("transfer", activity_params={"transferTarget": "sip:boss@example.com"})
    ]


@pytest.mark.parametrize("name", ["hangup", "conversationEnd"])
def test_nothing_follows_the_end_of_the_call(name: str) -> None:
    run = begun()
    assert run.receive(event(name)) == []
    assert run.over
    assert run.receive(message("pizza")) == []


def test_events_a_dialogue_has_no_use_for_are_ignored() -> None:
    run = begun()
    assert run.receive(event("playFinished")) == []
    assert run.receive(START) == []
    assert run.receive(Activity(type="typing")) == []


def test_the_callers_words_can_be_repeated() -> None:
    assert reply("You said {heard}.", message("  a  big pizza ")) == ["You said a big pizza."]


def test_digits_and_numbers_are_read_out_one_by_one() -> None:
    assert reply("You pressed {digits}.", event("DTMF", value="42#")) == ["You pressed 4 2 #."]
    assert reply("You are {caller}.", message("?"), "+1555") == ["You are 1 5 5 5."]
    assert reply("You are {caller}.", message("?"), "sip:a@b") == ["You are sip:a@b."]


def test_the_start_activity_knows_the_caller_best() -> None:
    known = event("start", parameters={"caller": "+42"})
    assert reply("You are {caller}.", message("?"), "+1555", known) == ["You are 4 2."]


def test_what_is_not_known_yet_is_left_out() -> None:
    assert reply("You pressed {digits}.", message("?")) == ["You pressed ."]


def test_long_words_are_repeated_in_part() -> None:
    assert reply("So {heard}", message("x" * 1000)) == ["So " + "x" * 200]


@pytest.mark.parametrize("say", ["{heard} it is.", "<speak>You said {heard}.</speak>"])
@given(words=st.text(alphabet="<>&'\"/ speakbr="))
def test_a_callers_words_never_become_markup(say: str, words: str) -> None:
    (spoken,) = reply(say, message(words))
    assert str(spoken).count("<") == say.count("<")


def test_a_callers_words_are_escaped_in_ssml() -> None:
    assert reply("<speak>{heard}</speak>", message("R&D")) == ["<speak>R&amp;D</speak>"]
    assert reply("So {heard}", message("R&D")) == ["So R&D"]


EVERYTHING: dict[str, Any] = {
    "states": {
        "start": {
            "delayMs": 100,
            "sessionParams": {"language": "en-GB"},
            "say": "Well.",
            "do": [
                {"say": "You are {caller}.", "delayMs": 200, "activityParams": {"bargeIn": False}},
                {"event": "playUrl", "activityParams": {"playUrlUrl": "data:audio/wav;base64,"}},
                {"event": "sendMetaData", "value": {"a": 1}, "sessionParams": {"b": 2}},
                {"text": "<speak>{caller}"},
            ],
            "answers": [
                {"digits": "12", "say": "Twelve."},
                {"phrases": ["repeat"], "repeat": True},
                {"phrases": ["ignore"], "silent": "once"},
                {"phrases": ["hush"], "say": "Shh.", "silent": "forever"},
                {"phrases": ["leave"], "leave": True},
                {"phrases": ["fail"], "fail": "rate-limit"},
                {"phrases": ["transfer"], "goto": "desk"},
                {"phrases": ["bye"], "hangup": {"reason": "done", "params": {"score": 5}}},
            ],
            "events": [{"event": "DTMF", "value": "0", "say": "Nought."}],
        },
        "desk": {
            "transfer": {
                "target": "tel:1",
                "notifications": True,
                "params": {"transferSipHeaders": [{"name": "X-A", "value": "1"}]},
            },
            "events": [
                {"event": "transferStatus", "value": {"status": "failed"}, "goto": "start"},
            ],
        },
    },
    "events": [
        {"event": "DTMF", "say": "Some keys: {digits}"},
        {"event": "noUserInput", "value": 2, "say": "Twice."},
        {"event": "transferStatus", "say": "Done."},
    ],
}


def everything() -> DialogueRun:
    run = run_of(EVERYTHING)
    run.receive(START)
    return run


def test_a_step_says_and_does_everything_in_order_with_its_pauses() -> None:
    config = {"userNoInputSendEvent": True, "sendDTMF": True}
    assert run_of(EVERYTHING).receive(START) == [
        event("config", session_params=config),
        Pause(100),
        event("config", session_params={"language": "en-GB"}),
        message("Well."),
        Pause(200),
        message("You are 1 5 5 5 0 1 2 3.", activity_params={"bargeIn": False}),
        event("playUrl", activity_params={"playUrlUrl": "data:audio/wav;base64,"}),
        event("sendMetaData", value={"a": 1}, session_params={"b": 2}),
        message("<speak>{caller}"),
    ]


def test_messages_of_all_kinds_are_repeated_without_pauses_and_events() -> None:
    again = ["Well.", "You are 1 5 5 5 0 1 2 3.", "<speak>{caller}"]
    run = everything()
    assert run.receive(message("ignore")) == []
    found = run.receive(message("repeat"))
    assert said(found) == again
    assert len(found) == len(again)


def test_collected_keys_are_an_answer_and_other_keys_are_an_event() -> None:
    run = everything()
    assert said(run.receive(event("DTMF", value="12"))) == ["Twelve."]
    assert said(run.receive(event("DTMF", value="0"))) == ["Nought."]
    assert said(run.receive(event("DTMF", value="34"))) == ["Some keys: 3 4"]


def test_silence_can_be_an_event_like_any_other() -> None:
    run = everything()
    assert said(run.receive(event("noUserInput", value=1)))[0] == "Well."
    assert said(run.receive(event("noUserInput", value=2))) == ["Twice."]


def test_the_reaction_of_a_state_comes_before_that_of_the_dialogue() -> None:
    run = everything()
    assert said(run.receive(event("transferStatus", value={"status": "failed"}))) == ["Done."]
    assert run.receive(message("transfer")) == [
        event(
            "transfer",
            activity_params={
                "transferTarget": "tel:1",
                "transferNotifications": True,
                "transferSipHeaders": [{"name": "X-A", "value": "1"}],
            },
        )
    ]
    assert not run.over
    assert said(run.receive(event("transferStatus", value={"status": "answered"}))) == ["Done."]
    back = run.receive(event("transferStatus", value={"status": "failed", "reasonCode": "busy"}))
    assert said(back)[1] == "Well."


@pytest.mark.parametrize(
    ("words", "deeds"),
    [
        ("hush", [message("Shh.")]),
        ("leave", [Leave()]),
        ("fail", [Fail(Fault.RATE_LIMIT)]),
        ("bye", [event("hangup", activity_params={"hangupReason": "done", "score": 5})]),
    ],
)
def test_nothing_follows_when_the_bot_is_gone_or_silent(words: str, deeds: list[Deed]) -> None:
    run = everything()
    assert run.receive(message(words)) == deeds
    assert run.over
    assert run.receive(message("bye")) == []


ACTIVITIES = st.builds(
    Activity,
    type=st.sampled_from(["message", "event", "Event", ""]),
    name=st.sampled_from(["start", "DTMF", "noUserInput", "hangup", "other", None]),
    text=st.none() | st.text() | st.sampled_from(["pizza", "pasta", "yes", "repeat", "goodbye"]),
    value=st.none() | st.integers() | st.text(max_size=3),
)


@given(st.lists(ACTIVITIES, max_size=30))
def test_whatever_comes_the_bot_answers_every_turn_until_it_is_over(heard: list[Activity]) -> None:
    run = run_of()
    begun = False
    for activity in heard:
        over = run.over
        answers = run.receive(activity)
        assert not (over and answers)
        turn = activity.kind == "message" or (begun and activity.event == "dtmf")
        if turn and not over:
            assert answers
        begun = begun or bool(answers)
