"""From voice and results to turns, and what interrupts the bot."""

import pytest

from bots.core import activities
from calls.core import commands, events
from calls.core.caller import UTTERANCE_TIMEOUT_S
from calls.core.floor import Utterance
from calls.core.timeouts import Timer
from tests.calls.core.caller_stage import Stage, continuous

pytestmark = pytest.mark.pure


# --- utterances -----------------------------------------------------------------------------------


def test_an_utterance_goes_to_the_bot_and_into_the_transcript() -> None:
    stage = Stage(language="de-DE")
    stage.voice(1.0, 2.6)
    stage.caller.said(events.CallerSaid(text="Guten Tag", final=True, confidence=0.9), 2.8)

    assert stage.out.take() == [
        commands.ShowInterim("caller", ""),
        commands.RecordLine(at=1.0, side="caller", kind="speech", text="Guten Tag", confidence=0.9),
        commands.SendToBot(
            activities.message("Guten Tag", language="de-DE", parameters={"confidence": 0.9})
        ),
    ]


def test_the_language_of_a_turn_is_that_of_the_recogniser() -> None:
    stage = Stage(language="en-US", sttLanguage="fr-FR")
    stage.says("Bonjour", 1.0)

    assert [each.language for each in stage.told] == ["fr-FR"]


def test_a_turn_tells_when_the_caller_stopped_and_how_long_it_took_to_know() -> None:
    stage = Stage(speechDetectionSilencePeriodMS=600)
    stage.voice(1.0, 2.6)
    stage.says("Hello", 2.8)

    assert stage.turn == commands.RecordTurn(
        turn=1,
        kind="speech",
        caller_stopped_at=2.0,
        end_decided_at=2.6,
        final_text_at=2.8,
        sent_to_bot_at=2.8,
    )


def test_a_result_that_comes_before_the_silence_ends_the_turn() -> None:
    stage = Stage()
    stage.voice(1.0)
    stage.says("Hello", 2.0)
    stage.caller.voice_stopped(events.VoiceStopped(), 2.4)

    heard, turn = stage.heard, stage.turn

    assert heard == ["Hello"]
    assert (turn.caller_stopped_at, turn.end_decided_at, turn.final_text_at) == (2.0, 2.0, 2.0)


def test_a_result_is_awaited_as_long_as_it_may_take() -> None:
    stage = Stage(sttResponseTimeoutMS=4000)
    stage.voice(1.0)
    due = [stage.timers.deadline]
    stage.caller.voice_stopped(events.VoiceStopped(), 2.6)
    due.append(stage.timers.deadline)
    stage.says("", 3.0)
    due.append(stage.timers.deadline)

    assert due == [1.0 + UTTERANCE_TIMEOUT_S, 6.6, None]
    assert stage.heard == []


def test_the_result_of_one_utterance_does_not_end_the_wait_for_the_next() -> None:
    stage = Stage()
    stage.voice(1.0, 2.0)
    stage.voice(2.2)
    stage.says("My bill", 2.4)

    assert stage.floor.caller_speaks
    assert stage.timers.running(Timer.RECOGNITION)


def test_with_the_gate_shut_nothing_is_heard() -> None:
    stage = Stage(sendEventsToBot=["speechHypothesis"])
    stage.floor.listening = False
    stage.voice(1.0, 2.0)
    stage.says("my", 1.5, final=False)
    stage.says("My bill", 2.2)

    assert stage.out.take() == []
    assert stage.timers.deadline is None


def test_results_that_do_not_come_are_counted_until_one_comes() -> None:
    stage = Stage()
    counts = []
    for began in (1.0, 11.0):
        stage.voice(began, began + 1)
        stage.caller.recognition_expired(began + 9)
        counts.append(stage.caller.recognition_timeouts)
    stage.voice(21.0)
    stage.caller.recognition_expired(81.0)  # voice that never ended is noise
    counts.append(stage.caller.recognition_timeouts)
    stage.says("Hello", 90.0)
    counts.append(stage.caller.recognition_timeouts)

    assert counts == [1, 2, 2, 0]
    assert not stage.floor.caller_speaks


def test_interim_text_is_shown_and_told_to_a_bot_that_asked_for_it() -> None:
    stage = Stage(sendEventsToBot=["speechHypothesis"])
    stage.says("my b", 1.5, final=False)

    assert stage.out.take() == [
        commands.ShowInterim("caller", "my b"),
        commands.SendToBot(activities.event("speechHypothesis", value={"text": "my b"})),
    ]


