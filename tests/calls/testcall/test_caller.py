"""The test caller against bots good and bad, in simulated time."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest

from bots.core.activities import event
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall.caller import Caller, Wish
from calls.testcall.ledger import Result, result
from calls.testcall.plan import (
    CallPlan,
    Digits,
    Expect,
    ExpectEnd,
    HangUp,
    Manner,
    Silence,
    Text,
    utterance,
)
from tests.fakes.ac_bot import Fault, Script, ScriptedBot, simulate, tone

pytestmark = pytest.mark.pure

IDENTITY = UUID("4f0c1f0e-0000-4000-8000-000000000001")
BILL = utterance("pay my bill", bytes(6400) + tone(600) + bytes(6400))
OPERATOR = utterance("operator", tone(400))


def plan(**fields: Any) -> CallPlan:
    steps = fields.pop("steps", (BILL,))
    epoch = datetime(2026, 1, 5, 10, tzinfo=UTC)
    return CallPlan(conversation_id=IDENTITY, epoch=epoch, bot="demo", steps=steps, **fields)


def call(planned: CallPlan, **script: Any) -> tuple[Result, ScriptedBot]:
    caller, bot = simulate(planned, Script(**script))
    return result(caller.ledger, str(IDENTITY)), bot


def faults(*which: Fault, **fields: Any) -> tuple[str, ...]:
    return call(plan(**fields), faults=frozenset(which))[0].faults


def test_a_call_is_greeted_recognised_answered_and_ended() -> None:
    done, bot = call(plan(steps=(BILL, OPERATOR)))
    assert done.faults == ()
    assert done.ok
    assert [(line.kind, line.text) for line in done.lines if line.kind != "hypothesis"] == [
        ("call", f"conversation {IDENTITY}"),
        ("call", "accepted"),
        ("bot", "Welcome."),
        ("caller", "pay my bill"),
        ("heard", "some words"),
        ("bot", "You said some words."),
        ("caller", "operator"),
        ("heard", "some words"),
        ("bot", "You said some words."),
        ("end", "by the caller: client-disconnected"),
    ]
    assert [turn.recognised for turn in done.turns] == ["some words"] * 2
    assert done.turns[0].confidence == 0.9
    assert bot.ended is not None
    assert bot.ended.reason_code == "client-disconnected"


def test_delays_are_counted_from_the_end_of_the_voice() -> None:
    done, _ = call(plan(), silence_ms=500)
    (turn,) = done.turns
    assert turn.answer_delay_ms == pytest.approx(500, abs=45)
    assert turn.ended_at is not None
    # 200 ms of silence, then 600 ms of voice.
    assert turn.ended_at - turn.began_at == pytest.approx(0.8, abs=0.045)


def test_the_caller_begins_as_voiceai_connect_does() -> None:
    _, bot = call(plan(caller="+15550111", callee="+15550122", language="de-DE"))
    start = bot.heard[0]
    assert start.event == "start"
    assert start.language == "de-DE"
    assert start.timestamp == "2026-01-05T10:00:00.010Z"
    assert start.id is not None
    assert UUID(start.id)
    assert start.parameters == {
        "locale": "de-DE",
        "vaigConversationId": str(IDENTITY),
        "caller": "+15550111",
        "callee": "+15550122",
    }


def test_the_recording_holds_both_sides_on_one_axis() -> None:
    caller, _ = simulate(plan(media_formats=(MediaFormat.RAW_LPCM16,)), Script())
    said, heard = caller.conversation.said, caller.conversation.heard
    assert len(said) == len(heard)
    assert BILL.pcm[6400:12800] in bytes(said)
    assert tone(40) in bytes(heard)
    place = bytes(said).index(BILL.pcm[6400:12800])
    assert bytes(heard[place : place + 640]) == bytes(640)


@pytest.mark.parametrize("media_format", list(MediaFormat))
def test_every_format_is_spoken_and_understood(media_format: MediaFormat) -> None:
    done, bot = call(plan(media_formats=(media_format,)))
    assert done.ok, done.faults
    assert done.media_format == media_format.value
    assert bot.media is media_format


def test_an_interrupted_bot_falls_silent_and_is_measured() -> None:
    done, _ = call(plan(steps=(Manner.INTERRUPT, BILL)), greeting_ms=3000)
    assert done.ok, done.faults
    (turn,) = done.turns
    assert turn.over_prompt
    assert turn.barge_in_ms is not None
    assert 0 <= turn.barge_in_ms <= 40
    (cut,) = [line for line in done.lines if line.kind == "barge-in"]
    assert "after the caller's first sound" in cut.detail


def test_a_bot_that_speaks_on_is_found_out() -> None:
    done, _ = call(
        plan(steps=(Manner.INTERRUPT, BILL)),
        greeting_ms=3000,
        faults=frozenset({"deaf to interruptions"}),
    )
    # The prompt allows barge-in and speech is reported: playback stops here, whatever is sent.
    assert done.turns[0].barge_in_ms is not None
    done, _ = call(
        plan(steps=(Manner.INTERRUPT, BILL)), greeting_ms=3000, faults=frozenset({"hear nothing"})
    )
    assert any("over the bot and it did not stop" in fault for fault in done.faults)


def test_nothing_is_interrupted_where_barge_in_is_off() -> None:
    done, _ = call(plan(steps=(Manner.INTERRUPT, BILL)), greeting_ms=3000, barge_in=False)
    assert done.faults == ("no prompt was long enough and allowed barge-in, nothing to interrupt",)


def test_keys_are_pressed_one_by_one() -> None:
    done, bot = call(plan(steps=(Digits("12#"),)), last_after=3, last_words=(event("hangup"),))
    assert done.ok, done.faults
    assert [told.value for told in bot.heard if told.event == "dtmf"] == ["1", "2", "#"]
    assert done.turns[0].recognised == ""


def test_a_text_session_needs_no_audio() -> None:
    done, bot = call(plan(steps=(Text("hello"), Digits("7")), text_session=True))
    assert done.ok, done.faults
    assert [line.text for line in done.lines if line.kind == "bot"] == [
        "Welcome.",
        "You wrote hello.",
        "You pressed 7.",
    ]
    assert [a.text for a in bot.heard if a.kind == "message"] == ["hello"]


def test_a_hangup_waits_for_the_prompts_before_it() -> None:
    done, bot = call(plan(), last_words=(event("hangup", activity_params={"hangupReason": "bye"}),))
    assert done.ok, done.faults
    assert (done.ended_by, done.reason_code) == ("bot", "bot-disconnected")
    assert bot.ended is not None
    assert bot.ended.reason == "bye"
    assert done.lines[-2].text == "You said some words."
    assert done.lines[-1].at - done.lines[-2].at == pytest.approx(0.4, abs=0.045)


def test_a_transfer_ends_the_call_as_transferred() -> None:
    target = {"transferTarget": "tel:+15550123"}
    done, _ = call(plan(), last_words=(event("transfer", activity_params=target),))
    assert done.ok, done.faults
    assert (done.ended_by, done.reason_code) == ("bot", "transferred")
    assert done.lines[-1].detail == "Transferred to tel:+15550123"
    done, _ = call(plan(), last_words=(event("handover"),))
    assert done.lines[-1].detail == "Transferred to the default target"


def test_a_bot_that_closes_right_after_its_hangup_is_in_order() -> None:
    done, _ = call(plan(), last_words=(event("hangup"),), faults=frozenset({"close after hangup"}))
    assert done.ok, done.faults
    assert done.reason_code == "bot-disconnected"


def test_a_cut_call_is_resumed_on_a_new_socket() -> None:
    done, bot = call(plan(steps=(BILL, OPERATOR), cut_after=1.5))
    assert done.ok, done.faults
    assert done.resumed_after_ms is not None
    assert [line.text for line in done.lines if line.kind == "call"] == [
        f"conversation {IDENTITY}",
        "accepted",
        "socket cut",
        "resumed on a new socket",
    ]
    assert [told.event for told in bot.heard].count("start") == 1


def test_a_call_is_not_cut_while_the_caller_speaks() -> None:
    done, _ = call(plan(cut_after=1.5))
    (cut,) = [line for line in done.lines if line.text == "socket cut"]
    (turn,) = done.turns
    assert turn.began_at < 1.5 < cut.at
    assert cut.at - turn.began_at == pytest.approx(1.0, abs=0.05)


def test_a_bot_need_not_repeat_the_format_of_the_session() -> None:
    done, _ = call(plan(cut_after=0.1), greeting_ms=600, faults=frozenset({"name no format"}))
    assert done.ok, done.faults


def test_a_call_can_be_cut_in_the_middle_of_a_prompt() -> None:
    done, _ = call(plan(cut_after=0.1), greeting_ms=2000)
    assert done.ok, done.faults


def test_a_text_session_is_resumed_too() -> None:
    done, _ = call(plan(steps=(Text("hello"),), text_session=True, cut_after=0.2))
    assert done.ok, done.faults


def test_a_gateway_that_forgot_the_conversation_is_reported() -> None:
    assert faults("forget the conversation", cut_after=0.5) == (
        'the gateway refused the call: "conversation not found"',
    )


def test_a_cut_that_came_too_late_is_reported() -> None:
    assert faults(cut_after=60.0) == ("the call ended before the cut planned at 60 s",)


WRONGS: list[tuple[Fault, str]] = [
    ("refuse", 'the gateway refused the call: "no capacity"'),
    ("never accept", "the session request was not answered within 10 s"),
    ("accept another format", "the gateway accepted with wav/lpcm16_24, which was not offered"),
    ("accept without format", "the gateway accepted with no format, which was not offered"),
    ("never open the user stream", "userStream.start was not answered within 5 s"),
    ("never close the user stream", "userStream.stop was not answered within 2 s"),
    ("error in mid-call", 'the gateway broke off the call: "out of order"'),
    ("close in mid-call", "the gateway closed the socket while talking (code 1000)"),
    ("answer nothing", 'the bot did not answer "pay my bill"'),
    ("play in another format", "a prompt came as wav/lpcm16_8, which was not offered"),
]


@pytest.mark.parametrize(("wrong", "sentence"), WRONGS)
def test_each_wrong_is_named_in_a_sentence(wrong: Fault, sentence: str) -> None:
    assert faults(wrong) == (sentence,)


@pytest.mark.parametrize(
    ("wrong", "part"),
    [
        ("hear nothing", 'the caller said "pay my bill" and nothing was recognised'),
        ("break the protocol", "the gateway broke the protocol: Object missing required field"),
        ("overlap", "the gateway broke the protocol: playStream.start while another"),
        ("empty prompt", 'the prompt "Welcome." carried no audio'),
        ("false alarm", "a prompt was cut off although the caller was silent"),
        ("hang up in a prompt", 'the prompt "Welcome." was left open without audio for 5 s'),
    ],
)
def test_slips_are_among_what_is_reported(wrong: Fault, part: str) -> None:
    found = call(plan(), faults=frozenset({wrong}), greeting_ms=3000)[0].faults
    assert any(fault.startswith(part) for fault in found), found


def test_audio_far_ahead_of_real_time_is_reported() -> None:
    done, _ = call(plan(), greeting_ms=2000, faults=frozenset({"unpaced"}))
    assert done.faults[0] == (
        'the prompt "Welcome." was sent 2000 ms ahead of real time; 300 ms is the most'
    )
    done, _ = call(plan(), greeting_ms=2000)
    assert 200 <= done.most_ahead_ms <= 240


def test_a_bot_that_does_not_greet_is_spoken_to_all_the_same() -> None:
    done, _ = call(plan(), faults=frozenset({"do not greet"}))
    assert done.ok, done.faults
    assert done.notes == ("the bot did not greet",)


def test_a_bot_that_never_speaks_is_no_bot() -> None:
    assert faults("do not greet", steps=()) == ("the bot said nothing",)


def test_an_unknown_message_is_worth_a_note_only() -> None:
    done, _ = call(plan(), faults=frozenset({"unknown message"}))
    assert done.ok
    assert "playStream.tempo.set" in done.notes[0]


def test_a_gateway_that_never_closes_is_closed() -> None:
    done, _ = call(plan(), faults=frozenset({"never close the socket"}))
    assert done.ok, done.faults


def test_turns_that_could_not_be_taken_are_reported() -> None:
    done, _ = call(plan(steps=(BILL, OPERATOR)), last_words=(event("hangup"),))
    assert done.faults == ('the call ended before the caller\'s turn "operator"',)


def test_no_call_lasts_longer_than_it_may() -> None:
    done, bot = call(plan(timeout=3.0), greeting_ms=60_000)
    assert done.faults == ("the call was not over after 3 s",)
    assert bot.ended is not None
    assert done.duration < 7


def test_the_operator_can_hang_up_in_order() -> None:
    caller, bot = simulate(plan(), Script(greeting_ms=5000), hang_up_at=1.0)
    assert caller.ledger.faults == ["the call was broken off by the operator"]
    assert bot.ended is not None
    caller, bot = simulate(plan(), Script(faults=frozenset({"never accept"})), hang_up_at=1.0)
    assert bot.ended is not None


def test_a_hangup_that_falls_due_while_the_socket_is_away_waits() -> None:
    script = Script(last_after=0, last_words=(event("hangup"),), greeting_ms=200)
    caller, bot = simulate(plan(steps=(), cut_after=0.1), script, away=1.0)
    assert caller.ledger.faults == []
    assert caller.ledger.reason_code == "bot-disconnected"
    assert bot.ended is not None
    assert caller.ledger.ended_at > 1.0


def test_a_gateway_that_cannot_be_reached_leaves_a_sentence() -> None:
    caller = Caller(plan(), 5.0)
    caller.unreachable(6.0, "it is not there")
    caller.unreachable(7.0, "it is still not there")
    assert caller.wish is Wish.CLOSE
    assert caller.ledger.faults[0] == "it is not there"
    assert caller.ledger.ended_at == 1.0
    caller.disconnected(8.0, None)
    assert caller.ledger.ended_at == 1.0


def test_a_gateway_that_never_takes_the_upgrade_is_given_up() -> None:
    caller = Caller(plan(), 0.0)
    assert caller.tick(5.0) == []
    assert caller.ledger.faults == []
    assert caller.tick(10.5) == []
    assert caller.wish is Wish.CLOSE
    assert caller.ledger.faults == ["the gateway did not answer within 10 s"]


def test_answers_to_what_was_not_asked_change_nothing() -> None:
    caller = Caller(plan(steps=()), 0.0)
    caller.connected(0.0)
    caller.received('{"type":"session.accepted","mediaFormat":"raw/lpcm16"}', 0.0)
    caller.received('{"type":"userStream.started"}', 0.0)
    caller.received('{"type":"userStream.started"}', 0.0)
    assert caller.ledger.faults == [
        "the gateway broke the protocol: userStream.started without userStream.start"
    ]


def test_breaking_off_what_is_over_is_no_fault() -> None:
    caller, _ = simulate(plan(steps=()), Script())
    assert caller.hang_up(500.0) == []
    assert caller.ledger.faults == []


def test_settings_of_the_session_apply_to_prompts_without_their_own() -> None:
    caller = Caller(plan(), 0.0)
    caller.connected(0.0)
    caller.received('{"type":"session.accepted","mediaFormat":"raw/lpcm16"}', 0.0)
    config = {"type": "event", "name": "config", "sessionParams": {"bargeIn": True}}
    told = {"type": "activities", "activities": [config]}
    caller.received(msgspec.json.encode(told).decode(), 0.1)
    caller.received('{"type":"playStream.start","streamId":"1"}', 0.1)
    chunk = {"type": "playStream.chunk", "streamId": "1", "audioChunk": tone(100)}
    caller.received(msgspec.json.encode(chunk).decode(), 0.1)
    caller.tick(0.2)
    caller.received('{"type":"userStream.speech.started"}', 0.2)
    (cut,) = [line for line in caller.ledger.lines if line.kind == "barge-in"]
    assert cut.text == "the bot fell silent"
    (shown,) = [line for line in caller.ledger.lines if line.kind == "event"]
    assert (shown.text, shown.detail) == ("config", '{"bargeIn":true}')


def test_a_refusal_that_was_expected_is_no_fault() -> None:
    done, _ = call(plan(steps=(ExpectEnd("no capacity"),)), faults=frozenset({"refuse"}))
    assert done.ok, done.faults
    assert (done.ended_by, done.reason_code, done.reason) == ("gateway", "error", "no capacity")
    steps = (BILL, ExpectEnd("error"))
    done, _ = call(plan(steps=steps), faults=frozenset({"error in mid-call"}))
    assert done.ok, done.faults


def test_an_end_for_another_reason_than_expected_is_a_fault() -> None:
    steps = (BILL, ExpectEnd("transferred"))
    done, _ = call(plan(steps=steps), last_words=(event("hangup"),))
    assert done.faults == (
        'the call ended as bot-disconnected "Bot hung up", not as "transferred"',
    )


def test_the_result_says_when_what_was_heard_and_how_long_nothing_was() -> None:
    steps = (BILL, Expect("some words"), Silence(3.0), HangUp())
    done, _ = call(plan(steps=steps), silence_ms=300)
    assert done.ok, done.faults
    assert [prompt.text for prompt in done.heard] == ["Welcome.", "You said some words."]
    assert all(prompt.heard_ms == 400 for prompt in done.heard)
    (quiet,) = done.silences
    assert quiet.seconds == done.longest_silence == pytest.approx(3.0, abs=0.05)
    answer = done.heard[1]
    assert answer.ended_at == pytest.approx(quiet.began_at, abs=0.05)


def test_an_expected_prompt_that_never_comes_is_named_when_the_bot_hangs_up() -> None:
    steps = (BILL, Expect("goodbye"))
    done, _ = call(plan(steps=steps), last_words=(event("hangup"),))
    assert done.faults == ('the call ended before the bot said "goodbye"',)


def test_a_transfer_of_which_the_bot_wants_to_know_is_told_over_the_wire() -> None:
    params = {"transferTarget": "tel:+15550123", "transferNotifications": True}
    last_words = (event("transfer", activity_params=params),)
    for outcome, ended_by in (("answered", "bot"), ("no-answer", "caller")):
        done, bot = call(plan(transfer=outcome), last_words=last_words)
        assert done.ok, done.faults
        (told,) = [heard for heard in bot.heard if heard.event == "transferstatus"]
        assert told.value.get("reasonCode", "answered") == outcome
        assert done.ended_by == ended_by
        assert [seen.name for seen in done.activities] == ["transfer"]
