"""The caller's ear, mouth and mind, frame by frame."""

from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from bots.core.activities import Activity, event, message
from bots.protocols import ac_bot_api as wire
from bots.protocols.ac_bot_api import MediaFormat
from calls.testcall.conversation import CALLER_DONE, Conversation, Deeds, End
from calls.testcall.ledger import Ledger
from calls.testcall.plan import (
    AXIS,
    CallPlan,
    Digits,
    Expect,
    ExpectEnd,
    HangUp,
    Manner,
    Silence,
    Step,
    Text,
    utterance,
)
from tests.fakes.ac_bot import tone

pytestmark = pytest.mark.pure

WORDS = utterance("hello", tone(100))


class Talk:
    """A conversation with its clock."""

    def __init__(self, *steps: Step, **fields: Any) -> None:
        plan = CallPlan(
            conversation_id=UUID(int=1), epoch=datetime.now(UTC), bot="b", steps=steps, **fields
        )
        self.ledger = Ledger()
        self.conversation = Conversation(plan, self.ledger)
        self.at = 0.0
        self.conversation.begin(AXIS, 0.0)

    def bot(self, *what: wire.ClientEvent) -> None:
        for one in what:
            self.conversation.take(one, self.at)

    def bot_does(self, *activities: Activity) -> None:
        self.bot(wire.ActivitiesReceived(activities))

    def prompt(
        self, ms: int, *, name: str = "p", text: str = "", stop: bool = True, **params: Any
    ) -> None:
        started = wire.PlayStarted(
            stream_id=name,
            media_format=MediaFormat.RAW_LPCM16,
            alt_text=text or None,
            activity_params=params,
        )
        self.bot(started, wire.PlayAudio(name, tone(ms)))
        if stop:
            self.bot(wire.PlayStopped(name))

    def listen(self, ms: int, *, talking: bool = True) -> list[Deeds]:
        deeds = []
        for _ in range(ms // 20):
            self.at += 0.02
            deeds.append(self.conversation.frame(self.at, talking=talking))
        return deeds

    def told(self, kind: str) -> list[str]:
        return [line.text for line in self.ledger.lines if line.kind == kind]

    def details(self, kind: str) -> list[str]:
        return [line.detail for line in self.ledger.lines if line.kind == kind]


def ends(deeds: list[Deeds]) -> list[End]:
    return [deed.end for deed in deeds if deed.end is not None]


def sent(deeds: list[Deeds]) -> list[Activity]:
    return [activity for deed in deeds for activity in deed.activities]


def test_what_is_said_and_heard_is_kept_frame_by_frame() -> None:
    talk = Talk(WORDS)
    talk.prompt(100)
    deeds = talk.listen(1000)
    said, heard = talk.conversation.said, talk.conversation.heard
    assert len(said) == len(heard) == 50 * 640
    assert bytes(heard[:3200]) == tone(100)
    assert tone(100) in bytes(said)
    assert b"".join(deed.audio for deed in deeds) == bytes(said)


def test_a_whole_exchange() -> None:
    talk = Talk(WORDS)
    talk.prompt(100)
    talk.listen(900)
    assert talk.told("caller") == ["hello"]
    assert not talk.conversation.caller_speaking
    talk.bot(
        wire.SpeechStarted(None),
        wire.SpeechHypothesis("he"),
        wire.SpeechStopped(None),
        wire.SpeechRecognition("hello", 0.8),
        wire.SpeechRecognition("there", 0.7),
        wire.SpeechRecognition("", None),
        wire.SpeechCommitted(None),
    )
    talk.prompt(100)
    assert ends(talk.listen(1000))[0] == CALLER_DONE
    (turn,) = talk.ledger.turns
    assert (turn.recognised, turn.confidence) == ("hello there", 0.7)
    assert turn.answer_delay_ms is not None
    assert talk.told("hypothesis") == ["he"]
    assert talk.told("heard") == ["hello", "there", ""]
    assert talk.details("heard") == ["confidence 0.80", "confidence 0.70", ""]


def test_recognition_before_the_caller_spoke_is_shown_only() -> None:
    talk = Talk()
    talk.bot(wire.SpeechRecognition("ghost", 0.5))
    assert talk.told("heard") == ["ghost"]
    assert talk.ledger.turns == []


def test_the_caller_hangs_up_after_the_last_answer() -> None:
    talk = Talk()
    talk.prompt(100)
    assert ends(talk.listen(660)) == []
    assert ends(talk.listen(200))[0] == CALLER_DONE


def test_keys_come_one_by_one_at_a_human_pace() -> None:
    talk = Talk(Digits("12"))
    talk.prompt(100)
    deeds = talk.listen(1500)
    pressed = [(n, a.value) for n, deed in enumerate(deeds) for a in deed.activities]
    assert [value for _, value in pressed] == ["1", "2"]
    assert pressed[1][0] - pressed[0][0] == 10
    assert sent(deeds)[0].language == "en-US"
    assert talk.told("digits") == ["12"]
    assert talk.ledger.turns[0].ended_at is not None


def test_in_a_text_session_messages_are_turns() -> None:
    talk = Talk(Text("hello"), text_session=True)
    talk.bot_does(message("Welcome."))
    deeds = talk.listen(800)
    assert [(a.kind, a.text) for a in sent(deeds)] == [("message", "hello")]
    talk.bot_does(message("Bye."), event("hangup"))
    assert [end.by for end in ends(talk.listen(40))] == ["bot"]
    assert talk.told("bot") == ["Welcome.", "Bye."]
    assert talk.ledger.prompts == 2
    assert talk.ledger.turns[0].answer_delay_ms is not None


def test_text_in_a_spoken_call_is_shown_and_is_no_answer() -> None:
    talk = Talk()
    talk.bot_does(message("psst"))
    assert talk.details("bot") == ["text, not spoken"]
    assert talk.ledger.prompts == 0


def test_no_answer_is_a_fault_and_no_greeting_is_not() -> None:
    talk = Talk(WORDS)
    talk.listen(20_000)
    assert talk.ledger.notes == ["the bot did not greet"]
    assert talk.ledger.faults == ['the bot did not answer "hello"']


def test_speech_stops_a_prompt_that_allows_it() -> None:
    talk = Talk(Manner.INTERRUPT, WORDS)
    talk.prompt(3000, bargeIn=True)
    talk.listen(760)
    assert talk.ledger.turns[0].over_prompt
    assert talk.conversation.caller_speaking
    talk.bot(wire.SpeechStarted(None), wire.SpeechStarted(None))
    assert talk.told("barge-in") == ["the bot fell silent"]
    assert talk.ledger.turns[0].barge_in_ms == pytest.approx(40, abs=21)
    talk.listen(20)
    assert bytes(talk.conversation.heard[-640:]) == bytes(640)


def test_a_bot_that_stops_before_the_first_sound_was_not_interrupted() -> None:
    hesitant = utterance("er", bytes(40 * 640) + tone(100))
    talk = Talk(Manner.INTERRUPT, WORDS, hesitant)
    talk.prompt(100)
    talk.listen(900)
    talk.prompt(3000, bargeIn=True)
    talk.listen(800)
    talk.bot(wire.SpeechStarted(None))
    assert [turn.over_prompt for turn in talk.ledger.turns] == [False, True]
    assert talk.ledger.turns[1].barge_in_ms is None


def test_speech_that_is_noticed_late_is_no_false_alarm() -> None:
    talk = Talk(WORDS)
    talk.prompt(100)
    talk.listen(900)
    talk.prompt(300, bargeIn=True)
    talk.listen(100)
    talk.bot(wire.SpeechStarted(None))
    assert talk.details("barge-in") == ["after 0.1 s of the prompt"]
    assert talk.ledger.faults == []


def test_speech_does_not_stop_a_prompt_that_forbids_it() -> None:
    for params in ({"bargeIn": False}, {"bargeIn": "true"}, {}):
        talk = Talk()
        talk.prompt(1000, **params)
        talk.listen(100)
        talk.bot(wire.SpeechHypothesis("hello"))
        assert talk.told("barge-in") == []


def test_a_prompt_cut_off_in_silence_is_a_fault() -> None:
    talk = Talk()
    talk.prompt(300, bargeIn=True)
    talk.listen(100)
    talk.bot(wire.SpeechStarted(None))
    assert talk.ledger.faults == ["a prompt was cut off although the caller was silent"]


def test_the_bot_may_abort_its_own_prompts() -> None:
    talk = Talk()
    talk.prompt(300)
    talk.listen(100)
    talk.bot_does(event("abortPrompts"))
    assert talk.details("barge-in") == ["after 0.1 s of the prompt"]
    assert talk.ledger.faults == []
    talk.bot_does(event("abortPrompts"))
    assert len(talk.told("barge-in")) == 1


def test_settings_of_the_session_are_kept_for_later_prompts() -> None:
    talk = Talk()
    talk.bot_does(event("config", session_params={"bargeIn": True, "language": "de-DE"}))
    talk.bot_does(event("config", activity_params={"language": "fr-FR"}))
    talk.bot_does(event("sendMetaData", value=[1], activity_params={"bargeIn": False}))
    talk.prompt(1000)
    talk.listen(100)
    talk.bot(wire.SpeechStarted(None))
    assert talk.told("barge-in") == ["the bot fell silent"]
    assert talk.told("event") == ["config", "config", "sendMetaData"]
    assert talk.details("event")[2] == '{"bargeIn":false,"value":[1]}'
    talk.bot_does(Activity(type="invented"))
    assert (talk.told("event")[3], talk.details("event")[3]) == ("invented", "")


def test_hangup_and_transfer_wait_for_their_prompts() -> None:
    talk = Talk()
    talk.prompt(100)
    talk.bot_does(event("transfer", activity_params={"transferTarget": "tel:1"}))
    assert talk.conversation.farewell == End(
        by="bot", reason_code="transferred", reason="Transferred to tel:1"
    )
    assert ends(talk.listen(100)) == []
    assert ends(talk.listen(200, talking=False)) == []
    assert [end.reason_code for end in ends(talk.listen(20))] == ["transferred"]
    assert talk.conversation.farewell is None


def test_a_prompt_in_a_format_that_was_not_offered_is_a_fault() -> None:
    talk = Talk(media_formats=(MediaFormat.RAW_MULAW,))
    talk.prompt(100)
    assert talk.ledger.faults == ["a prompt came as raw/lpcm16, which was not offered"]


def test_a_forgotten_play_stream_is_closed_with_a_fault() -> None:
    talk = Talk()
    talk.prompt(100, stop=False)
    talk.listen(4900)
    assert talk.ledger.faults == []
    talk.listen(400)
    assert talk.ledger.faults == ["play stream 'p' was left open without audio for 5 s"]
    assert ends(talk.listen(800))


def test_a_stream_that_goes_on_after_it_was_silenced_is_not_waited_for() -> None:
    talk = Talk()
    talk.prompt(300, stop=False, bargeIn=True)
    talk.listen(100)
    talk.bot_does(event("abortPrompts"))
    talk.bot(wire.PlayAudio("p", tone(100)))
    assert talk.ledger.faults == []
    talk.listen(5200)
    assert talk.ledger.faults[-1] == "play stream 'p' was left open without audio for 5 s"


def test_a_stream_is_over_with_its_socket() -> None:
    talk = Talk()
    talk.prompt(100, stop=False)
    talk.conversation.lose_socket()
    talk.listen(200)
    assert ends(talk.listen(800))
    talk.bot(wire.PlayStopped("p"))
    assert talk.ledger.faults == []


def test_gaps_inside_prompts_are_added_up() -> None:
    talk = Talk()
    talk.prompt(100, stop=False)
    talk.listen(200)
    talk.bot(wire.PlayAudio("p", tone(100)), wire.PlayStopped("p"))
    talk.listen(200)
    assert talk.ledger.starved_ms == 100


def test_each_prompt_is_kept_with_its_times_and_gaps() -> None:
    talk = Talk()
    talk.prompt(100, text="Whole.")
    talk.prompt(100, name="q", text="With a gap.", stop=False)
    talk.listen(260)
    talk.bot(wire.PlayAudio("q", tone(40)), wire.PlayStopped("q"))
    talk.listen(100)
    talk.prompt(300, name="r", text="Cut.")
    talk.listen(100)
    talk.bot_does(event("abortPrompts"))
    whole, gap, cut = talk.ledger.heard
    assert (whole.text, whole.heard_ms, whole.gap_ms, whole.cut) == ("Whole.", 100, 0, False)
    assert whole.began_at == pytest.approx(0.02)
    assert whole.ended_at == pytest.approx(0.12)
    assert (gap.heard_ms, gap.gap_ms) == (140, 60)
    assert (cut.text, cut.heard_ms, cut.cut) == ("Cut.", 100, True)
    assert cut.ended_at == pytest.approx(talk.at)
    talk.prompt(300, name="s", text="Cut by the end of the call.")
    talk.listen(100)
    talk.conversation.finish(talk.at)
    last = talk.ledger.heard[-1]
    assert (last.heard_ms, last.cut, last.ended_at) == (100, True, talk.at)
    assert whole.ended_at == pytest.approx(0.12)


def test_keys_have_the_gap_they_were_planned_with() -> None:
    talk = Talk(Digits("123", 1.5))
    talk.prompt(100)
    pressed = [n for n, deed in enumerate(talk.listen(4500)) if deed.activities]
    assert [later - earlier for earlier, later in pairwise(pressed)] == [75, 75]


def test_a_key_over_a_prompt_stops_it_and_is_measured_but_need_not() -> None:
    for stops in (True, False):
        talk = Talk(Manner.INTERRUPT, Digits("1"))
        talk.prompt(3000, bargeIn=True)
        talk.listen(760)
        (turn,) = talk.ledger.turns
        assert (turn.over_prompt, turn.must_silence) == (True, False)
        if stops:
            talk.bot_does(event("abortPrompts"))
            assert turn.barge_in_ms == pytest.approx(40, abs=41)
            assert "after the caller's first key" in talk.details("barge-in")[0]
        else:
            assert turn.barge_in_ms is None


def test_what_the_bot_is_to_say_is_waited_for_and_noted() -> None:
    talk = Talk(Expect("welcome home"), WORDS)
    talk.prompt(100, text="Hello.")
    talk.listen(2000)
    assert talk.told("caller") == []
    talk.prompt(100, name="q", text="Welcome home!")
    talk.listen(900)
    assert talk.told("expected") == ["welcome home"]
    assert talk.told("caller") == ["hello"]
    assert [met.last for met in talk.ledger.met] == [1]


def test_what_the_bot_does_not_say_is_a_fault_and_the_plan_goes_on() -> None:
    talk = Talk(Expect("welcome"), WORDS, patience=2.0)
    talk.prompt(100, text="Hello.")
    talk.listen(3000)
    assert talk.ledger.faults == ['the bot did not say "welcome" within 2 s']
    assert talk.told("caller") == ["hello"]


def test_words_of_the_last_moment_meet_an_expectation() -> None:
    talk = Talk(Expect("bye"), Expect("never"), text_session=True)
    talk.bot_does(message("Bye."), event("hangup"))
    assert ends(talk.listen(20))
    assert talk.conversation.finish(talk.at) == [Expect("never")]
    assert talk.told("expected") == ["bye"]


def test_a_prompt_without_text_is_taken_for_what_is_expected() -> None:
    talk = Talk(Expect("welcome"))
    talk.prompt(100)
    talk.listen(900)
    assert talk.details("expected") == ["its text is not told"]


def test_an_end_that_does_not_come_is_a_fault() -> None:
    talk = Talk(ExpectEnd("transferred"), patience=2.0)
    talk.prompt(100)
    assert ends(talk.listen(3000))[0] == CALLER_DONE
    assert talk.ledger.faults == ['the call did not end as "transferred" within 2 s']


def test_hanging_up_does_not_wait_for_the_bot() -> None:
    talk = Talk(Silence(0.5), HangUp())
    talk.prompt(3000)
    assert ends(talk.listen(480)) == []
    assert ends(talk.listen(60))[0] == CALLER_DONE


def test_a_turn_over_the_bot_is_judged_as_it_was_taken() -> None:
    talk = Talk(Manner.TALK_OVER, WORDS)
    talk.prompt(1000, bargeIn=False)
    talk.listen(900)
    (turn,) = talk.ledger.turns
    assert (turn.over_prompt, turn.must_be_heard, turn.must_silence) == (True, False, False)


TRANSFER = event(
    "transfer", activity_params={"transferTarget": "tel:1", "transferNotifications": True}
)


@pytest.mark.parametrize(
    "settings", [TRANSFER.activity_params, {"transferTarget": "tel:1"}], ids=["own", "session"]
)
def test_a_failed_transfer_is_told_and_the_call_goes_on(settings: dict[str, Any]) -> None:
    talk = Talk(Expect("nobody"), transfer="busy")
    talk.bot_does(event("config", session_params={"transferNotifications": True}))
    talk.prompt(100)
    talk.bot_does(event("transfer", activity_params=settings))
    assert sent(talk.listen(1000)) == []
    (told,) = sent(talk.listen(200))
    assert (told.event, told.value["reasonCode"]) == ("transferstatus", "busy")
    talk.prompt(100, name="q", text="Nobody is free.")
    assert ends(talk.listen(900))[0] == CALLER_DONE
    assert talk.told("event") == ["config", "transfer", "transfer"]
    assert talk.details("event")[1:] == ["Transferred to tel:1", "busy"]


def test_an_answered_transfer_is_told_and_ends_the_call() -> None:
    talk = Talk()
    talk.bot_does(TRANSFER)
    (last,) = [deed for deed in talk.listen(1200) if deed.activities]
    assert last.activities[0].value == {"status": "answered"}
    assert last.end is not None
    assert last.end.reason_code == "transferred"


def test_what_follows_a_transfer_waits_for_its_outcome() -> None:
    talk = Talk(transfer="declined")
    talk.bot_does(TRANSFER, event("hangup"))
    assert ends(talk.listen(1000)) == []
    assert [end.reason_code for end in ends(talk.listen(200))] == ["bot-disconnected"]


def test_a_bot_that_does_not_ask_for_the_outcome_is_not_told() -> None:
    talk = Talk(transfer="busy")
    params = {"transferTarget": "tel:1", "transferNotifications": False}
    talk.bot_does(event("transfer", activity_params=params))
    (deed,) = talk.listen(20)
    assert deed.activities == ()
    assert deed.end is not None


def test_events_of_the_bot_are_kept_with_all_they_carry() -> None:
    talk = Talk()
    talk.listen(100)
    talk.bot_does(
        event("sendDtmf", activity_params={"dtmfDigits": "12"}, session_params={"a": 1}),
        event("sendMetaData", value={"score": 5}),
        Activity(type="invented"),
        TRANSFER,
    )
    assert [seen.name for seen in talk.ledger.activities] == [
        "sendDtmf",
        "sendMetaData",
        "invented",
        "transfer",
    ]
    first, second, *_ = talk.ledger.activities
    assert first.at == pytest.approx(0.1)
    assert first.parameters == {"dtmfDigits": "12", "a": 1}
    assert second.value == {"score": 5}


def test_in_a_text_session_a_file_to_be_played_is_an_answer() -> None:
    talk = Talk(Text("hello"), text_session=True)
    talk.bot_does(event("playUrl", activity_params={"playUrlUrl": "https://a.example/b.wav"}))
    talk.listen(800)
    alt = {"playUrlUrl": "https://a.example/b.wav", "playUrlAltText": "Music."}
    talk.bot_does(event("playUrl", activity_params=alt))
    assert talk.told("bot") == ["https://a.example/b.wav", "Music."]
    assert [prompt.text for prompt in talk.ledger.heard] == talk.told("bot")
    assert ends(talk.listen(800))[0] == CALLER_DONE