@pytest.mark.parametrize("ends", ["voice", "result", "gate"])
def test_voice_and_silence_are_told_however_the_voice_ends(ends: str) -> None:
    stage = Stage(
        sendEventsToBot=["voiceDetected", "silenceDetected"],
        enableSpeechDetectionEvent=True,
        speechActivitySilencePeriodMS=0,
    )
    stage.voice(1.0)
    if ends == "result":
        stage.says("Hello", 1.5)
    if ends == "gate":
        stage.caller.gate_shut(2.0, deliver=True)
    else:
        stage.caller.voice_stopped(events.VoiceStopped(), 2.0)

    names = [each.name for each in stage.told if each.kind == "event"]
    assert names == ["voiceDetected", "silenceDetected"]


# --- interruptions --------------------------------------------------------------------------------


@pytest.mark.parametrize(("minimum", "interrupted"), [(0, True), (1, True), (2, False)])
def test_voice_alone_interrupts_unless_words_are_demanded(minimum: int, interrupted: bool) -> None:
    stage = Stage(bargeIn=True, bargeInMinWordCount=minimum)
    stage.bot_says()
    stage.voice(1.0)

    assert stage.interrupted is interrupted


@pytest.mark.parametrize("final", [False, True])
@pytest.mark.parametrize(("text", "interrupted"), [("", False), ("uh", False), ("I do", True)])
def test_enough_words_interrupt(text: str, final: bool, interrupted: bool) -> None:
    stage = Stage(bargeIn=True, bargeInMinWordCount=2)
    stage.bot_says()
    stage.says(text, 1.0, final=final)

    assert stage.interrupted is interrupted


def test_too_few_words_over_a_prompt_are_no_turn() -> None:
    stage = Stage(bargeIn=True, bargeInMinWordCount=2)
    stage.bot_says()
    stage.says("Uh.", 1.0)

    assert stage.lines == [("system", "The caller said too few words to interrupt the bot: Uh.")]
    assert stage.bot.turns == 0


@pytest.mark.parametrize("barge_in", [False, True])
def test_one_word_counts_over_a_prompt_that_it_does_not_interrupt(barge_in: bool) -> None:
    stage = Stage(bargeIn=barge_in, bargeInMinWordCount=2)
    stage.bot_says()
    if barge_in:
        stage.speaker.interrupt(0.5)
    stage.says("Yes.", 1.0)

    assert stage.heard == ["Yes."]


# --- continuous ASR -------------------------------------------------------------------------------


def test_utterances_are_collected_until_the_caller_is_silent() -> None:
    stage = continuous()
    stage.says("The door.", 1.0)
    stage.voice(2.0)
    stage.says("The mirror.", 2.5)
    told_before = stage.heard
    due = stage.timers.deadline
    stage.caller.collection_expired(4.5)
    (activity,) = stage.told

    assert (told_before, due) == ([], 4.5)
    assert activity.text == "The door. The mirror."
    assert activity.parameters == {"recognitions": [{"text": "The door."}, {"text": "The mirror."}]}


def test_each_utterance_starts_the_clock_anew() -> None:
    stage = continuous()
    stage.says("The door.", 1.0)
    stage.says("The mirror.", 2.0)

    assert stage.timers.deadline == 4.0


def test_voice_stops_the_clock_and_noise_starts_it_anew() -> None:
    stage = continuous()
    stage.says("The door.", 1.0)
    stage.voice(2.0, 2.5)
    while_speaking = stage.timers.running(Timer.COLLECTION)
    stage.says("", 2.8)

    assert not while_speaking
    assert stage.timers.deadline == 4.8


def test_a_result_of_one_utterance_waits_for_the_next_that_has_begun() -> None:
    stage = continuous()
    stage.voice(1.0, 1.8)
    stage.voice(1.9)
    stage.says("The door.", 2.0)

    assert not stage.timers.running(Timer.COLLECTION)
    stage.caller.recognition_expired(3.0)
    assert stage.timers.deadline == 5.0


def test_interim_text_without_a_final_result_counts_as_it_stands() -> None:
    stage = continuous(continuousASRHypothesisTimeoutMS=1500, speechDetectionSilencePeriodMS=600)
    stage.voice(1.0, 2.6)
    stage.says("", 1.9, final=False)
    stage.says("the door", 2.0, final=False)
    due = stage.timers.deadline
    stage.caller.collection_expired(3.5)
    heard = stage.heard
    turn = stage.turn
    stage.says("The door.", 4.0)
    stage.says("The mirror.", 5.0)
    stage.caller.collection_expired(7.0)

    assert (due, heard) == (3.5, ["the door"])
    assert (turn.caller_stopped_at, turn.final_text_at) == (2.0, 3.5)
    assert stage.heard == ["The mirror."], "the late result was counted already"


def test_interim_text_without_voice_counts_too() -> None:
    stage = continuous()
    stage.says("the door", 2.0, final=False)
    stage.caller.collection_expired(5.0)

    assert stage.lines == [("caller", "the door")]


def test_the_next_words_are_no_late_result() -> None:
    stage = continuous()
    stage.says("the door", 2.0, final=False)
    stage.caller.collection_expired(5.0)
    stage.voice(6.0, 7.0)
    stage.says("The mirror.", 7.2)
    stage.caller.collection_expired(9.2)

    assert stage.heard == ["the door", "The mirror."]


def test_a_key_ends_the_turn() -> None:
    stage = continuous(sendDTMF=True)
    stage.says("The door.", 1.0)
    stage.presses("#", 1.5)

    assert stage.heard == ["The door."], "the key is no digit"


def test_a_key_pressed_while_speaking_ends_the_turn_with_the_result() -> None:
    stage = continuous()
    stage.voice(1.0)
    stage.presses("#", 1.5)
    stage.says("The door.", 2.0)

    assert stage.heard == ["The door."]


def test_a_key_pressed_over_noise_ends_no_later_turn() -> None:
    stage = continuous()
    stage.voice(1.0, 1.8)
    stage.presses("#", 1.5)
    stage.says("", 2.0)
    stage.says("The door.", 4.0)

    assert stage.heard == []
    assert stage.timers.deadline == 6.0


def test_a_gate_that_shuts_ends_the_turn() -> None:
    stage = continuous()
    stage.says("The door.", 1.0)
    stage.voice(1.5)
    stage.caller.gate_shut(2.0, deliver=True)

    assert stage.heard == ["The door."]
    assert not stage.floor.caller_speaks
    assert not stage.timers.running(Timer.RECOGNITION)


def test_when_the_bot_is_gone_nothing_is_delivered() -> None:
    stage = continuous()
    stage.says("The door.", 1.0)
    stage.caller.gate_shut(2.0, deliver=False)

    assert stage.heard == []
    assert stage.timers.deadline is None


def test_in_a_text_session_the_peer_collects() -> None:
    stage = continuous(audio=False)
    stage.says("the d", 1.0, final=False)
    stage.says("The door.", 1.5)

    assert stage.heard == ["The door."]
    assert not stage.timers.running(Timer.COLLECTION)


# --- a bot that hears the caller itself -----------------------------------------------------------


def test_a_bot_that_heard_it_is_not_told_and_decides_itself_what_belongs_together() -> None:
    stage = continuous(heard_by_bot=True)
    stage.voice(1.0, 2.0)
    stage.says("my bill", 2.5)

    assert stage.lines == [("caller", "my bill")]
    assert stage.bot.turns == 1
    assert stage.turn.caller_stopped_at == 2.0, "the bot's word is not late"


def test_a_turn_whose_text_is_not_known_is_a_turn() -> None:
    stage = Stage(heard_by_bot=True)
    stage.caller.silent()
    stage.voice(1.0, 2.0)
    stage.caller.committed(Utterance(1.0, 2.0, 2.0), 2.4)

    assert not stage.floor.caller_speaks
    assert (stage.timers.deadline, stage.caller.no_inputs) == (None, 0)
    turn = stage.turn
    assert (turn.caller_stopped_at, turn.end_decided_at, turn.final_text_at) == (2.0, 2.0, 2.4)


def test_silence_after_the_voice_is_no_failure_of_ours() -> None:
    stage = Stage(heard_by_bot=True)
    stage.voice(1.0, 2.0)
    stage.caller.recognition_expired(10.0)
    assert stage.caller.recognition_timeouts == 0
    assert not stage.floor.caller_speaks


def test_no_key_completes_what_is_not_collected() -> None:
    stage = continuous(heard_by_bot=True, sendDTMF=True, continuousASRDigits="#")
    stage.voice(1.0)
    stage.presses("#", 1.5)
    assert stage.heard == ["#"]
